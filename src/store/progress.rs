//! Consumer groups: how far they have come, in and out of the database.

use super::Error;
use super::query::{ask, write};
use super::restore::{named, rows, time as stored};
use super::writer::{MAIN, Writer, time};
use crate::event::{
    Beyond, Changes, GroupClient, GroupKind, GroupPhase, GroupRow, Library, LogPolicy, Ordinal, PolicyRow,
    ProgressMark, ProgressRow, ProgressState, RewindRow,
};
use duckdb::{Appender, Connection, Row, params};

/// How [`Beyond::Unknown`] is stored.
const UNKNOWN: &str = "?";

impl Writer {
    /// Writes what is new of groups.
    pub(super) fn progress(&self, small: &Changes) -> Result<(), Error> {
        self.staged("forgotten_stage", &small.forgotten, &write::FORGOTTEN, |to, (group, ordinal)| {
            to.append_row(params![&**group, ordinal.0])
        })?;
        self.staged("progress_stage", &small.progress, &write::PROGRESS, append_progress)?;
        self.rows(MAIN, "progress_mark", &small.marks, append_mark)?;
        self.rows(MAIN, "rewind_row", &small.rewinds, append_rewind)?;
        self.rows(MAIN, "group_client_row", &small.clients, append_client)?;
        self.staged("gone_stage", &small.gone, &write::GROUPS_GONE, |to, (cluster, group)| {
            to.append_row(params![&**cluster, &**group])
        })?;
        self.staged("policy_stage", &small.policies, &write::POLICIES, append_policy)?;
        self.staged("group_stage", &small.groups, &write::GROUPS, append_group)
    }
}

fn append_progress(to: &mut Appender<'_>, row: &ProgressRow) -> duckdb::Result<()> {
    to.append_row(params![
        &*row.consumer_group,
        row.ordinal.0,
        row.committed_offset,
        row.log_end_offset,
        row.lag_offsets,
        row.lag_records,
        row.lag_ms,
        row.state.as_str(),
        time(row.sampled_at),
        row.resolution_ms,
        row.stands_at,
        row.velocity,
        row.eta_ms,
        row.retention_used,
        row.loses_data_in_ms,
        row.lost_offsets,
        beyond_text(&row.beyond)
    ])
}

fn append_mark(to: &mut Appender<'_>, mark: &ProgressMark) -> duckdb::Result<()> {
    let at = time(mark.at);
    to.append_row(params![&*mark.consumer_group, mark.ordinal.0, mark.committed_offset, at, mark.resolution_ms])
}

fn append_client(to: &mut Appender<'_>, row: &GroupClient) -> duckdb::Result<()> {
    to.append_row(params![&*row.cluster, &*row.group, &*row.client, row.library.map(Library::as_str)])
}

fn append_rewind(to: &mut Appender<'_>, row: &RewindRow) -> duckdb::Result<()> {
    let (group, at) = (&*row.consumer_group, time(row.at));
    to.append_row(params![group, row.ordinal.0, row.from_offset, row.to_offset, at, row.resolution_ms])
}

fn append_group(to: &mut Appender<'_>, row: &GroupRow) -> duckdb::Result<()> {
    to.append_row(params![
        &*row.cluster,
        &*row.consumer_group,
        row.kind.as_str(),
        row.phase.map(GroupPhase::as_str),
        row.members,
        row.denied,
        time(row.sampled_at)
    ])
}

fn append_policy(to: &mut Appender<'_>, row: &PolicyRow) -> duckdb::Result<()> {
    let LogPolicy { topic, retention_ms, retention_bytes, compacted } = &row.policy;
    to.append_row(params![&*row.cluster, &**topic, retention_ms, retention_bytes, compacted, time(row.sampled_at)])
}

fn beyond_text(beyond: &Beyond) -> Option<String> {
    match beyond {
        Beyond::Nothing => None,
        Beyond::Unknown => Some(UNKNOWN.to_owned()),
        Beyond::Done(ranges) => {
            let texts: Vec<String> = ranges.iter().map(|range| format!("{}-{}", range.start, range.end)).collect();
            Some(texts.join(","))
        }
    }
}

fn beyond(text: Option<&str>) -> Beyond {
    let Some(text) = text else { return Beyond::Nothing };
    let range = |range: &str| {
        let (start, end) = range.split_once('-')?;
        Some(start.parse().ok()?..end.parse().ok()?)
    };
    text.split(',').map(range).collect::<Option<_>>().map_or(Beyond::Unknown, Beyond::Done)
}

/// How all groups stood.
pub(super) fn progress_rows(conn: &Connection) -> Result<Vec<ProgressRow>, Error> {
    rows(conn, &ask::PROGRESS_ROWS, [], |row| {
        Ok(ProgressRow {
            consumer_group: row.get(0)?,
            ordinal: Ordinal(row.get(1)?),
            committed_offset: row.get(2)?,
            log_end_offset: row.get(3)?,
            lag_offsets: row.get(4)?,
            lag_records: row.get(5)?,
            lag_ms: row.get(6)?,
            state: named(row, 7, &ProgressState::ALL, ProgressState::as_str)?,
            sampled_at: stored(row, 8)?,
            resolution_ms: row.get(9)?,
            stands_at: row.get(10)?,
            velocity: row.get(11)?,
            eta_ms: row.get(12)?,
            retention_used: row.get(13)?,
            loses_data_in_ms: row.get(14)?,
            lost_offsets: row.get::<_, Option<i64>>(15)?.unwrap_or(0),
            beyond: beyond(row.get::<_, Option<String>>(16)?.as_deref()),
        })
    })
}

/// All groups.
pub(super) fn group_rows(conn: &Connection) -> Result<Vec<GroupRow>, Error> {
    rows(conn, &ask::GROUP_ROWS, [], |row| {
        Ok(GroupRow {
            cluster: row.get(0)?,
            consumer_group: row.get(1)?,
            kind: named(row, 2, &GroupKind::ALL, GroupKind::as_str)?,
            phase: phase(row, 3)?,
            members: row.get(4)?,
            denied: row.get(5)?,
            sampled_at: stored(row, 6)?,
        })
    })
}

fn phase(row: &Row<'_>, at: usize) -> duckdb::Result<Option<GroupPhase>> {
    match row.get::<_, Option<String>>(at)? {
        None => Ok(None),
        Some(_) => named(row, at, &GroupPhase::ALL, GroupPhase::as_str).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beyond_comes_back_as_it_was() {
        for told in [Beyond::Nothing, Beyond::Unknown, Beyond::Done(vec![3..9, 12..13])] {
            assert_eq!(beyond(beyond_text(&told).as_deref()), told);
        }
        assert_eq!(beyond(Some("3-x")), Beyond::Unknown);
    }
}
