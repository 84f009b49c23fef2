//! The outbox: what is told to an OTLP collector, kept until it was sent, in the order in which it was decided.
//!
//! The writer fills it in the transaction that decides (`queries/write/outbox.sql` holds the rules of traces); a reader
//! turns pages. Entries never change, so that a page that is read again says the same.

use super::columns::{Columns, cause_batch, told_batch};
use super::file::run;
use super::query::{ask, write};
use super::readers::Reader;
use super::restore::{named, optional_time, partition, time, trace};
use super::writer::{TEMP, time as instant};
use super::{Error, Limits, Writer};
use crate::event::{
    Changes, Direction, EventColumns, EventRef, Evidence, FailureKind, Kind, OrphanReason, OutboxCursor, PartitionRow,
    Resolution, Timestamp, TraceContext,
};
use duckdb::arrow::error::ArrowError;
use duckdb::{Connection, Row, params};
use std::collections::HashMap;

#[cfg(test)]
mod tests;

/// How many entries back it is looked for what was told of a cause: nearly all are among the first, and only those that
/// are not are looked for among the second. Those are as many as causes are looked for by their id, so that a commit costs
/// the same however much was told; a cause before that is linked, and not a parent.
const REACHES: [i64; 2] = [1 << 20, 12 << 20];

/// What one commit adds to the outbox besides what it has from others, ready to be written more than once.
pub(super) struct Told {
    pub events: Columns,
    /// Every edge that is written.
    pub edges: Columns,
    /// (old conversation, the one it belongs to at the end of this commit).
    pub merges: Vec<(i64, i64)>,
    pub passes: Vec<ToldPass>,
}

/// A range of events that a group passed.
pub(super) struct ToldPass {
    pub group: String,
    pub first: i64,
    pub next: i64,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub seen_from: Timestamp,
}

