//! The services' own ledger: where every record came to lie, as the brokers confirmed it, and what it was made from.
//!
//! Nothing in here is read from a header. A record's place comes from its delivery report, its cause is the place of the
//! record that the service was working on.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Records the ledger keeps. A run of half an hour fits; after that the simulation goes on, and the verdict speaks of the
/// records up to here (about 75 MB).
pub const MAX_RECORDS: usize = 500_000;

/// Where a record lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coordinates {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl Coordinates {
    /// `topic/partition/offset`.
    pub fn new(topic: &str, partition: i32, offset: i64) -> Self {
        Self { topic: topic.into(), partition, offset }
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// What a record is to the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An event.
    Event,
    /// The same event, published once more.
    Duplicate,
    /// A record that will be tried again.
    Retry,
    /// A record that its consumer gave up on.
    DeadLetter,
}

/// What a service knows of a record that it sends.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is.
    pub role: Role,
    /// Event type.
    pub event: Arc<str>,
    /// The order it belongs to.
    pub order: u64,
    /// The group whose failure it is, of retries and dead letters.
    pub group: Option<Arc<str>>,
    /// The record that was being worked on; `None` for the event that begins an order.
    pub cause: Option<Coordinates>,
    /// Place in the list of faults of the fault that made it a retry or dead letter.
    pub fault: Option<usize>,
}

/// One record, delivered.
#[derive(Debug, Clone)]
pub struct Produced {
    /// Where it lies.
    pub at: Coordinates,
    /// What its service knows of it.
    pub entry: Entry,
}

/// All records of a run.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// In the order in which their delivery was confirmed.
    pub records: Vec<Produced>,
    /// Records that no broker confirmed.
    pub undelivered: u64,
    /// Records delivered after the ledger was full.
    pub beyond: u64,
}

/// What became of a record that a group failed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The group gave up on it.
    GivenUp,
    /// A retry of it did what the record should do.
    Recovered,
    /// Neither, yet.
    Open,
}

/// One injected failure and the truth about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    /// Place in the list of faults.
    pub fault: usize,
    /// The failure record.
    pub at: Coordinates,
    /// Retry or dead letter.
    pub role: Role,
    /// The record that failed first.
    pub origin: Coordinates,
    /// The event that began the order.
    pub root: Coordinates,
    /// The order.
    pub order: u64,
    /// The group that failed.
    pub group: Arc<str>,
    /// What became of the record that failed.
    pub fate: Fate,
}

impl Ledger {
    /// Every retry and dead letter with its origin and root, followed through the ledger.
    pub fn injected(&self) -> Vec<Injected> {
        let places: HashMap<&Coordinates, &Entry> = self.records.iter().map(|r| (&r.at, &r.entry)).collect();
        let mut injected: Vec<Injected> = Vec::new();
        for record in &self.records {
            let entry = &record.entry;
            let (Some(fault), Some(group)) = (entry.fault, &entry.group) else { continue };
            let Some(origin) = climb(&places, record, |e| !matches!(e.role, Role::Retry | Role::DeadLetter)) else {
                continue;
            };
            let Some(root) = climb(&places, record, |e| e.cause.is_none()) else { continue };
            injected.push(Injected {
                fault,
                at: record.at.clone(),
                role: entry.role,
                origin,
                root,
                order: entry.order,
                group: group.clone(),
                fate: Fate::Open,
            });
        }
        self.settle(&mut injected);
        injected
    }

