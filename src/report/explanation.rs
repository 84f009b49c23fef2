//! The answer to `headwater explain`: each field of one record, where it is from, and what lost to it.

use super::rows::{PassageRow, TraceEdge, TraceFailure, TraceNode};
use super::style::{self, Style, Tone};
use super::tree;
use crate::event::{
    Explanation, FieldStory, Finding, LINEAGE_CAUSED_PERCENT, LINEAGE_LEAST, LINEAGE_WINDOW, Piece, clean,
};
use std::fmt::Write;

/// Columns for the name of a field.
const NAME: usize = 14;
/// Most columns for a value beside its place; longer ones have a line of their own.
const VALUE_MAX: usize = 50;
/// Least columns for what stands behind a value, however narrow the terminal is.
const REST_MIN: usize = 40;
/// Losers, conventions or unknown pieces listed of one kind; `--json` has all.
const LISTED_MAX: usize = 12;
/// Columns for one value that was written.
const RAW_MAX: usize = 48;
/// Groups and causes that are named.
const NAMED_MAX: usize = 12;

/// What the database says of the event.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The event.
    pub event: TraceNode,
    /// Its causes, with the events as far as they were seen.
    pub causes: Vec<(TraceEdge, Option<TraceNode>)>,
    /// What it says as a failure.
    pub failure: Option<TraceFailure>,
    /// How far each group has come on it.
    pub passage: Vec<PassageRow>,
    /// Events of its conversation.
    pub conversation_events: usize,
}

/// One record in words. `source` says where it was read.
pub fn render(explanation: &Explanation, source: &str, style: &Style) -> String {
    let mut out = header(explanation, source, style);
    let topic = &explanation.topic_name;
    let says = match (&topic.pattern, topic.class == topic.with_evidence) {
        (None, _) => format!("{}: its name matches no pattern", style::words(&topic.class)),
        (Some(pattern), true) => format!("{} by its name: {}", style::words(&topic.class), clean(pattern)),
        (Some(pattern), false) => format!(
            "{} by its name; {} for records that say themselves that they failed: {}",
            style::words(&topic.class),
            style::words(&topic.with_evidence),
            clean(pattern)
        ),
    };
    line(&mut out, "topic", &style::fit(&says, style.width.saturating_sub(NAME + 4)), style);
    let body = &explanation.body;
    let unwrapped = match body.unwrapped.is_empty() {
        true => String::new(),
        false => format!("; unwrapped: {}", body.unwrapped.join(", ")),
    };
    line(&mut out, "body", &clean(&format!("{}{unwrapped}", body.outcome)), style);
    out.push('\n');
    for story in &explanation.fields {
        field(&mut out, story, style);
    }
    conventions(&mut out, explanation, style);
    pieces(&mut out, ("known, and of no use to the graph", &explanation.noted), style);
    pieces(&mut out, ("no convention knows", &explanation.unknown), style);
    counted(&mut out, explanation, style);
    out
}

fn header(explanation: &Explanation, source: &str, style: &Style) -> String {
    let size =
        |bytes: Option<usize>| bytes.map_or("null".to_owned(), |bytes| format!("{} B", style::count(bytes as i64)));
    format!(
        "{}  {} UTC · key {} · value {} · {} · {}\n",
        style.paint(Tone::Strong, &clean(&explanation.coordinates)),
        clean(&explanation.record_time).replace('T', " ").trim_end_matches('Z'),
        size(explanation.key_bytes),
        size(explanation.value_bytes),
        style::plural(explanation.headers as i64, "header"),
        clean(source),
    )
}

fn line(out: &mut String, name: &str, text: &str, style: &Style) {
    let _ = writeln!(out, "  {} {text}", style.paint(Tone::Faint, &style::left(name, NAME)));
}

/// One line, cut where the terminal ends; `text` may hold anything.
fn below(out: &mut String, text: &str, (tone, style): (Tone, &Style)) {
    let text = style::fit(text, style.width.saturating_sub(NAME + 5).max(REST_MIN));
    let _ = writeln!(out, "  {} {}", " ".repeat(NAME), style.paint(tone, &text));
}