impl Told {
    /// Taken before `changes` are taken apart. A group that went back has passed all the same: that is told once.
    pub(super) fn new(changes: &Changes) -> Result<Self, ArrowError> {
        let forward = changes.passed.iter().filter(|range| range.direction == Direction::Forward);
        let passes = forward.map(|range| {
            let first = EventRef::new(range.ordinal, range.from).0;
            ToldPass {
                group: range.group.to_string(),
                first,
                next: first + (range.to - range.from),
                not_before: Timestamp(range.at.0.saturating_sub(range.resolution_ms.saturating_mul(1000))),
                not_after: range.at,
                seen_from: range.seen_from,
            }
        });
        Ok(Self {
            events: told_batch(&changes.events)?,
            edges: cause_batch(&changes.edges().collect::<Vec<_>>())?,
            merges: merges(&changes.aliases),
            passes: passes.collect(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.batch.num_rows() == 0 && self.merges.is_empty() && self.passes.is_empty()
    }
}

impl Writer {
    /// Fills the outbox, after all that it looks at was written, and moves its cursor. `small` is what else the commit
    /// writes.
    pub(super) fn tell(&self, told: Option<&Told>, small: &Changes) -> Result<(), Error> {
        if let Some(OutboxCursor { seq, reference }) = small.sent {
            let failed = Error::statement("run", write::OUTBOX_SENT.name);
            self.connection().execute(write::OUTBOX_SENT.sql, params![seq, reference]).map_err(failed)?;
        }
        let Some(told) = told.filter(|told| !told.is_empty() || !small.settled.is_empty()) else { return Ok(()) };
        self.batch(TEMP, "told_stage", &told.events)?;
        self.batch(TEMP, "edge_stage", &told.edges)?;
        self.rows(TEMP, "merge_stage", &told.merges, |to, (old, current)| to.append_row(params![old, current]))?;
        self.rows(TEMP, "range_told_stage", &told.passes, |to, pass| {
            let (from, until) = (instant(pass.not_before), instant(pass.not_after));
            to.append_row(params![pass.group, pass.first, pass.next, from, until, instant(pass.seen_from)])
        })?;
        run(self.connection(), &write::OUTBOX_TAKE)?;
        let last = state(self.connection())?.last_seq;
        for reach in REACHES {
            let failed = Error::statement("run", write::OUTBOX_KNOWN.name);
            self.connection().execute(write::OUTBOX_KNOWN.sql, [last - reach]).map_err(failed)?;
        }
        run(self.connection(), &write::OUTBOX)
    }
}

/// Follows each merge of this commit to its end.
fn merges(aliases: &[(EventRef, EventRef)]) -> Vec<(i64, i64)> {
    let next: HashMap<EventRef, EventRef> = aliases.iter().copied().collect();
    let last = |mut at: EventRef| {
        while let Some(&further) = next.get(&at) {
            at = further;
        }
        at
    };
    aliases.iter().map(|&(old, current)| (old.0, last(current).0)).collect()
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    /// Its number; each event of a passed range has the same.
    pub seq: i64,
    /// The event that it is about.
    pub reference: EventRef,
    /// The event that names the trace.
    pub seed: EventRef,
    /// What happened.
    pub part: OutboxPart,
    /// The event.
    pub event: ToldEvent,
    /// Causes to name beside the parent.
    pub links: Vec<OutboxLink>,
}

/// What an entry tells of its event.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboxPart {
    /// It was written, and this is what was known when it was settled.
    Event {
        /// The cause whose span is the parent; it is in the same trace.
        parent: Option<EventRef>,
        /// What was known of its cause.
        resolution: Resolution,
        /// Why its way back to a root is broken, its own or that of the failure that it is.
        orphan_reason: Option<OrphanReason>,
    },
    /// A cause was found after the event was told.
    LateCause,
    /// A group passed it.
    Pass {
        /// The group.
        group: String,
        /// The sample that had not shown it; `None` when there was none.
        not_before: Option<Timestamp>,
        /// The sample that showed it.
        not_after: Timestamp,
    },
}

/// What an event says about itself, as far as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldEvent {
    /// Its own time.
    pub time: Timestamp,
    /// The record's time.
    pub record_time: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// The value is null.
    pub tombstone: bool,
    /// Size of the value in bytes.
    pub value_bytes: i32,
    /// Its own id.
    pub id: Option<String>,
    /// Its correlation id.
    pub correlation: Option<String>,
    /// Its own trace context.
    pub trace: Option<TraceContext>,
    /// Event type.
    pub event_type: Option<String>,
    /// Source.
    pub source: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// What it says about a failure.
    pub failure: Option<ToldFailure>,
}

/// What a failure record says that never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldFailure {
    /// Dead letter, retry or fault.
    pub kind: FailureKind,
    /// The group that failed.
    pub group: Option<String>,
    /// Attempts made.
    pub attempt: Option<i32>,
    /// Class or code of the error.
    pub class: Option<String>,
    /// Message of the error.
    pub message: Option<String>,
    /// Same failure, other ids.
    pub signature: String,
}

/// A cause that is no parent.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxLink {
    /// The cause.
    pub cause: EventRef,
    /// The event that names its trace; `None` when the cause was never told.
    pub seed: Option<EventRef>,
    /// Why it is believed.
    pub evidence: Evidence,
    /// 1.0 when certain.
    pub confidence: f32,
}

/// Some entries, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OutboxPage {
    /// The entries.
    pub entries: Vec<OutboxEntry>,
    /// Where the next page begins.
    pub next: OutboxCursor,
    /// Entries that are left after this page.
    pub left: u64,
}

/// Where the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxState {
    /// How far it was sent, as far as that was written.
    pub sent: OutboxCursor,
    /// Its last entry.
    pub last_seq: i64,
    /// What tells this database from others where the cluster has no topic ids.
    pub salt: i64,
}

impl Reader {
    /// Where the outbox stands.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub fn outbox_state(&self, limits: Limits) -> Result<OutboxState, Error> {
        self.within(limits.deadline, state)
    }

    /// At most [`Limits::rows`] entries after `cursor`.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub fn outbox(&self, cursor: OutboxCursor, limits: Limits) -> Result<OutboxPage, Error> {
        self.within(limits.deadline, |conn| page(conn, cursor, limits.rows))
    }

    /// The dictionary of partitions: what a ref stands for.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub fn partitions(&self, limits: Limits) -> Result<Vec<PartitionRow>, Error> {
        self.within(limits.deadline, |conn| super::restore::rows(conn, &ask::PARTITIONS, [], partition))
    }
}

fn state(conn: &Connection) -> Result<OutboxState, Error> {
    conn.query_row(ask::OUTBOX_STATE.sql, [], |row| {
        let sent = OutboxCursor { seq: row.get(0)?, reference: row.get(1)? };
        Ok(OutboxState { sent, last_seq: row.get(2)?, salt: row.get(3)? })
    })
    .map_err(Error::statement("read", ask::OUTBOX_STATE.name))
}

