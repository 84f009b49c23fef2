//! What the screens ask, and what comes back: tables, so that a recording can hold them.

use crate::event::Timestamp;
use crate::report::Table;
use crate::report::skeleton::Summed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A question: what about, and in which window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The beginning of the window; open when absent.
    pub since: Option<Timestamp>,
    /// Its end; open when absent.
    pub until: Option<Timestamp>,
    /// What about.
    pub about: About,
}

/// What a question is about. The headline comes with each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    /// The overview.
    Overview,
    /// Consumer groups, and the partitions of one.
    Consumers {
        /// The group and topic whose partitions are shown.
        selected: Option<Reader>,
    },
    /// Failures by signature.
    Failures {
        /// Only those without a way back.
        orphans: bool,
    },
    /// The conversation of an event.
    Trace {
        /// The event.
        reference: i64,
    },
    /// Whatever a text can mean.
    Find {
        /// The text as it was typed.
        text: String,
    },
}

/// A group that reads a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reader {
    /// Cluster.
    pub cluster: String,
    /// Group.
    pub group: String,
    /// Topic.
    pub topic: String,
}

/// One table of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// `totals`: the numbers that every door shows.
    Totals,
    /// How the tap itself stands.
    Standing,
    /// Sums by minute.
    Pulse,
    /// `failures`.
    Failures,
    /// `lag`.
    Lag,
    /// `progress` of one group on one topic.
    Progress,
    /// What an id can mean.
    Matches,
    /// `trace_nodes`.
    Nodes,
    /// `trace_edges`.
    Edges,
    /// `trace_failures`.
    TraceFailures,
    /// `passage`.
    Passage,
    /// `coverage` of a conversation's topics.
    Coverage,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// Its tables.
    pub parts: BTreeMap<Part, Table>,
    /// What a person should know about it.
    pub notes: Vec<String>,
    /// Rows were left out.
    pub cut: bool,
    /// Of a conversation that is too large to be read whole: what is not among its nodes.
    #[serde(default)]
    pub summed: Option<Summed>,
    /// How long it took, ms: the next one waits in proportion.
    pub took_ms: i64,
}

impl Answer {
    /// A table of it; an empty one when it was not asked for.
    pub fn part(&self, part: Part) -> &Table {
        const NONE: &Table = &Table { columns: Vec::new(), rows: Vec::new() };
        self.parts.get(&part).unwrap_or(NONE)
    }
}
