//! Why a record was understood as it was: what `headwater explain` shows. The names of all members are stable: they are
//! what programs read.

use serde::{Deserialize, Serialize};

/// All that can be said of how one record was read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// `topic/partition/offset`.
    pub coordinates: String,
    /// Name of its cluster.
    pub cluster: String,
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The record's timestamp, RFC 3339.
    pub record_time: String,
    /// Size of the key; `None` for a null.
    pub key_bytes: Option<usize>,
    /// Size of the value; `None` for a null.
    pub value_bytes: Option<usize>,
    /// Number of its headers.
    pub headers: usize,
    /// What the name of its topic says.
    pub topic_name: TopicName,
    /// What it says of itself, in the order in which people ask.
    pub fields: Vec<FieldStory>,
    /// Conventions of which anything was found, recognised ones first.
    pub conventions: Vec<ConventionStory>,
    /// What became of its body.
    pub body: BodyStory,
    /// What a recognised convention knows and the graph has no use for.
    pub noted: Vec<Piece>,
    /// Headers and members of the body that no convention knows.
    pub unknown: Vec<Piece>,
    /// Further ones that are not listed.
    pub unknown_more: usize,
    /// What is counted as not understood, by reason.
    pub undecoded: Vec<Undecodable>,
}

/// What the name of a topic says of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TopicName {
    /// What it is for, by its name alone.
    pub class: String,
    /// The pattern that its name matches, if it matches any.
    pub pattern: Option<String>,
    /// What it is for where a record says itself that it failed; else the same.
    pub with_evidence: String,
}

/// One field: its value, where it is from, and what lost to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldStory {
    /// Its name.
    pub field: String,
    /// What was decoded; `None` where nothing was.
    pub value: Option<String>,
    /// What such a value means.
    pub meaning: String,
    /// Why it is so, where no value of the record says it all.
    pub because: Option<String>,
    /// Where it is from.
    pub from: Option<Finding>,
    /// What it was put together with: the other coordinates of an origin, the span of a trace.
    pub with: Vec<Finding>,
    /// What says the same field and does not count, strongest first.
    pub lost: Vec<Finding>,
    /// Further ones that are not listed.
    pub lost_more: usize,
}

/// A value that a convention found in the record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Finding {
    /// Where it lies: `header ce_id`, `body /metadata/eventId`, `key field 2`.
    pub place: String,
    /// Which of the headers of this name it is, from 1; `None` where there is one, and in bodies.
    pub occurrence: Option<usize>,
    /// How many headers have this name.
    pub occurrences: Option<usize>,
    /// The convention.
    pub convention: String,
    /// How strongly the convention speaks.
    pub rank: String,
    /// The field that the convention takes it for.
    pub says: String,
    /// What was written, bounded; binary as `0x…`. Empty where values are hidden.
    pub raw: String,
    /// The same bytes as hexadecimal digits, bounded. Empty where values are hidden.
    #[serde(default)]
    pub hex: String,
    /// What it was read as; `None` where it was not understood.
    pub reads_as: Option<String>,
    /// Why it does not count; `None` for what counts.
    pub reason: Option<String>,
}

/// One convention, and whether the record follows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConventionStory {
    /// Its name.
    pub name: String,
    /// How strongly it speaks.
    pub rank: String,
    /// Whether the record follows it: else nothing that it found counts.
    pub recognised: bool,
    /// The fields that it found.
    pub found: Vec<String>,
    /// What is missing for it to be recognised.
    pub missing: Option<String>,
}

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BodyStory {
    /// Whether it was read.
    pub read: bool,
    /// How that went, or why it was not read.
    pub outcome: String,
    /// What was taken off around it, and around the headers, outermost first.
    pub unwrapped: Vec<String>,
}

/// A header, or a member of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Piece {
    /// Where it lies.
    pub place: String,
    /// What it is called, and by which convention; `None` where nobody knows it.
    pub known_as: Option<String>,
    /// What was written, bounded. Empty for members of bodies that no convention knows, and where values are hidden.
    pub raw: String,
    /// Size in bytes; `None` for objects, lists and words.
    pub bytes: Option<usize>,
}

/// One reason for which something was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Undecodable {
    /// The name of the counter.
    pub reason: String,
    /// How often on this record.
    pub count: u64,
}

/// Fields whose decoded value is text of the application, and not an id or a name.
const FREE_TEXT: [&str; 2] = ["error_message", "attribute"];

impl Explanation {
    /// Takes out everything that was written in the record, but for what is stored of any record: ids, names and times.
    pub fn hide_values(&mut self) {
        for story in &mut self.fields {
            let free = FREE_TEXT.iter().any(|name| story.field.starts_with(name));
            let found = story.from.iter_mut().chain(&mut story.with).chain(&mut story.lost);
            for finding in found {
                finding.raw.clear();
                finding.hex.clear();
                finding.reads_as = None;
            }
            if free {
                story.value = None;
            }
        }
        for piece in self.noted.iter_mut().chain(&mut self.unknown) {
            piece.raw.clear();
        }
    }

    /// The story of the field `name`.
    pub fn field(&self, name: &str) -> Option<&FieldStory> {
        self.fields.iter().find(|story| story.field == name)
    }
}
