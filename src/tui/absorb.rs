//! Answers into the model: read by column name, sorted, put into words.

use super::ask::{About, Answer, Part, Question, Reader};
use super::model::{Choice, FailureLine, Headline, Link, Model, Screen, Sort, in_trouble, waiting};
use super::trace::{Identity, Trace};
use super::{gate, update};
use crate::report::conversation::Conversation;
use crate::report::json::TraceTables;
use crate::report::rows::{
    CoverageLine, FailureGroup, LagRow, Match, PartitionProgress, PassageRow, Pulse, RowError, TapStanding, Totals,
    TraceNode,
};
use crate::report::{Cell, Table, style, tree};
use std::collections::{BTreeMap, BTreeSet};

/// A group whose oldest event waits so long is in trouble, ms; all that work are behind by less, all the time.
pub const SLOW_MS: i64 = 5_000;

/// Takes an answer over; one that cannot be read says so and changes nothing on its screen.
pub fn answer(model: &mut Model, answer: Answer) {
    let answer = gate::answer(answer);
    model.link = Link::Up;
    if let Err(error) = take(model, &answer) {
        update::say(model, &error.to_string(), false);
    }
    // Why nothing was found stands where it was asked.
    let found = !matches!(answer.question.about, About::Find { .. }) || answer.parts.contains_key(&Part::Matches);
    if found || model.search.is_none() {
        answer.notes.iter().for_each(|note| update::say(model, note, found));
    }
}

fn take(model: &mut Model, answer: &Answer) -> Result<(), RowError> {
    headline(model, answer)?;
    match &answer.question.about {
        About::Overview => overview(model, answer),
        About::Consumers { selected } => consumers(model, answer, selected.as_ref()),
        About::Failures { .. } => {
            model.failures.all = failures(answer.part(Part::Failures))?;
            model.failures.answered = true;
            arrange(model);
            Ok(())
        }
        About::Trace { reference } => {
            let trace = trace(answer, *reference)?;
            show(model, trace);
            Ok(())
        }
        About::Find { text } => found(model, answer, text),
    }
}

fn headline(model: &mut Model, answer: &Answer) -> Result<(), RowError> {
    let totals = Totals::from_table(answer.part(Part::Totals))?.pop();
    let standing = TapStanding::from_table(answer.part(Part::Standing))?.pop();
    let (Some(totals), Some(standing)) = (totals, standing) else { return Ok(()) };
    let last = standing.seen_time.or(totals.last_time);
    let live_end = if model.origin.file { last.unwrap_or(model.now) } else { model.now };
    model.headline = Some(Headline {
        at: model.now,
        until: answer.question.until.unwrap_or(live_end),
        cluster: standing.cluster.unwrap_or_default(),
        seen_time: last,
        sampled_at: standing.sampled_at,
        unread: standing.unread,
        catch_up_ms: standing.catch_up_ms,
        horizon_memory_ms: standing.horizon_memory_ms,
        horizon_disk_ms: standing.horizon_disk_ms,
        gaps: standing.gaps,
        totals,
    });
    Ok(())
}

fn overview(model: &mut Model, answer: &Answer) -> Result<(), RowError> {
    let mut failures = failures(answer.part(Part::Failures))?;
    failures.sort_by(|a, b| b.row.last_time.cmp(&a.row.last_time).then(b.row.failures.cmp(&a.row.failures)));
    let mut groups = LagRow::from_table(answer.part(Part::Lag))?;
    let behind = groups.iter().filter(|row| waiting(row) > 0 && !in_trouble(row)).count();
    groups.retain(|row| in_trouble(row) || row.lag_ms.is_some_and(|ms| ms >= SLOW_MS));
    sort_groups(&mut groups);
    let overview = &mut model.overview;
    overview.behind = behind.saturating_sub(groups.iter().filter(|row| !in_trouble(row)).count());
    overview.pulse = Pulse::from_table(answer.part(Part::Pulse))?;
    overview.failure = kept(&overview.failures, overview.failure, &failures, |f| (&f.signature, &f.row.consumer_group));
    overview.group = kept(&overview.groups, overview.group, &groups, |g| (&g.consumer_group, &g.topic, &g.cluster));
    overview.failures = failures;
    overview.groups = groups;
    overview.answered = true;
    Ok(())
}