fn field(out: &mut String, story: &FieldStory, style: &Style) {
    let name = style::words(&story.field);
    let rest = match (&story.from, &story.because) {
        (Some(from), _) => finding(from),
        (None, Some(because)) => because.clone(),
        (None, None) => String::new(),
    };
    match &story.value {
        None => line(out, &name, &style.paint(Tone::Faint, "none found"), style),
        Some(value) => {
            let shown = style::fit(value, VALUE_MAX);
            let room = style.width.saturating_sub(NAME + VALUE_MAX + 6).max(REST_MIN);
            if style::width(&clean(value)) > VALUE_MAX {
                let whole = style::fit(value, style.width.saturating_sub(NAME + 4));
                line(out, &name, &style.paint(Tone::Strong, &whole), style);
                if !rest.is_empty() {
                    below(out, &rest, (Tone::Plain, style));
                }
            } else {
                let value = style.paint(Tone::Strong, &style::left(&shown, VALUE_MAX));
                line(out, &name, format!("{value}  {}", style::fit(&rest, room)).trim_end(), style);
            }
        }
    }
    if !story.meaning.is_empty() && (story.value.is_some() || !story.lost.is_empty()) && story.field != "kind" {
        below(out, &format!("means  {}", story.meaning), (Tone::Faint, style));
    }
    if let (Some(_), Some(because)) = (&story.from, &story.because) {
        below(out, &format!("why    {because}"), (Tone::Faint, style));
    }
    for part in &story.with {
        below(out, &format!("with   {} {}", finding(part), read_as(part)), (Tone::Plain, style));
    }
    for lost in story.lost.iter().take(LISTED_MAX) {
        let why = lost.reason.as_deref().unwrap_or_default();
        below(out, &format!("lost   {}{}: {why}", finding(lost), quoted(&lost.raw)), (Tone::Plain, style));
    }
    let more = story.lost.len().saturating_sub(LISTED_MAX) + story.lost_more;
    if more > 0 {
        below(out, &format!("       … and {more} more; --json lists them"), (Tone::Faint, style));
    }
}

/// Where a value lies and who says so.
fn finding(finding: &Finding) -> String {
    let which = match (finding.occurrence, finding.occurrences) {
        (Some(n), Some(of)) => format!(", {n} of {of}"),
        _ => String::new(),
    };
    format!("{}{which} ({}, {})", finding.place, finding.convention, finding.rank)
}

fn quoted(raw: &str) -> String {
    if raw.is_empty() { String::new() } else { format!(" `{}`", style::fit(raw, RAW_MAX)) }
}

fn read_as(finding: &Finding) -> String {
    match (&finding.reads_as, &finding.reason) {
        (Some(read), _) if *read == finding.raw => format!("= {read}"),
        (Some(read), _) => format!("{} = {read}", quoted(&finding.raw).trim_start()),
        (None, Some(why)) => format!("{}: {why}", quoted(&finding.raw).trim_start()),
        (None, None) => String::new(),
    }
}

fn conventions(out: &mut String, explanation: &Explanation, style: &Style) {
    let (recognised, others): (Vec<_>, Vec<_>) = explanation.conventions.iter().partition(|one| one.recognised);
    if !recognised.is_empty() {
        let names: Vec<String> = recognised.iter().map(|one| format!("{} ({})", one.name, one.rank)).collect();
        out.push('\n');
        line(out, "follows", &style::fit(&names.join(", "), style.width.saturating_sub(NAME + 4)), style);
    }
    if others.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n  {}", style.paint(Tone::Faint, "found names of, but does not follow"));
    for one in others.iter().take(LISTED_MAX) {
        let missing = one.missing.as_deref().unwrap_or_default();
        let found = one.found.join(", ");
        let found = if found.is_empty() { String::new() } else { format!("; found {found}") };
        let text = format!("{}  {missing}{found}", style::left(&clean(&one.name), NAME));
        let _ = writeln!(out, "    {}", style::fit(&text, style.width.saturating_sub(5).max(REST_MIN)));
    }
    more(out, others.len(), style);
}

fn more(out: &mut String, all: usize, style: &Style) {
    if all > LISTED_MAX {
        let text = format!("… and {} more; --json lists them", all - LISTED_MAX);
        let _ = writeln!(out, "    {}", style.paint(Tone::Faint, &text));
    }
}

