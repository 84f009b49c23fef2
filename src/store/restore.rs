//! What the database gives back at start: all that the core needs to go on, with nothing read again from Kafka.

use super::file::Meta;
use super::progress::{group_rows, progress_rows};
use super::query::{Query, ask};
use super::{Error, Writer};
use crate::event::{
    CounterRow, CoverageRow, EventColumns, EventRef, EventRow, Evidence, FailureKind, FailureRow, FailureState,
    GapReason, GroupEvidence, GroupRow, HashKey, HealedEvidence, IdText, Identifier, Kind, Ordinal, OrphanReason,
    PartitionRow, PassedTo, ProducerRow, Profile, ProfileRow, ProgressRow, Repeats, Resolution, Spelling, Timestamp,
    TopicClass, TopicPartition, TraceContext,
};
use duckdb::types::{TimeUnit, ValueRef};
use duckdb::{Connection, Params, Row};
use std::sync::Arc;

/// Failures that are given back, the latest first to stay. A failure changes state while its origin is within reach,
/// and 200,000 of them fit in about 100 MB.
pub const FAILURES_RESTORED: i64 = 200_000;

/// Merges of conversations that are given back, the latest: as many as a gigabyte for the search of causes has room for.
/// Older ones are resolved by the database.
const MERGES_RESTORED: i64 = 4 << 20;

/// Everything but the recent events, which [`Writer::recent_events`] streams.
#[derive(Debug, Clone)]
pub struct Restored {
    /// Key of the hashes of ids, drawn when the file was made.
    pub id_key: HashKey,
    /// The dictionary of partitions, by ordinal.
    pub partitions: Vec<PartitionRow>,
    /// The dictionary of profiles, by number.
    pub profiles: Vec<ProfileRow>,
    /// The dictionary of producers, by number.
    pub producers: Vec<ProducerRow>,
    /// Coverage by ordinal: reading goes on at `next_offset`.
    pub coverage: Vec<CoverageRow>,
    /// The last merges of conversations, in order: (old id, the id it belonged to when they merged).
    pub aliases: Vec<(EventRef, EventRef)>,
    /// Events that wait for their cause.
    pub pending: Vec<EventRow>,
    /// Failures in time order, at most [`FAILURES_RESTORED`].
    pub failures: Vec<FailureRow>,
    /// Progress of groups.
    pub progress: Vec<ProgressRow>,
    /// Consumer groups.
    pub groups: Vec<GroupRow>,
    /// How far each group was counted as passed.
    pub passed_to: Vec<PassedTo>,
    /// Events that retention deleted.
    pub deleted: i64,
    /// When the oldest event was seen; `None` in an empty file.
    pub oldest: Option<Timestamp>,
    /// The tap's own numbers.
    pub counters: Vec<CounterRow>,
}

impl Restored {
    pub(super) fn read(conn: &Connection, meta: &Meta) -> Result<Self, Error> {
        let mut failures = rows(conn, &ask::FAILURE_ROWS, [FAILURES_RESTORED], failure)?;
        failures.reverse();
        Ok(Self {
            id_key: id_key(meta)?,
            partitions: rows(conn, &ask::PARTITIONS, [], partition)?,
            profiles: rows(conn, &ask::PROFILES, [], profile)?,
            producers: rows(conn, &ask::PRODUCERS, [], producer)?,
            coverage: coverage(conn)?,
            aliases: rows(conn, &ask::ALIASES, [MERGES_RESTORED], |row| {
                Ok((EventRef(row.get(0)?), EventRef(row.get(1)?)))
            })?,
            pending: rows(conn, &ask::PENDING_ROWS, [], event)?,
            failures,
            progress: progress_rows(conn)?,
            groups: group_rows(conn)?,
            passed_to: rows(conn, &ask::PASSED_TO_ROWS, [], passed_to)?,
            deleted: conn
                .query_row(ask::DELETED_EVENTS.sql, [], |row| row.get(0))
                .map_err(Error::statement("read", ask::DELETED_EVENTS.name))?,
            oldest: conn
                .query_row(ask::OLDEST_SEEN.sql, [], |row| optional_time(row, 0))
                .map_err(Error::statement("read", ask::OLDEST_SEEN.name))?,
            counters: rows(conn, &ask::COUNTERS, [], |row| Ok(CounterRow { name: row.get(0)?, value: row.get(1)? }))?,
        })
    }
}

impl Writer {
    /// Passes on the orphans among the last `limit` settled events, in the order in which they were written: each is
    /// taken back when its cause turns up after all.
    pub fn recent_orphans(&self, limit: i64, each: &mut dyn FnMut(EventRow)) -> Result<(), Error> {
        stream(self.connection(), &ask::RECENT_ORPHANS, limit, |row| {
            each(event(row)?);
            Ok(())
        })
    }
}