fn consumers(model: &mut Model, answer: &Answer, shown: Option<&Reader>) -> Result<(), RowError> {
    let mut rows = LagRow::from_table(answer.part(Part::Lag))?;
    sort_groups(&mut rows);
    let consumers = &mut model.consumers;
    consumers.selected =
        kept(&consumers.rows, consumers.selected, &rows, |g| (&g.consumer_group, &g.topic, &g.cluster));
    consumers.rows = rows;
    consumers.answered = true;
    if shown.is_some() {
        consumers.partitions = PartitionProgress::from_table(answer.part(Part::Progress))?;
        consumers.shown = shown.cloned();
    }
    Ok(())
}

/// Those in trouble first, then those that wait longest.
fn sort_groups(rows: &mut [LagRow]) {
    rows.sort_by(|a, b| {
        let key = |row: &LagRow| (in_trouble(row), row.lag_ms, waiting(row));
        key(b).cmp(&key(a)).then_with(|| (&a.consumer_group, &a.topic).cmp(&(&b.consumer_group, &b.topic)))
    });
}

/// The cursor stays on what it was on, as long as that is there; on the first line it stays on the first.
fn kept<'a, T, K: PartialEq>(former: &'a [T], at: usize, rows: &'a [T], key: impl Fn(&'a T) -> K) -> usize {
    if at == 0 {
        return 0;
    }
    let same = former.get(at).and_then(|row| rows.iter().position(|other| key(other) == key(row)));
    same.unwrap_or(at).min(rows.len().saturating_sub(1))
}

fn failures(table: &Table) -> Result<Vec<FailureLine>, RowError> {
    let rows = FailureGroup::from_table(table)?;
    let at = |name: &str| table.columns.iter().position(|column| column.name == name);
    let (sample, signature) = (at("sample_ref"), at("signature"));
    let cell = |row: usize, at: Option<usize>| at.and_then(|at| table.rows.get(row)?.get(at));
    let line = |(n, row): (usize, FailureGroup)| FailureLine {
        what: tree::what(row.error_class.as_deref(), row.error_message.as_deref())
            .unwrap_or_else(|| "no error given".to_owned()),
        from: from(&row),
        sample_ref: match cell(n, sample) {
            Some(Cell::Int(reference)) => *reference,
            _ => 0,
        },
        signature: match cell(n, signature) {
            Some(Cell::Text(text)) => text.clone(),
            _ => String::new(),
        },
        row,
    };
    Ok(rows.into_iter().enumerate().map(line).collect())
}

fn from(row: &FailureGroup) -> String {
    match (&row.root_type, &row.origin_topic, row.orphaned) {
        (Some(root), _, _) => root.clone(),
        (None, _, 1..) => "orphaned".to_owned(),
        (None, Some(topic), _) => format!("a record of {topic}"),
        (None, None, _) => "not known yet".to_owned(),
    }
}

/// Filters and sorts screen 4; the cursor stays on what it was on.
pub fn arrange(model: &mut Model) {
    let kept = model.selected_failure().map(|line| (line.signature.clone(), line.row.consumer_group.clone()));
    let failures = &mut model.failures;
    let all = &failures.all;
    let mut shown: Vec<usize> = (0..all.len())
        .filter(|&at| !failures.unattended || all[at].row.unattended > 0)
        .filter(|&at| !failures.orphans || all[at].row.orphaned > 0)
        .collect();
    shown.sort_by(|&a, &b| {
        let (a, b) = (&all[a].row, &all[b].row);
        let first = match failures.sort {
            Sort::Newest => b.last_time.cmp(&a.last_time),
            Sort::Count => b.failures.cmp(&a.failures),
            Sort::Dead => b.dead.cmp(&a.dead),
        };
        first.then(b.failures.cmp(&a.failures)).then(b.last_time.cmp(&a.last_time)).then(a.sample.cmp(&b.sample))
    });
    let same = |&at: &usize| kept.as_ref() == Some(&(all[at].signature.clone(), all[at].row.consumer_group.clone()));
    let moved = (failures.selected > 0).then(|| shown.iter().position(same)).flatten();
    let selected = moved.unwrap_or(failures.selected);
    failures.selected = selected.min(shown.len().saturating_sub(1));
    failures.shown = shown;
}