fn pieces(out: &mut String, (title, pieces): (&str, &[Piece]), style: &Style) {
    if pieces.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n  {}", style.paint(Tone::Faint, title));
    for piece in pieces.iter().take(LISTED_MAX) {
        let known = piece.known_as.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
        let size = piece.bytes.map(|bytes| format!(" ({bytes} B)")).unwrap_or_default();
        let text = format!("{}{size}{}{known}", piece.place, quoted(&piece.raw));
        let _ = writeln!(out, "    {}", style::fit(&text, style.width.saturating_sub(5).max(REST_MIN)));
    }
    more(out, pieces.len(), style);
}

fn counted(out: &mut String, explanation: &Explanation, style: &Style) {
    let counted: Vec<String> =
        explanation.undecoded.iter().map(|one| format!("{} {}", one.count, style::words(&one.reason))).collect();
    out.push('\n');
    match counted.is_empty() {
        true => line(out, "undecoded", "nothing: all that a convention asked for was understood", style),
        false => line(out, "undecoded", &style.paint(Tone::Warn, &counted.join(", ")), style),
    }
}

/// What became of the event, in words.
pub fn verdict(verdict: &Verdict, style: &Style) -> String {
    let mut out = String::from("\n");
    let node = &verdict.event;
    let reason = node.orphan_reason.as_ref().map(|reason| format!(": {}", style::words(reason))).unwrap_or_default();
    let tone = match node.resolution.as_str() {
        "orphaned" | "waiting" => Tone::Warn,
        _ => Tone::Plain,
    };
    line(&mut out, "verdict", &style.paint(tone, &format!("{}{reason}", style::words(&node.resolution))), style);
    for (edge, cause) in verdict.causes.iter().take(NAMED_MAX) {
        let at = cause.as_ref().map_or_else(|| format!("ref {}", edge.cause), tree::coordinates);
        let sure = if edge.confidence < 1.0 { format!(", confidence {:.2}", edge.confidence) } else { String::new() };
        let how = format!("{at}  by {} ({}{sure})", style::words(&edge.evidence), style::words(&edge.class));
        line(&mut out, "cause", &how, style);
    }
    if let Some(failure) = &verdict.failure {
        let orphan = failure.orphan_reason.as_deref();
        let way =
            orphan.map(|reason| format!("; its way back is broken: {}", style::words(reason))).unwrap_or_default();
        let text =
            format!("{} {} in {}{way}", style::words(&failure.kind), style::words(&failure.state), failure.in_group());
        line(&mut out, "failure", &clean(&text), style);
    }
    let lost = [node.orphan_reason.as_deref(), verdict.failure.as_ref().and_then(|f| f.orphan_reason.as_deref())];
    if lost.contains(&Some("context_lost")) {
        let rule = format!(
            "context lost: the way ends in an event without a cause, of a topic and type of which at least \
             {LINEAGE_CAUSED_PERCENT} % of the last {} settled events (at least {LINEAGE_LEAST}) named one",
            style::count(LINEAGE_WINDOW as i64)
        );
        line(&mut out, "", &rule, style);
    }
    let events = style::plural(verdict.conversation_events as i64, "event");
    line(&mut out, "conversation", &format!("{} of {events}", node.conversation), style);
    let groups: Vec<String> = verdict
        .passage
        .iter()
        .take(NAMED_MAX)
        .map(|row| format!("{} {}", clean(&row.consumer_group), style::words(&row.state)))
        .collect();
    let more = verdict.passage.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let groups = if groups.is_empty() { "none was seen on this topic".to_owned() } else { groups.join(", ") + &more };
    line(&mut out, "groups", &groups, style);
    out
}

/// What was decoded of an event, where the record itself was not looked at: name and value of each column.
pub fn stored(coordinates: &str, columns: &[(String, String)], style: &Style) -> String {
    let head = style.paint(Tone::Strong, &clean(coordinates));
    let mut out = format!("{head}  as it was decoded when it was read; the record itself was not looked at\n\n");
    for (name, value) in columns {
        let value = style::fit(value, style.width.saturating_sub(NAME + 4));
        line(&mut out, &style::words(name), &value, style);
    }
    out
}
