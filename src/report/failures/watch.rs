//! What is new since the last look.

use super::{group, states, what};
use crate::event::{Timestamp, clean};
use crate::report::rows::FailureLine;
use crate::report::style;
use std::collections::HashMap;

/// What was told last of each kind. It holds as many as one answer has.
#[derive(Debug, Default)]
pub struct Watch {
    told: HashMap<(String, Option<String>), (i64, String)>,
}

/// A kind that has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct News<'a> {
    /// The kind as it stands now.
    pub kind: &'a FailureLine,
    /// How many failures were added.
    pub added: i64,
    /// It was not there before.
    pub new: bool,
}

impl Watch {
    /// The kinds that are new, have more failures, or stand otherwise than when they were told last; the first look tells
    /// nothing, since it is what everything after is compared with.
    pub fn look<'a>(&mut self, kinds: &'a [FailureLine], first: bool) -> Vec<News<'a>> {
        let mut news = Vec::new();
        let mut told = HashMap::with_capacity(kinds.len());
        for kind in kinds {
            let name = (kind.signature.clone(), kind.consumer_group.clone());
            let now = (kind.failures, states(kind).letters());
            let before = self.told.get(&name);
            if !first && before != Some(&now) {
                let added = kind.failures.saturating_sub(before.map_or(0, |(failures, _)| *failures));
                news.push(News { kind, added, new: before.is_none() });
            }
            told.insert(name, now);
        }
        self.told = told;
        news
    }
}

impl News<'_> {
    /// One line for a person.
    pub fn line(&self, now: Timestamp) -> String {
        let change = match (self.new, self.added) {
            (true, n) => format!("new +{n}"),
            (false, 1..) => format!("+{}", self.added),
            (false, _) => "changed".to_owned(),
        };
        let kind = self.kind;
        clean(&format!(
            "{}  {change}: {}  {}  {}  {}  {}",
            style::time_of_day(now),
            states(kind).letters(),
            group(kind.consumer_group.as_deref(), &kind.candidate_groups),
            what(kind),
            kind.sample,
            kind.signature
        ))
    }
}