/// The trace that an answer holds.
pub fn trace(answer: &Answer, reference: i64) -> Result<Trace, RowError> {
    let nodes = answer.part(Part::Nodes);
    let events = TraceNode::from_table(nodes)?;
    let identity = identities(nodes, &events);
    let tables = TraceTables {
        nodes: nodes.clone(),
        edges: answer.part(Part::Edges).clone(),
        failures: answer.part(Part::TraceFailures).clone(),
        summed: answer.summed.clone(),
        ..TraceTables::default()
    };
    // No partition, no group: an answer without rows has no columns either.
    let passage = match answer.part(Part::Passage) {
        none if none.columns.is_empty() => Vec::new(),
        some => PassageRow::from_table(some)?,
    };
    let mut trace = Trace {
        asked: reference,
        conversation: Conversation::read(&tables)?,
        passage,
        coverage: CoverageLine::from_table(answer.part(Part::Coverage))?,
        identity,
        rows: Vec::new(),
        selected: 0,
        collapsed: BTreeSet::new(),
        downstream: None,
        in_details: false,
        details_top: 0,
        cut: answer.cut,
    };
    trace.lay_out();
    if let Some(branch) = trace.branch_of(reference) {
        trace.select(branch);
    }
    Ok(trace)
}

fn identities(table: &Table, events: &[TraceNode]) -> BTreeMap<i64, Identity> {
    let at = |name: &str| table.columns.iter().position(|column| column.name == name);
    let (id, source) = (at("id"), at("source"));
    let text = |row: &[Cell], at: Option<usize>| match at.and_then(|at| row.get(at)) {
        Some(Cell::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let own = |row: &Vec<Cell>| Identity { id: text(row, id), source: text(row, source) };
    events.iter().zip(&table.rows).map(|(event, row)| (event.reference, own(row))).collect()
}

fn show(model: &mut Model, mut trace: Trace) {
    if trace.rows.is_empty() {
        update::say(model, "this event is not in the database any more", false);
        return;
    }
    if let Some(former) = model.trace.as_ref().filter(|former| former.asked == trace.asked) {
        trace.resume(former);
    }
    model.trace = Some(Box::new(trace));
}

/// One conversation is shown; several events of different ones are listed; nothing says so.
fn found(model: &mut Model, answer: &Answer, text: &str) -> Result<(), RowError> {
    let matches = match answer.part(Part::Matches) {
        none if none.columns.is_empty() => Vec::new(),
        some => Match::from_table(some)?,
    };
    let Some(first) = matches.first() else {
        if let Some(search) = &mut model.search {
            search.looking = false;
            let why = answer.notes.first().cloned().unwrap_or_default();
            search.refused = Some(format!("no event `{}` was found: {why}", style::fit(text, 40)));
        }
        return Ok(());
    };
    if answer.parts.contains_key(&Part::Nodes) {
        let trace = trace(answer, first.reference)?;
        model.search = None;
        model.trace = None;
        show(model, trace);
        update::go(model, Screen::Trace);
    } else if let Some(search) = model.search.take() {
        model.choice = Some(Choice { text: search.input.value().to_owned(), matches, selected: 0 });
    }
    Ok(())
}

/// A question that was refused; the tap is still there.
pub fn refused(model: &mut Model, question: &Question, reason: &str) {
    let reason = gate::text(reason);
    match (&question.about, &mut model.search) {
        (About::Find { .. }, Some(search)) => {
            search.looking = false;
            search.refused = Some(reason);
        }
        _ => update::say(model, &reason, false),
    }
}
