//! The certificate of a verdict: what is claimed of a record, the bytes that say so, and whether they still do.
//!
//! Nothing here is taken on trust: what the database concluded is compared with the records as they were decoded again,
//! and a claim that they do not bear is said to be refuted.

mod check;
mod show;
#[cfg(test)]
mod tests;

pub use show::render;

use super::explanation::Verdict;
use super::rows::BarrierEnd;
use super::tree;
use crate::event::{Explanation, Finding, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// What checking a claim came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// The bytes say so.
    Confirmed,
    /// There is nothing at hand that could say so or deny it.
    NotChecked,
    /// The bytes say otherwise.
    NotConfirmed,
}

/// A piece of a record that bears a claim.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Exhibit {
    /// `topic/partition/offset` of the record.
    pub coordinates: String,
    /// Where in it: `header ce_id`, `body /metadata/eventId`, or the column of the database.
    pub place: String,
    /// Which of the headers of this name, from 1.
    pub occurrence: Option<usize>,
    /// How many there are.
    pub occurrences: Option<usize>,
    /// What is written there, bounded.
    pub text: String,
    /// The same bytes as hexadecimal digits, bounded; empty where only the database was asked.
    pub hex: String,
    /// What it was read as.
    pub reads_as: Option<String>,
}

/// One thing that is claimed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Claim {
    /// The claim in words.
    pub says: String,
    /// Name of the evidence, as the views have it.
    pub evidence: Option<String>,
    /// What bears it.
    pub exhibits: Vec<Exhibit>,
    /// What checking it came to.
    pub checked: Checked,
    /// Why, where that is not plain.
    pub because: Option<String>,
}

/// The certificate of what is said of one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Certificate {
    /// `topic/partition/offset`.
    pub coordinates: String,
    /// Name of its cluster.
    pub cluster: String,
    /// `root`, `caused`, `inferred`, `unlinked`, `waiting` or `orphaned`.
    pub resolution: String,
    /// Why it is orphaned.
    pub orphan_reason: Option<String>,
    /// Where the bytes are from.
    pub source: String,
    /// All that is claimed.
    pub claims: Vec<Claim>,
    /// Not confirmed when one of them is not; confirmed when at least one is.
    pub checked: Checked,
}

/// One record as a witness: as it lies there, or what was kept of it.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    /// `topic/partition/offset`.
    pub coordinates: String,
    /// It was read again, and decoded again.
    pub explanation: Option<Explanation>,
    /// Why it was not read again.
    pub hindrance: Option<String>,
    /// What the database keeps of it, by column of view `event`.
    pub stored: BTreeMap<String, String>,
}

/// All that a certificate is made of.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the database says.
    pub verdict: Verdict,
    /// The record itself.
    pub own: Witness,
    /// Its causes, in the order of the verdict.
    pub causes: Vec<Witness>,
    /// The event that healed the failure.
    pub healed_by: Option<Witness>,
    /// What the cause that is named but not there says now: other events that carry the id, by coordinates.
    pub found_since: Vec<String>,
    /// The barrier that was read past.
    pub barrier: Vec<BarrierEnd>,
    /// When the record was read.
    pub seen: Option<Timestamp>,
}

impl Certificate {
    /// Puts together what is claimed, and checks it. `source` says where the bytes are from.
    pub fn of(case: &Case, source: &str) -> Self {
        let event = &case.verdict.event;
        let claims = check::claims(case);
        let any = |checked: Checked| claims.iter().any(|claim| claim.checked == checked);
        let checked = match (any(Checked::NotConfirmed), any(Checked::Confirmed)) {
            (true, _) => Checked::NotConfirmed,
            (false, true) => Checked::Confirmed,
            (false, false) => Checked::NotChecked,
        };
        Self {
            coordinates: tree::raw_coordinates(event),
            cluster: event.cluster.clone(),
            resolution: event.resolution.clone(),
            orphan_reason: event.orphan_reason.clone(),
            source: source.to_owned(),
            claims,
            checked,
        }
    }
}

impl Witness {
    /// The id that it names as its cause.
    pub fn named_cause(&self) -> Option<&str> {
        self.value("causation", "causation_id")
    }

    /// What the record says in `field`; else what the database keeps of it in `column`.
    fn value(&self, field: &str, column: &str) -> Option<&str> {
        match &self.explanation {
            Some(explanation) => explanation.field(field)?.value.as_deref(),
            None => self.stored.get(column).map(String::as_str),
        }
    }

    /// The bytes that say it.
    fn exhibits(&self, field: &str, column: &str) -> Vec<Exhibit> {
        let Some(explanation) = &self.explanation else {
            let stored = self.stored.get(column).map(|value| Exhibit {
                coordinates: self.coordinates.clone(),
                place: format!("database, event.{column}"),
                text: value.clone(),
                ..Exhibit::default()
            });
            return stored.into_iter().collect();
        };
        let story = explanation.field(field);
        let found = story.into_iter().flat_map(|story| story.from.iter().chain(&story.with));
        found.map(|finding| self.exhibit(finding)).collect()
    }

    fn exhibit(&self, finding: &Finding) -> Exhibit {
        Exhibit {
            coordinates: self.coordinates.clone(),
            place: format!("{} ({})", finding.place, finding.convention),
            occurrence: finding.occurrence,
            occurrences: finding.occurrences,
            text: finding.raw.clone(),
            hex: finding.hex.clone(),
            reads_as: finding.reads_as.clone(),
        }
    }

    /// The place itself, for claims that name it.
    fn place(&self) -> Exhibit {
        let read = match (&self.explanation, &self.hindrance) {
            (Some(_), _) => "it lies there".to_owned(),
            (None, Some(why)) => why.clone(),
            (None, None) => "it was read, as the database says".to_owned(),
        };
        Exhibit {
            coordinates: self.coordinates.clone(),
            place: "coordinates".to_owned(),
            text: read,
            ..Exhibit::default()
        }
    }
}
