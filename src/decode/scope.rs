//! What is known of a topic before its records are read: its role, and which conventions count on it.

use super::compiled::Compiled;
use super::topic::Role;
use std::collections::HashMap;
use std::sync::Arc;

/// Topics that are remembered; beyond, all are judged anew, which costs microseconds.
const MAX_TOPICS: usize = 65_536;

/// One topic.
#[derive(Debug)]
pub struct Scope {
    /// What its name says.
    pub role: Role,
    /// By number of the convention: `true` where it does not count here.
    pub off: Box<[bool]>,
    /// Whether any convention that counts here reads record keys.
    pub reads_key: bool,
}

impl Scope {
    /// The scope of `topic` under these conventions.
    pub fn of(topic: &str, table: &Compiled) -> Self {
        let elsewhere = |topics: &regex::Regex| !topics.is_match(topic);
        let off: Box<[bool]> =
            table.conventions.iter().map(|convention| convention.topics.as_ref().is_some_and(elsewhere)).collect();
        let mut key_rows = table.key_fields.iter().map(|(_, row)| table.rules[*row as usize].convention as usize);
        let reads_key = key_rows.any(|convention| !off[convention]);
        Self { role: Role::of(topic), off, reads_key }
    }
}

/// The topics seen so far.
#[derive(Debug, Default)]
pub struct Scopes {
    all: HashMap<Arc<str>, Arc<Scope>>,
    /// The topic of the record before.
    recent: Option<(Arc<str>, Arc<Scope>)>,
}

impl Scopes {
    /// What is known of `topic`.
    pub fn of(&mut self, topic: &Arc<str>, table: &Compiled) -> Arc<Scope> {
        if let Some((recent, scope)) = &self.recent
            && (Arc::ptr_eq(recent, topic) || recent == topic)
        {
            return scope.clone();
        }
        if self.all.len() >= MAX_TOPICS {
            self.all.clear();
        }
        let scope = self.all.entry(topic.clone()).or_insert_with(|| Arc::new(Scope::of(topic, table))).clone();
        self.recent = Some((topic.clone(), scope.clone()));
        scope
    }
}