    /// Finds out what became of each record that failed.
    fn settle(&self, injected: &mut [Injected]) {
        let done: HashSet<&Coordinates> = self
            .records
            .iter()
            .filter(|record| record.entry.role == Role::Event)
            .filter_map(|record| record.entry.cause.as_ref())
            .collect();
        let mut fates: HashMap<(Coordinates, Arc<str>), Fate> = HashMap::new();
        for failed in injected.iter() {
            let fate = fates.entry((failed.origin.clone(), failed.group.clone())).or_insert(Fate::Open);
            match failed.role {
                Role::DeadLetter => *fate = Fate::GivenUp,
                _ if *fate == Fate::Open && done.contains(&failed.at) => *fate = Fate::Recovered,
                _ => {}
            }
        }
        for failed in injected {
            if let Some(fate) = fates.get(&(failed.origin.clone(), failed.group.clone())) {
                failed.fate = *fate;
            }
        }
    }

    /// First offset of each partition that the ledger does not know.
    pub fn ends(&self) -> HashMap<(Arc<str>, i32), i64> {
        let mut ends = HashMap::new();
        for Produced { at, .. } in &self.records {
            let end = ends.entry((at.topic.clone(), at.partition)).or_insert(0);
            *end = at.offset.saturating_add(1).max(*end);
        }
        ends
    }
}

fn climb(
    places: &HashMap<&Coordinates, &Entry>,
    from: &Produced,
    arrived: impl Fn(&Entry) -> bool,
) -> Option<Coordinates> {
    let (mut at, mut entry) = (&from.at, &from.entry);
    while !arrived(entry) {
        at = entry.cause.as_ref()?;
        entry = places.get(at)?;
    }
    Some(at.clone())
}

/// The ledger while it is being written, with what it takes to say that the company has come to rest.
#[derive(Debug, Default)]
pub struct Book {
    pages: Mutex<Pages>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pages {
    ledger: Ledger,
    in_flight: usize,
    unfinished: usize,
    ends: HashMap<(Arc<str>, i32), i64>,
    positions: HashMap<(Arc<str>, Arc<str>, i32), i64>,
    held: Standing,
}

/// (group, topic, partition) on which a group stands still for the rest of the run.
pub type Standing = HashSet<(Arc<str>, Arc<str>, i32)>;

/// A consumer group and the topics it reads.
pub type Readers = [(Arc<str>, Vec<Arc<str>>)];

impl Book {
    /// A record is about to be sent.
    pub fn sending(&self) {
        self.pages().in_flight += 1;
    }

    /// A broker confirmed the record.
    pub fn delivered(&self, at: Coordinates, entry: Entry) {
        let mut pages = self.pages();
        pages.in_flight -= 1;
        let end = pages.ends.entry((at.topic.clone(), at.partition)).or_insert(0);
        *end = (at.offset + 1).max(*end);
        if pages.ledger.records.len() < MAX_RECORDS {
            pages.ledger.records.push(Produced { at, entry });
        } else {
            pages.ledger.beyond += 1;
        }
        self.changed.notify_all();
    }

    /// No broker took the record.
    pub fn lost(&self) {
        let mut pages = self.pages();
        pages.in_flight -= 1;
        pages.ledger.undelivered += 1;
        self.changed.notify_all();
    }

    /// `group` read its topic up to `next`; `unfinished` work was taken on with it.
    pub fn consumed(&self, group: &Arc<str>, partition: (&Arc<str>, i32), next: i64, unfinished: usize) {
        let mut pages = self.pages();
        pages.unfinished += unfinished;
        pages.positions.insert((group.clone(), partition.0.clone(), partition.1), next);
        self.changed.notify_all();
    }

    /// One piece of work is done: all its records were handed to the producer.
    pub fn finished(&self) {
        self.pages().unfinished -= 1;
        self.changed.notify_all();
    }

    /// `group` stands still on a partition for the rest of the run.
    pub fn held(&self, group: &Arc<str>, partition: (&Arc<str>, i32)) {
        self.pages().held.insert((group.clone(), partition.0.clone(), partition.1));
        self.changed.notify_all();
    }

