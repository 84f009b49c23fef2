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
/// Most columns for a value beside its place, a UUID and a little more; longer ones have a line of their own.
const VALUE_MAX: usize = 38;
/// Columns for the word before what stands below a value.
const LABEL: usize = 7;
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
        (Some(_), true) => format!("{} by its name", style::words(&topic.class)),
        (Some(_), false) => format!(
            "{} by its name, {} for records that say themselves that they failed",
            style::words(&topic.class),
            style::words(&topic.with_evidence),
        ),
    };
    line(&mut out, "topic", &says, style);
    if let Some(pattern) = &topic.pattern {
        below(&mut out, ("matches", pattern), (Tone::Faint, style));
    }
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
    pieces(&mut out, ("known, and of no use to the graph", &explanation.noted, 0), style);
    pieces(&mut out, ("no convention knows", &explanation.unknown, explanation.unknown_more), style);
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

/// What stands below a value; `text` may hold anything, and goes on where the terminal ends.
fn below(out: &mut String, (label, text): (&str, &str), (tone, style): (Tone, &Style)) {
    let columns = style.width.saturating_sub(NAME + LABEL + 5).max(REST_MIN);
    let mut label = label;
    for part in wrap(text, columns) {
        let label = style::left(std::mem::take(&mut label), LABEL);
        let _ =
            writeln!(out, "  {} {} {}", " ".repeat(NAME), style.paint(Tone::Faint, &label), style.paint(tone, &part));
    }
}

/// `text` made harmless, in lines of at most `columns`, broken between words where there are any.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in clean(text).split(' ') {
        let mut word = word.to_owned();
        loop {
            let used = lines.last().map_or(0, |line| style::width(line));
            let gap = usize::from(used > 0);
            if used + gap + style::width(&word) <= columns {
                if let Some(line) = lines.last_mut() {
                    line.push_str(&" ".repeat(gap));
                    line.push_str(&word);
                }
                break;
            }
            if style::width(&word) <= columns {
                lines.push(String::new());
                continue;
            }
            // A word that no line holds is broken anywhere.
            let room = columns.saturating_sub(used + gap);
            let mut taken = 0;
            let fits = |c: &char| {
                taken += style::width(c.encode_utf8(&mut [0; 4]));
                taken <= room
            };
            let mut head: String = word.chars().take_while(fits).collect();
            if head.is_empty() && used == 0 {
                head.extend(word.chars().next());
            }
            word = word[head.len()..].to_owned();
            if let Some(line) = lines.last_mut().filter(|_| !head.is_empty()) {
                line.push_str(&" ".repeat(gap));
                line.push_str(&head);
            }
            lines.push(String::new());
        }
    }
    lines
}

/// Fields whose name does not say what their value stands for.
const MEANT: [&str; 4] = ["causation", "correlation", "root", "further_traces"];

fn field(out: &mut String, story: &FieldStory, style: &Style) {
    let name = style::words(&story.field);
    let from = story.from.as_ref().map(finding).unwrap_or_default();
    let room = style.width.saturating_sub(NAME + VALUE_MAX + 6);
    match &story.value {
        None => line(out, &name, &style.paint(Tone::Faint, "none found"), style),
        Some(value) if style::width(&clean(value)) <= VALUE_MAX && style::width(&from) <= room => {
            let value = style.paint(Tone::Strong, &style::left(&clean(value), VALUE_MAX));
            line(out, &name, format!("{value}  {}", clean(&from)).trim_end(), style);
        }
        Some(value) => {
            let whole = style::fit(value, style.width.saturating_sub(NAME + 4));
            line(out, &name, &style.paint(Tone::Strong, &whole), style);
            if !from.is_empty() {
                below(out, ("from", &from), (Tone::Plain, style));
            }
        }
    }
    if let Some(because) = &story.because {
        below(out, ("why", because), (Tone::Plain, style));
    }
    if MEANT.contains(&story.field.as_str()) && (story.value.is_some() || !story.lost.is_empty()) {
        below(out, ("means", &story.meaning), (Tone::Faint, style));
    }
    for part in &story.with {
        below(out, ("with", &format!("{} {}", finding(part), read_as(part))), (Tone::Plain, style));
    }
    for lost in story.lost.iter().take(LISTED_MAX) {
        let why = lost.reason.as_deref().unwrap_or_default();
        below(out, ("lost", &format!("{}{}: {why}", finding(lost), quoted(&lost.raw))), (Tone::Plain, style));
    }
    let more = story.lost.len().saturating_sub(LISTED_MAX) + story.lost_more;
    if more > 0 {
        below(out, ("", &format!("… and {more} more; --json lists them")), (Tone::Faint, style));
    }
}