fn page(conn: &Connection, from: OutboxCursor, rows: usize) -> Result<OutboxPage, Error> {
    let last = state(conn)?.last_seq;
    let limit = i64::try_from(rows).unwrap_or(i64::MAX);
    let until = last.min(from.seq.saturating_add(limit));
    let whole = OutboxCursor { seq: until.max(from.seq), reference: i64::MAX };
    if from >= whole {
        return Ok(OutboxPage { next: from, ..OutboxPage::default() });
    }
    let seen: Option<duckdb::types::Value> = conn
        .query_row(ask::OUTBOX_SEEN.sql, params![from.seq, until], |row| row.get(0))
        .map_err(Error::statement("read", ask::OUTBOX_SEEN.name))?;
    let values = params![from.seq, from.reference, until, seen, limit];
    let mut entries = super::restore::rows(conn, &ask::OUTBOX_ENTRIES, values, entry)?;
    let mut links: HashMap<i64, Vec<OutboxLink>> = HashMap::new();
    for (seq, link) in super::restore::rows(conn, &ask::OUTBOX_LINKS, params![from.seq, until], link)? {
        links.entry(seq).or_default().push(link);
    }
    for entry in &mut entries {
        entry.links = links.remove(&entry.seq).unwrap_or_default();
    }
    let next = match entries.last() {
        Some(end) if entries.len() >= rows => OutboxCursor { seq: end.seq, reference: end.reference.0 },
        _ => whole,
    };
    Ok(OutboxPage { entries, next, left: last.saturating_sub(next.seq).unsigned_abs() })
}

fn entry(row: &Row<'_>) -> duckdb::Result<OutboxEntry> {
    let part = match row.get::<_, i32>(3)? {
        0 => OutboxPart::Event {
            parent: row.get::<_, Option<i64>>(4)?.map(EventRef),
            resolution: Resolution::from_numbers(row.get(5)?, row.get(6)?),
            orphan_reason: row.get::<_, Option<i8>>(6)?.and_then(OrphanReason::from_number),
        },
        1 => OutboxPart::LateCause,
        _ => OutboxPart::Pass { group: row.get(7)?, not_before: optional_time(row, 8)?, not_after: time(row, 9)? },
    };
    Ok(OutboxEntry {
        seq: row.get(0)?,
        reference: EventRef(row.get(1)?),
        seed: EventRef(row.get(2)?),
        part,
        event: event(row)?,
        links: Vec::new(),
    })
}

fn event(row: &Row<'_>) -> duckdb::Result<ToldEvent> {
    let time = time(row, 10)?;
    let form: i16 = row.get(13)?;
    Ok(ToldEvent {
        time,
        record_time: optional_time(row, 11)?.unwrap_or(time),
        kind: Kind::from_number(row.get(12)?),
        tombstone: form & EventColumns::TOMBSTONE != 0,
        value_bytes: row.get(14)?,
        id: row.get(15)?,
        correlation: row.get(16)?,
        trace: trace(row, 17)?,
        event_type: row.get(20)?,
        source: row.get(21)?,
        version: row.get(22)?,
        failure: failure(row)?,
    })
}

fn failure(row: &Row<'_>) -> duckdb::Result<Option<ToldFailure>> {
    if row.get::<_, Option<String>>(23)?.is_none() {
        return Ok(None);
    }
    Ok(Some(ToldFailure {
        kind: named(row, 23, &FailureKind::ALL, FailureKind::as_str)?,
        group: row.get(24)?,
        attempt: row.get(25)?,
        class: row.get(26)?,
        message: row.get(27)?,
        signature: row.get(28)?,
    }))
}

fn link(row: &Row<'_>) -> duckdb::Result<(i64, OutboxLink)> {
    let evidence = row.get::<_, u8>(3)?;
    let link = OutboxLink {
        cause: EventRef(row.get(1)?),
        seed: row.get::<_, Option<i64>>(2)?.map(EventRef),
        // An evidence that this program does not know was written by none.
        evidence: Evidence::ALL.get(evidence as usize).copied().unwrap_or(Evidence::TraceOrder),
        confidence: row.get(4)?,
    };
    Ok((row.get(0)?, link))
}