/// Fetches chunk by chunk: the result is never whole in memory.
fn stream(
    conn: &Connection,
    query: &Query,
    limit: i64,
    mut each: impl FnMut(&Row<'_>) -> duckdb::Result<()>,
) -> Result<(), Error> {
    let mut pass = || {
        let mut statement = conn.prepare(query.sql)?;
        drop(statement.stream_arrow([limit])?);
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    };
    pass().map_err(Error::statement("read", query.name))
}

pub(super) fn rows<T>(
    conn: &Connection,
    query: &Query,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
) -> Result<Vec<T>, Error> {
    let all = || {
        let mut statement = conn.prepare(query.sql)?;
        let mut rows = statement.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    };
    all().map_err(Error::statement("read", query.name))
}

fn id_key(meta: &Meta) -> Result<HashKey, Error> {
    let text = meta.get("id_key").map_or("", String::as_str);
    let bits = match text.len() {
        32 => u128::from_str_radix(text, 16).ok(),
        _ => None,
    };
    // The value is a secret: it is not repeated in the message.
    bits.map(|bits| HashKey(bits.to_be_bytes())).ok_or(Error::Corrupt { subject: "id_key", value: "(hidden)".into() })
}

/// Names of closed sets come from this program; a name that it does not know is a fault of the file.
pub(super) fn named<T: Copy>(
    row: &Row<'_>,
    at: usize,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> duckdb::Result<T> {
    let text: String = row.get(at)?;
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| {
        let unknown = format!("unknown name `{text}`");
        duckdb::Error::FromSqlConversionFailure(at, duckdb::types::Type::Text, unknown.into())
    })
}

pub(super) fn time(row: &Row<'_>, at: usize) -> duckdb::Result<Timestamp> {
    optional_time(row, at).map(Option::unwrap_or_default)
}

pub(super) fn optional_time(row: &Row<'_>, at: usize) -> duckdb::Result<Option<Timestamp>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Timestamp(TimeUnit::Microsecond, micros) => Some(Timestamp(micros)),
        _ => None,
    })
}

fn identifier(row: &Row<'_>, hi: usize, lo: usize, spelling: i16) -> duckdb::Result<Option<Identifier>> {
    let (hi, lo): (Option<i64>, Option<i64>) = (row.get(hi)?, row.get(lo)?);
    let spelling = Spelling::from_number((spelling & 3) as u8);
    Ok(hi.zip(lo).map(|(hi, lo)| Identifier { hi: hi as u64, lo: lo as u64, spelling }))
}

pub(super) fn trace(row: &Row<'_>, at: usize) -> duckdb::Result<Option<TraceContext>> {
    let part = |n: usize| row.get::<_, Option<i64>>(at + n).map(|part| part.map(|part| part as u64));
    Ok(match (part(0)?, part(1)?, part(2)?) {
        (Some(trace_hi), Some(trace_lo), Some(parent_id)) => Some(TraceContext { trace_hi, trace_lo, parent_id }),
        _ => None,
    })
}

pub(super) fn partition(row: &Row<'_>) -> duckdb::Result<PartitionRow> {
    let topic_id: String = row.get(3)?;
    let bits = u128::from_str_radix(&topic_id.replace('-', ""), 16).unwrap_or_default();
    Ok(PartitionRow {
        ordinal: Ordinal(row.get(0)?),
        partition: Arc::new(TopicPartition {
            cluster: row.get(1)?,
            topic: row.get(2)?,
            topic_id: bits.to_be_bytes(),
            partition: row.get(4)?,
        }),
        incarnation: row.get(5)?,
        base: row.get(6)?,
        class: named(row, 7, &TopicClass::ALL, TopicClass::as_str)?,
    })
}

pub(super) fn profile(row: &Row<'_>) -> duckdb::Result<ProfileRow> {
    let content = Profile { kind: row.get(1)?, source: row.get(2)?, version: row.get(3)?, convention: row.get(4)? };
    Ok(ProfileRow { profile: row.get(0)?, content })
}

fn producer(row: &Row<'_>) -> duckdb::Result<ProducerRow> {
    Ok(ProducerRow { producer: row.get(0)?, cluster: row.get(1)?, producer_id: row.get(2)?, epoch: row.get(3)? })
}

/// Folds the rows of one ordinal, of which the first holds `seen`, into one.
fn coverage(conn: &Connection) -> Result<Vec<CoverageRow>, Error> {
    let mut all: Vec<CoverageRow> = Vec::new();
    rows(conn, &ask::COVERAGE_ROWS, [], |row| {
        let (ordinal, reason) = (Ordinal(row.get(0)?), row.get::<_, Option<i8>>(1)?);
        match (reason, all.last_mut()) {
            (Some(reason), Some(last)) if last.ordinal == ordinal => {
                if let Some(missing) = last.missing.get_mut(reason as usize) {
                    *missing = row.get(6)?;
                }
            }
            _ => all.push(CoverageRow {
                ordinal,
                first_offset: row.get(2)?,
                next_offset: row.get(3)?,
                log_start: row.get(4)?,
                seen: row.get(5)?,
                missing: [0; GapReason::ALL.len()],
            }),
        }
        Ok(())
    })?;
    Ok(all)
}