    /// Waits until nothing is in flight, nothing is being worked on and every reader has read everything that it can. False
    /// when that did not happen within `patience`.
    pub fn rest(&self, readers: &Readers, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.pages(), patience, |pages| !pages.at_rest(readers));
        let (_pages, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    /// The ledger as it stands.
    pub fn ledger(&self) -> Ledger {
        self.pages().ledger.clone()
    }

    /// Records and failures so far: events, retries, dead letters.
    pub fn counts(&self) -> (usize, usize, usize) {
        let pages = self.pages();
        let with = |role| pages.ledger.records.iter().filter(|r| r.entry.role == role).count();
        (pages.ledger.records.len(), with(Role::Retry), with(Role::DeadLetter))
    }

    /// How far each group has read, for tests and for the live screen.
    pub fn positions(&self) -> HashMap<(Arc<str>, Arc<str>, i32), i64> {
        self.pages().positions.clone()
    }

    /// Partitions on which a group stands still.
    pub fn standing(&self) -> Standing {
        self.pages().held.clone()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // A service that panicked leaves whole entries: every change is one statement.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn at_rest(&self, readers: &Readers) -> bool {
        let read = |group: &Arc<str>, topic: &Arc<str>| {
            self.ends.iter().filter(|((t, _), _)| t == topic).all(|((_, partition), end)| {
                let key = (group.clone(), topic.clone(), *partition);
                self.held.contains(&key) || self.positions.get(&key).is_some_and(|next| next >= end)
            })
        };
        self.in_flight == 0
            && self.unfinished == 0
            && readers.iter().all(|(group, topics)| topics.iter().all(|topic| read(group, topic)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(role: Role, cause: Option<&Coordinates>) -> Entry {
        let failed = matches!(role, Role::Retry | Role::DeadLetter);
        Entry {
            role,
            event: "x".into(),
            order: 1,
            group: failed.then(|| "g".into()),
            cause: cause.cloned(),
            fault: failed.then_some(3),
        }
    }

    #[test]
    fn a_dead_letter_is_followed_over_its_retries_to_origin_and_root() {
        let book = Book::default();
        let root = Coordinates::new("orders", 0, 0);
        let event = Coordinates::new("kitchen", 1, 4);
        let retry = Coordinates::new("kitchen-retry", 0, 0);
        let letter = Coordinates::new("kitchen.dlt", 0, 9);
        for (at, role, cause) in [
            (&letter, Role::DeadLetter, Some(&retry)),
            (&retry, Role::Retry, Some(&event)),
            (&event, Role::Event, Some(&root)),
            (&root, Role::Event, None),
        ] {
            book.sending();
            book.delivered(at.clone(), entry(role, cause));
        }
        let injected = book.ledger().injected();
        assert_eq!(injected.len(), 2);
        for failure in &injected {
            assert_eq!((&failure.origin, &failure.root, failure.fault), (&event, &root, 3));
        }
        assert_eq!(book.ledger().ends()[&("kitchen.dlt".into(), 0)], 10);
    }

    #[test]
    fn rest_needs_everything_delivered_read_and_done() {
        let book = Book::default();
        let (group, topic): (Arc<str>, Arc<str>) = ("g".into(), "t".into());
        let readers = [(group.clone(), vec![topic.clone()])];
        let now = Duration::ZERO;
        assert!(book.rest(&readers, now));
        book.sending();
        assert!(!book.rest(&readers, now), "in flight");
        book.delivered(Coordinates::new("t", 0, 0), entry(Role::Event, None));
        assert!(!book.rest(&readers, now), "not read");
        book.consumed(&group, (&topic, 0), 1, 1);
        assert!(!book.rest(&readers, now), "not done");
        book.finished();
        assert!(book.rest(&readers, now));
        book.sending();
        book.delivered(Coordinates::new("t", 0, 1), entry(Role::Event, None));
        assert!(!book.rest(&readers, now));
        book.held(&group, (&topic, 0));
        assert!(book.rest(&readers, now), "nothing more will come from a held partition");
        book.sending();
        book.lost();
        assert_eq!(book.ledger().undelivered, 1);
    }
}
