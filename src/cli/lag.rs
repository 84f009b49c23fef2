//! `headwater lag`: who is behind, and what waits for one group.

use super::args;
use super::output;
use super::source::Source;
use crate::client::query;
use crate::event::clean;
use crate::report::lag::{self, GroupAnswers};
use crate::report::rows::{CoverageLine, GroupLine, LagRow, PartitionProgress, RewindLine, WaitingEvent, WaitingType};
use crate::report::text::{self, Look};
use crate::report::{Cell, Table, json};
use anyhow::bail;
use serde_json::json;
use std::process::ExitCode;

/// Waiting events that are asked for one by one: more than anybody reads, few enough to come at once. `waiting_types`
/// counts them all.
const WAITING_MAX: i64 = 1_000;

/// `headwater lag`: all groups, or one.
pub(super) fn run(args: &args::Lag) -> anyhow::Result<ExitCode> {
    let source = Source::open(&args.reading.source)?;
    let lag = source.client.ask(&query::LAG, &[])?;
    let coverage = source.coverage()?;
    let answer = match &args.group {
        Some(group) => one(&source, args, group, (&lag, &coverage.0))?,
        None => all(&source, args, &lag, &coverage)?,
    };
    output::print(&answer)?;
    Ok(ExitCode::SUCCESS)
}

fn all(
    source: &Source,
    args: &args::Lag,
    lag: &Table,
    coverage: &(Table, Vec<CoverageLine>),
) -> anyhow::Result<String> {
    let lag = on_topic(lag, args.topic.as_deref());
    if args.reading.json {
        return Ok(json::document(&json!({ "lag": json::rows(&lag), "coverage": json::rows(&coverage.0) })));
    }
    let rows = LagRow::from_table(&lag)?;
    let hint = match args.topic {
        Some(_) => "without --topic all groups are listed",
        None => "where the cluster cannot list its groups, name them: headwater tap --groups A,B",
    };
    Ok(match rows.is_empty() {
        true => text::nothing("no consumer groups", hint, &coverage.1),
        false => lag::lag(&rows, &Look { style: &output::style(), now: output::now(), reach: &source.reach }),
    })
}

fn one(source: &Source, args: &args::Lag, group: &str, of: (&Table, &Table)) -> anyhow::Result<String> {
    let (lag, coverage) = of;
    let own = with(lag, "consumer_group", group);
    if own.rows.is_empty() {
        bail!(unknown(group, &LagRow::from_table(lag)?));
    }
    let own = on_topic(&own, args.topic.as_deref());
    if own.rows.is_empty() {
        let topic = args.topic.as_deref().unwrap_or_default();
        bail!("group `{group}` does not read topic `{topic}`; without --topic all that it reads is listed");
    }
    let name = Cell::Text(group.to_owned());
    let of_topic = [name.clone(), args.topic.clone().map_or(Cell::Null, Cell::Text)];
    let listed = [of_topic[0].clone(), of_topic[1].clone(), Cell::Int(WAITING_MAX)];
    let ask = |query, parameters: &[Cell]| source.client.ask(query, parameters);
    let groups = ask(&query::GROUP_STATES, &[name])?;
    let partitions = ask(&query::GROUP_PROGRESS, &of_topic)?;
    let types = ask(&query::WAITING_TYPES, &of_topic)?;
    let waiting = ask(&query::WAITING, &listed)?;
    let rewinds = ask(&query::GROUP_REWINDS, &of_topic)?;
    if args.reading.json {
        return Ok(json::document(&json!({
            "group": json::rows(&groups),
            "lag": json::rows(&own),
            "partitions": json::rows(&partitions),
            "types": json::rows(&types),
            "waiting": json::rows(&waiting),
            "waiting_limit": WAITING_MAX,
            "rewinds": json::rows(&rewinds),
            "coverage": json::rows(coverage),
        })));
    }
    let answers = GroupAnswers {
        groups: &GroupLine::from_table(&groups)?,
        lag: &LagRow::from_table(&own)?,
        partitions: &PartitionProgress::from_table(&partitions)?,
        types: &WaitingType::from_table(&types)?,
        waiting: &WaitingEvent::from_table(&waiting)?,
        rewinds: &RewindLine::from_table(&rewinds)?,
    };
    Ok(lag::group(group, &answers, &Look { style: &output::style(), now: output::now(), reach: &source.reach }))
}

/// The rows whose `column` holds `text`.
fn with(table: &Table, column: &str, text: &str) -> Table {
    let at = table.columns.iter().position(|c| c.name == column);
    let holds = |row: &&Vec<Cell>| matches!(at.and_then(|at| row.get(at)), Some(Cell::Text(own)) if own == text);
    Table { columns: table.columns.clone(), rows: table.rows.iter().filter(holds).cloned().collect() }
}

fn on_topic(table: &Table, topic: Option<&str>) -> Table {
    topic.map_or_else(|| table.clone(), |topic| with(table, "topic", topic))
}

/// A group that nobody knows is a typing mistake, or one that the tap may not see.
fn unknown(group: &str, rows: &[LagRow]) -> String {
    let near = lag::near(group, rows.iter().map(|row| row.consumer_group.as_str()));
    let next = match (rows.is_empty(), near.is_empty()) {
        (true, _) => "no group was seen at all: name it with `headwater tap --groups`".to_owned(),
        (false, true) => "`headwater lag` lists those that were seen".to_owned(),
        (false, false) => {
            format!("is one of these meant? {}", near.iter().map(|n| clean(n)).collect::<Vec<_>>().join(", "))
        }
    };
    format!("no group `{group}` was seen; {next}")
}