/// One event in the order of the columns of `pending_rows`.
fn event(row: &Row<'_>) -> duckdb::Result<EventRow> {
    let form: i16 = row.get(7)?;
    let malformed_trace = form & EventColumns::MALFORMED_TRACE != 0;
    let appended_trace = form & EventColumns::APPENDED_TRACE != 0;
    let mut texts = IdText {
        id: row.get(16)?,
        causation: row.get(19)?,
        correlation: row.get(22)?,
        malformed_trace,
        appended_trace,
    };
    let time = time(row, 1)?;
    let (id, causation) = (identifier(row, 14, 15, form)?, identifier(row, 17, 18, form >> 2)?);
    let trace = trace(row, 23)?;
    let correlation = match Repeats::from_number(form >> EventColumns::REPEATS) {
        Repeats::Nothing => identifier(row, 20, 21, form >> 4)?,
        Repeats::Id => {
            texts.correlation.clone_from(&texts.id);
            id
        }
        Repeats::Causation => {
            texts.correlation.clone_from(&texts.causation);
            causation
        }
        Repeats::Trace => trace.map(TraceContext::identifier),
    };
    Ok(EventRow {
        reference: EventRef(row.get(0)?),
        time,
        record_time: optional_time(row, 2)?.unwrap_or(time),
        seen_time: self::time(row, 3)?,
        kind: Kind::from_number(row.get(4)?),
        resolution: Resolution::from_numbers(row.get(5)?, row.get(6)?),
        tombstone: form & EventColumns::TOMBSTONE != 0,
        profile: row.get(8)?,
        producer: row.get(9)?,
        key_hash: row.get::<_, Option<i64>>(10)?.map(|hash| hash as u64),
        conversation: EventRef(row.get(11)?),
        key_bytes: row.get(12)?,
        value_bytes: row.get(13)?,
        id,
        causation,
        correlation,
        trace,
        texts: (texts != IdText::default()).then(|| Box::new(texts)),
        cause: cause(row, 26)?,
    })
}

fn cause(row: &Row<'_>, at: usize) -> duckdb::Result<Option<(EventRef, Evidence)>> {
    let evidence = row.get::<_, Option<u8>>(at + 1)?.and_then(|n| Evidence::ALL.get(n as usize).copied());
    Ok(row.get::<_, Option<i64>>(at)?.map(EventRef).zip(evidence))
}

fn numbered<T: Copy>(row: &Row<'_>, at: usize, all: &[T]) -> duckdb::Result<Option<T>> {
    Ok(row.get::<_, Option<u8>>(at)?.and_then(|n| all.get(n as usize).copied()))
}

/// Names that `chr(31)` parts.
fn list(row: &Row<'_>, at: usize) -> duckdb::Result<Vec<String>> {
    let all = row.get::<_, Option<String>>(at)?.unwrap_or_default();
    Ok(all.split('\u{1f}').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn failure(row: &Row<'_>) -> duckdb::Result<FailureRow> {
    let reference = |at: usize| row.get::<_, Option<i64>>(at).map(|r| r.map(EventRef));
    Ok(FailureRow {
        reference: EventRef(row.get(0)?),
        kind: named(row, 1, &FailureKind::ALL, FailureKind::as_str)?,
        state: named(row, 2, &FailureState::ALL, FailureState::as_str)?,
        origin: reference(3)?,
        origin_evidence: row.get::<_, Option<u8>>(4)?.and_then(|n| Evidence::ALL.get(n as usize).copied()),
        origin_confidence: row.get(5)?,
        origin_topic: row.get(6)?,
        origin_partition: row.get(7)?,
        origin_offset: row.get(8)?,
        root: reference(9)?,
        consumer_group: row.get(10)?,
        attempt: row.get(11)?,
        error_class: row.get(12)?,
        error_message: row.get(13)?,
        signature: row.get(14)?,
        time: time(row, 15)?,
        orphan_reason: row.get::<_, Option<i8>>(16)?.and_then(OrphanReason::from_number),
        healed_by: reference(17)?,
        seen_time: time(row, 18)?,
        counted_time: time(row, 19)?,
        counted_profile: row.get(20)?,
        root_profile: row.get(21)?,
        group_evidence: numbered(row, 22, &GroupEvidence::ALL)?,
        candidate_groups: list(row, 23)?,
        healed_evidence: numbered(row, 24, &HealedEvidence::ALL)?,
        changed_at: time(row, 25)?,
    })
}

fn passed_to(row: &Row<'_>) -> duckdb::Result<PassedTo> {
    Ok(PassedTo { group: row.get(0)?, ordinal: Ordinal(row.get(1)?), offset: row.get(2)? })
}
