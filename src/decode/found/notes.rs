//! What the engine passes over and `explain` shows. Kept on demand only: other records cost nothing more for it.

use super::super::json::{Step, Value};
use super::super::names::Place;
use super::super::schema::SchemaId;
use super::{Claim, Found, Lies, Read, UNHEARD, recognised};
use crate::event::Record;
use std::collections::{HashMap, HashSet};

/// Members of a body that are kept where no convention knows them: enough for people, too few for a hostile body.
const MAX_MEMBERS: usize = 64;

/// Levels of a body whose unknown members are kept.
const MEMBER_LEVELS: usize = 2;

/// Places of values that are kept: a hostile body repeats a known name without end.
const MAX_PLACES: usize = 4096;

/// Bytes of a name that are kept.
const MAX_NAME_BYTES: usize = 120;

/// Where something lies, in words that people know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Spot {
    /// The header of this number.
    Header(u16),
    /// This member of the body.
    Body(String),
    /// This field of the message in the record key.
    KeyField(u32),
}

/// A member of a body that no row knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path.
    pub path: String,
    /// Size of its text or number.
    pub bytes: Option<usize>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Notes {
    /// How the reading of the body ended, and the schema that it names; `None` when it was not read.
    pub body: Option<(Read, Option<SchemaId>)>,
    /// What was taken off around values.
    pub unwrapped: Vec<&'static str>,
    /// Members of the body that no row knows.
    pub members: Vec<Member>,
    /// There were more of them.
    pub members_cut: bool,
    conditions: HashSet<Spot>,
    /// By whether it lies in the scratch buffer, and where.
    places: HashMap<(bool, u32), Spot>,
    path: Vec<String>,
}

impl Notes {
    /// Notes that the value at `lies` is known as `spot`.
    pub(super) fn place(&mut self, lies: Lies, spot: Spot) {
        let at = match lies {
            Lies::Header(_) => return,
            Lies::Body { start, .. } => (false, start),
            Lies::Scratch { start, .. } => (true, start),
        };
        if self.places.len() < MAX_PLACES {
            self.places.entry(at).or_insert(spot);
        }
    }

    /// Notes that a condition of a convention was found at `lies`.
    pub(super) fn condition(&mut self, lies: Lies) {
        if self.conditions.len() < MAX_PLACES {
            let spot = self.spot(lies);
            self.conditions.insert(spot);
        }
    }

    /// Goes into the payload of a body that carries its schema.
    pub fn unwrap_payload(&mut self) {
        self.unwrapped.push("body from Connect's schema and payload");
        self.enter(b"payload");
    }

    /// Goes into the member `name`.
    pub fn enter(&mut self, name: &[u8]) {
        self.path.push(shown(name));
    }

    /// Leaves what was entered last.
    pub fn leave(&mut self) {
        self.path.pop();
    }

    fn path(&self, name: &[u8]) -> String {
        format!("/{}{}", self.path.iter().map(|level| format!("{level}/")).collect::<String>(), shown(name))
    }

    fn spot(&self, lies: Lies) -> Spot {
        let known = |at| self.places.get(&at).cloned();
        let nowhere = || Spot::Body("/…".to_owned());
        match lies {
            Lies::Header(order) => Spot::Header(order),
            Lies::Body { start, .. } => known((false, start)).unwrap_or_else(nowhere),
            Lies::Scratch { start, .. } => known((true, start)).unwrap_or_else(nowhere),
        }
    }
}

fn shown(name: &[u8]) -> String {
    crate::event::clip(name, MAX_NAME_BYTES)
}

impl Found {
    /// Keeps notes of each record from now on.
    pub fn keep_notes(&mut self) {
        self.notes = Some(Box::default());
    }

    /// The notes of the last record; `None` where none are kept.
    pub fn notes(&self) -> Option<&Notes> {
        self.notes.as_deref()
    }

    /// Writes a note, if notes are kept.
    #[inline]
    pub(super) fn note(&mut self, write: impl FnOnce(&mut Notes)) {
        if let Some(notes) = &mut self.notes {
            write(notes);
        }
    }

    /// Notes the step to the member at `lies`, before its rows take it.
    pub(super) fn note_member(&mut self, place: Place, step: Step<'_>, lies: Lies) {
        if self.notes.is_none() {
            return;
        }
        let (name, value) = match step {
            Step::Member(name, value) => (name, Some(value)),
            Step::Object(name) | Step::List(name) => (name, None),
            Step::Leave | Step::End => return,
        };
        let known = self.memory.recall(&self.table.names, place, name);
        let unknown = self.memory.rows(known).is_empty() && self.memory.members(known).is_none();
        let Some(notes) = &mut self.notes else { return };
        let path = notes.path(name);
        if !unknown {
            notes.place(lies, Spot::Body(path));
        } else if notes.path.len() < MEMBER_LEVELS && notes.members.len() < MAX_MEMBERS {
            let bytes = match value {
                Some(Value::Text { raw, .. } | Value::Number(raw)) => Some(raw.len()),
                _ => None,
            };
            notes.members.push(Member { path, bytes });
        } else {
            notes.members_cut |= notes.path.len() < MEMBER_LEVELS;
        }
    }

    /// Whether any row knows a header of this name.
    pub fn knows_header(&mut self, name: &[u8]) -> bool {
        let known = self.memory.recall(&self.table.names, Place::HEADERS, name);
        !self.memory.rows(known).is_empty()
    }

    /// Where the value of `claim` lies.
    pub fn spot(&self, claim: &Claim<'_>) -> Option<Spot> {
        let notes = self.notes()?;
        let find = self.finds.iter().find(|find| find.score == claim.score)?;
        Some(notes.spot(find.lies))
    }

    /// Whether a condition of any convention was found at `spot`.
    pub fn is_condition(&self, spot: &Spot) -> bool {
        self.notes().is_some_and(|notes| notes.conditions.contains(spot))
    }

    /// All claims of recognised conventions to all fields, in the order in which they were found.
    pub fn all<'s>(&'s self, record: &'s Record<'_>) -> impl Iterator<Item = Claim<'s>> {
        self.finds.iter().filter(|find| find.slot != UNHEARD).map(|find| self.claim(find, record))
    }

    /// All claims of conventions that were not recognised.
    pub fn strangers<'s>(&'s self, record: &'s Record<'_>) -> impl Iterator<Item = Claim<'s>> {
        self.finds.iter().filter(|find| find.slot == UNHEARD).map(|find| self.claim(find, record))
    }

    /// Conventions of which anything was found: number, what was found of it, and whether it is recognised.
    pub fn touched<'s>(&'s self, off: &'s [bool]) -> impl Iterator<Item = (u16, u64, bool)> {
        let told =
            |&number: &u16| (number, self.fields[number as usize], recognised(&self.table, &self.fields, off, number));
        self.touched.iter().map(told)
    }
}