/// Where a value lies and who says so.
fn finding(finding: &Finding) -> String {
    let which = match (finding.occurrence, finding.occurrences) {
        (Some(n), Some(of)) => format!(", {n} of {of}"),
        _ => String::new(),
    };
    format!("{}{which} ({})", finding.place, finding.convention)
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
        let columns = style.width.saturating_sub(NAME + 4).max(REST_MIN);
        for (at, part) in wrap(&names.join(", "), columns).iter().enumerate() {
            line(out, if at == 0 { "follows" } else { "" }, part, style);
        }
    }
    if others.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n  {}", style.paint(Tone::Faint, "found names of, but does not follow"));
    for one in others.iter().take(LISTED_MAX) {
        let missing = one.missing.as_deref().unwrap_or_default();
        let found = one.found.join(", ");
        let found = if found.is_empty() { String::new() } else { format!("; found {found}") };
        let text = format!("{}: {missing}{found}", one.name);
        for (at, part) in wrap(&text, style.width.saturating_sub(6).max(REST_MIN)).iter().enumerate() {
            let _ = writeln!(out, "    {}{part}", if at == 0 { "" } else { "  " });
        }
    }
    more(out, others.len(), style);
}

fn more(out: &mut String, all: usize, style: &Style) {
    if all > LISTED_MAX {
        let text = format!("… and {} more; --json lists them", all - LISTED_MAX);
        let _ = writeln!(out, "    {}", style.paint(Tone::Faint, &text));
    }
}

fn pieces(out: &mut String, (title, pieces, beyond): (&str, &[Piece], usize), style: &Style) {
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
    if beyond > 0 {
        let text = format!("… and {beyond} beyond what is listed of one record");
        let _ = writeln!(out, "    {}", style.paint(Tone::Faint, &text));
    }
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
            "the way back ends in an event without a cause, of a topic and type of which at least \
             {LINEAGE_CAUSED_PERCENT} % of the last {} settled events (at least {LINEAGE_LEAST}) named one",
            style::count(LINEAGE_WINDOW as i64)
        );
        below(&mut out, ("rule", &rule), (Tone::Faint, style));
    }
    let events = style::plural(verdict.conversation_events as i64, "event");
    line(&mut out, "conversation", &format!("{}, of {events}", node.conversation), style);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_go_on_below_and_nothing_of_them_is_lost() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a abcdefghij b", 4), ["a ab", "cdef", "ghij", "b"]);
        assert_eq!(wrap("比萨比萨", 5), ["比萨", "比萨"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("a\u{1b}[31m", 20), ["a\u{fffd}[31m"]);
        for columns in 1..9 {
            let lines = wrap("some words, and averylongone", columns);
            assert!(lines.iter().all(|line| style::width(line) <= columns), "{columns}: {lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), "somewords,andaverylongone", "{columns}");
        }
    }

    #[test]
    fn a_lost_context_is_shown_with_the_limits_behind_it() {
        let event = TraceNode {
            reference: 7,
            cluster: "c".into(),
            topic: "orders".into(),
            partition: 0,
            offset: 3,
            time: crate::event::Timestamp(0),
            kind: "dead_letter".into(),
            event_type: None,
            resolution: "orphaned".into(),
            orphan_reason: Some("context_lost".into()),
            conversation: 7,
        };
        let orphan = Verdict { event, causes: Vec::new(), failure: None, passage: Vec::new(), conversation_events: 1 };
        let text = verdict(&orphan, &Style::default()).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("orphaned: context lost"), "{text}");
        assert!(text.contains("at least 95 % of the last 1,000 settled events (at least 50)"), "{text}");
    }
}
