//! One conversation for people: the answer first, then the tree, then what was not seen.

use super::attempts;
use super::closing;
use super::conversation::{Branch, Conversation, Further, Link, Outcome};
use super::duplicates;
use super::levels;
use super::outline::{self, Hidden, Line};
use super::rows::{CoverageLine, PassageRow, TraceFailure, TraceNode};
use super::style::{self, Style, Tone};
use crate::event::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Levels that are indented; deeper lines say their depth instead, or they would leave the screen.
const INDENT_MAX: usize = 24;
/// Columns for tree and name; longer names are cut, coordinates never are.
const LABEL_MAX: usize = 52;
/// Attempts, times or further causes named on one line.
const NAMED_MAX: usize = 6;

/// What was asked, beside the conversation itself.
#[derive(Debug, Clone, Default)]
pub struct Question<'a> {
    /// The events that the question named.
    pub asked: &'a [i64],
    /// How far each group has come on these events.
    pub passage: &'a [PassageRow],
    /// Coverage of the partitions that the conversation lies on.
    pub coverage: &'a [CoverageLine],
    /// What the next command needs to reach the same database, such as ` --db demo.duckdb`; empty for the default.
    pub reach: &'a str,
}

/// The whole answer to `headwater trace`.
pub fn render(conversation: &Conversation, question: &Question<'_>, style: &Style) -> String {
    let mut out = header(conversation, style);
    let shown = outline::choose(conversation, question.asked);
    let tree =
        Tree { conversation, asked: question.asked, start: start(conversation), origins: origins(conversation), style };
    out.push('\n');
    out.push_str(&tree.draw(&outline::lines(conversation, &shown, &conversation.roots)));
    if !conversation.detached.is_empty() {
        let _ = writeln!(out, "\n  not linked to the root ({}):", conversation.detached.len());
        out.push_str(&tree.draw(&outline::lines(conversation, &shown, &conversation.detached)));
    }
    let cut = shown.iter().filter(|shown| !**shown).count();
    if cut > 0 {
        let (all, cut) = (style::count(shown.len() as i64), style::count(cut as i64));
        let _ = writeln!(out, "\n  {cut} of {all} lines are summarised above; --json has every event");
    }
    if let Some(summed) = &conversation.summed {
        out.push_str(&levels::render(conversation, summed, question.reach, style));
    }
    out.push_str(&attempts::render(conversation, style));
    out.push('\n');
    out.push_str(&closing::render(conversation, question, style));
    out
}

fn header(conversation: &Conversation, style: &Style) -> String {
    let Some((first, last)) = conversation.window() else {
        return "an empty conversation\n".to_owned();
    };
    let events = style::plural(conversation.events() as i64, "event");
    let begin = conversation.roots.first().map(|&root| outline::name(conversation, root)).unwrap_or_default();
    let begin = style::fit(&begin, LABEL_MAX);
    let by = match (conversation.root_known, conversation.begins_unlinked()) {
        (true, _) => format!("by {begin}"),
        (false, true) => format!("by {begin}, which names no cause"),
        (false, false) => format!("root not known, earliest {begin}"),
    };
    let (tone, outcome) = outcome(&conversation.outcome());
    format!(
        "{} over {} · started {} UTC {by}   {}\n",
        style.paint(Tone::Strong, &format!("conversation of {events}")),
        style::span(last.since(first)),
        style::date_time(start(conversation)),
        style.paint(tone, &outcome),
    )
}

fn outcome(outcome: &Outcome) -> (Tone, String) {
    let list = |groups: &[String]| style::fit(&groups.join(", "), LABEL_MAX);
    match outcome {
        Outcome::Failed(groups) => (Tone::Bad, format!("✗ FAILED at {}", list(groups))),
        Outcome::Retrying(groups) => (Tone::Warn, format!("↻ RETRYING at {}", list(groups))),
        Outcome::Healed => (Tone::Good, "✓ HEALED".to_owned()),
        Outcome::Orphaned(n) => (Tone::Warn, format!("? {n} ORPHANED, no failure seen")),
        Outcome::Waiting(n) => (Tone::Warn, format!("… {n} WAITING for a cause, no failure seen")),
        Outcome::NoFailure => (Tone::Good, "✓ no failure seen".to_owned()),
    }
}

/// The time that all others are relative to: when the conversation's root happened.
pub fn start(conversation: &Conversation) -> Timestamp {
    conversation.roots.first().map_or(Timestamp(0), |&root| conversation.head(root).time)
}

/// For every record that failed: which groups failed on it, and how that stands.
fn origins(conversation: &Conversation) -> BTreeMap<i64, BTreeMap<String, &str>> {
    let mut origins: BTreeMap<i64, BTreeMap<String, &str>> = BTreeMap::new();
    for failure in conversation.failures.values().flatten() {
        if let Some(origin) = failure.origin {
            let state = origins.entry(origin).or_default().entry(failure.group()).or_insert(&failure.state);
            if failure.state == "dead" || (failure.state == "retrying" && *state == "healed") {
                *state = &failure.state;
            }
        }
    }
    origins
}

/// A line with its parts still apart, so that columns can be aligned.
struct Row {
    label: String,
    tone: Tone,
    coordinates: String,
    time: String,
    notes: Vec<(Tone, String)>,
}

struct Tree<'a> {
    conversation: &'a Conversation,
    asked: &'a [i64],
    start: Timestamp,
    origins: BTreeMap<i64, BTreeMap<String, &'a str>>,
    style: &'a Style,
}

impl Tree<'_> {
    fn draw(&self, lines: &[Line]) -> String {
        let mut rows: Vec<Row> = Vec::new();
        // For every open level: whether lines of that level follow, and what is hidden below it.
        let mut open: Vec<Level<'_>> = Vec::new();
        for line in lines {
            self.close(&mut rows, &mut open, line.depth);
            let connector = self.connector(line);
            rows.push(self.row(line, format!("{}{connector}", stem(&open))));
            open.push(Level { more: line.more_siblings && line.depth > 0, hidden: line.hidden.as_ref() });
            let below = if line.has_children || line.hidden.is_some() { "│ " } else { "  " };
            let indent = format!("{}{below}", stem(&open));
            rows.extend(self.details(line).into_iter().map(|text| remark(&indent, &text)));
        }
        self.close(&mut rows, &mut open, 0);
        self.align(&rows)
    }

    /// Ends the levels from `depth` on: what each of them hides is said after its last child.
    fn close(&self, rows: &mut Vec<Row>, open: &mut Vec<Level<'_>>, depth: usize) {
        while open.len() > depth {
            let stem = stem(open);
            if let Some(hidden) = open.pop().and_then(|level| level.hidden) {
                rows.push(remark(&format!("{stem}└─"), &more(hidden)));
            }
        }
    }

    fn connector(&self, line: &Line) -> &'static str {
        let link = self.conversation.branches[line.branch].evidence.as_ref();
        let certain = link.is_none_or(|link| link.class != "inferred" && link.confidence >= 1.0);
        match (line.depth, line.more_siblings, certain) {
            (0, _, _) => "",
            (_, true, true) => "├─",
            (_, false, true) => "└─",
            (_, true, false) => "├╌",
            (_, false, false) => "└╌",
        }
    }

    fn row(&self, line: &Line, stem: String) -> Row {
        let branch = &self.conversation.branches[line.branch];
        let node = self.conversation.head(line.branch);
        let failure = self.failure(node);
        let (tone, glyph, name) = match (failure.map(|f| f.kind.as_str()), node.resolution.as_str()) {
            (Some("retry"), _) => (Tone::Warn, '↻', self.retries(branch)),
            (Some("dead_letter"), _) => (Tone::Bad, '✗', "dead letter".to_owned()),
            (Some(_), _) => (Tone::Bad, '✗', outline::name(self.conversation, line.branch)),
            (None, "orphaned") => (Tone::Warn, '?', outline::name(self.conversation, line.branch)),
            (None, "waiting") => (Tone::Warn, '…', outline::name(self.conversation, line.branch)),
            (None, "unlinked") => (Tone::Plain, '○', outline::name(self.conversation, line.branch)),
            (None, _) => (Tone::Plain, '●', outline::name(self.conversation, line.branch)),
        };
        let depth = match line.depth > INDENT_MAX {
            true => format!(" (level {})", line.depth),
            false => String::new(),
        };
        let space = LABEL_MAX.saturating_sub(style::width(&stem)).max(12);
        Row {
            label: format!("{stem}{glyph} {}{depth}", style::fit(&name, space)),
            tone,
            coordinates: self.coordinates(branch),
            time: self.times(branch, line.depth == 0 && node.time == self.start),
            notes: self.notes(branch, node, failure),
        }
    }

    fn failure(&self, node: &TraceNode) -> Option<&TraceFailure> {
        self.conversation.failures.get(&node.reference).and_then(|all| all.first())
    }

    fn retries(&self, branch: &Branch) -> String {
        let events = branch.events.iter().map(|&event| &self.conversation.graph[event]);
        let attempts: Option<Vec<String>> =
            events.map(|node| self.failure(node)?.attempt.map(|attempt| attempt.to_string())).collect();
        match (attempts, branch.events.len()) {
            (Some(attempts), 1..=NAMED_MAX) => format!("retry {}", attempts.join(", ")),
            (Some(attempts), n) => format!("retry {}…{}", attempts[0], attempts[n - 1]),
            (None, 1) => "retry".to_owned(),
            (None, n) => format!("retry ({n} times)"),
        }
    }

    fn coordinates(&self, branch: &Branch) -> String {
        let node = |at: usize| &self.conversation.graph[branch.events[at]];
        let (first, last) = (node(0), node(branch.events.len() - 1));
        let rest = branch.events.len() - 1;
        match rest {
            0 => coordinates(first),
            _ if branch.events.iter().all(|&event| {
                let node = &self.conversation.graph[event];
                (&node.topic, node.partition) == (&first.topic, first.partition)
            }) =>
            {
                format!("{}…{}", coordinates(first), last.offset)
            }
            _ => format!("{} and {rest} more", coordinates(first)),
        }
    }

    fn times(&self, branch: &Branch, is_start: bool) -> String {
        if is_start {
            return style::time_of_day(self.start);
        }
        let times = branch.events.iter().map(|&event| {
            let span = style::span(self.conversation.graph[event].time.since(self.start));
            if span.starts_with('-') { span } else { format!("+{span}") }
        });
        let mut times: Vec<String> = times.collect();
        if let (n @ NAMED_MAX.., Some(last)) = (times.len(), times.last().cloned()) {
            return format!("{}…{last} ({n})", times.swap_remove(0));
        }
        times.join(", ")
    }

    fn notes(&self, branch: &Branch, node: &TraceNode, failure: Option<&TraceFailure>) -> Vec<(Tone, String)> {
        let mut notes = Vec::new();
        if let Some(link) = &branch.evidence {
            notes.push((Tone::Faint, evidence(link)));
        }
        notes.extend(resolution(node, branch.parent.is_none()));
        if let Some(failure) = failure {
            notes.extend(self.failed(failure, node.resolution == "orphaned"));
        }
        for (group, state) in self.origins.get(&node.reference).into_iter().flatten() {
            let group = style::fit(group, LABEL_MAX);
            notes.push(match *state {
                "dead" => (Tone::Bad, format!("✗ failed in {group}")),
                "retrying" => (Tone::Warn, format!("↻ failed in {group}, retrying")),
                _ => (Tone::Good, format!("✓ failed in {group}, healed")),
            });
        }
        let again = branch.events.iter().filter_map(|&event| {
            let reference = self.conversation.graph[event].reference;
            self.conversation.again.get(&reference)
        });
        notes.extend(again.take(1).map(|one| (Tone::Warn, duplicates::note(one))));
        let asked = branch.events.iter().any(|&event| self.asked.contains(&self.conversation.graph[event].reference));
        if asked {
            notes.push((Tone::Strong, "◀ asked for".to_owned()));
        }
        notes
    }

    /// `said`: that it is orphaned stands on the line already.
    fn failed(&self, failure: &TraceFailure, said: bool) -> Vec<(Tone, String)> {
        let mut text = match failure.kind.as_str() {
            "retry" => format!("failed in {}", style::fit(&failure.in_group(), LABEL_MAX)),
            "dead_letter" => format!("given up by {}", style::fit(&failure.in_group(), LABEL_MAX)),
            _ => format!("fault in {}", style::fit(&failure.in_group(), LABEL_MAX)),
        };
        if let (Some(attempts), false) = (failure.attempt, failure.kind == "retry") {
            let _ = write!(text, " after {}", style::plural(attempts, "attempt"));
        }
        let mut notes = vec![(if failure.kind == "retry" { Tone::Warn } else { Tone::Bad }, text)];
        if failure.state == "healed" {
            let by = failure.healed_by.map(|by| self.place(by)).unwrap_or_default();
            notes.push((Tone::Good, if by.is_empty() { "✓ healed".to_owned() } else { format!("✓ healed by {by}") }));
        }
        if let (Some(reason), false) = (&failure.orphan_reason, said) {
            notes.push((Tone::Warn, format!("? orphaned: {}", style::words(reason))));
        }
        notes
    }

    /// Where the event lies; its ref when it is not part of what was read.
    fn place(&self, reference: i64) -> String {
        self.conversation.event(reference).map_or_else(|| format!("ref {reference}"), coordinates)
    }

    /// What stands under a line: what was left out above it, the error, further causes.
    fn details(&self, line: &Line) -> Vec<String> {
        let branch = &self.conversation.branches[line.branch];
        let mut details = Vec::new();
        if line.skipped > 0 {
            details.push(format!("(by way of {}, not drawn)", style::plural(line.skipped as i64, "event")));
        }
        let last = branch.events.last().map(|&event| &self.conversation.graph[event]);
        if let Some(failure) = last.and_then(|node| self.failure(node)) {
            details.extend(self.origin_unseen(failure));
            if !self.said_by_dead_letter(failure) {
                details.extend(error(failure, self.style.width.saturating_sub(8)));
            }
        }
        details.extend(branch.also.iter().take(NAMED_MAX).map(|further| self.further(further)));
        if branch.also.len() > NAMED_MAX {
            details.push(format!("… and {} more causes", branch.also.len() - NAMED_MAX));
        }
        details
    }

    /// The record that failed, where it is named but was not seen, or was found but belongs to another conversation.
    fn origin_unseen(&self, failure: &TraceFailure) -> Option<String> {
        let seen = failure.origin.is_some_and(|origin| self.conversation.event(origin).is_some());
        let (Some(topic), Some(partition), Some(offset)) =
            (&failure.origin_topic, failure.origin_partition, failure.origin_offset)
        else {
            return None;
        };
        let place = format!("{topic}/{partition}/{offset}");
        let place = crate::event::clean(&place);
        match failure.concluded() {
            Some(why) => Some(format!("may repeat {place}: {why}")),
            None => (!seen).then(|| format!("names {place} as the record that failed, which was not seen")),
        }
    }

    fn said_by_dead_letter(&self, failure: &TraceFailure) -> bool {
        failure.kind == "retry"
            && self.conversation.failures.values().flatten().any(|other| {
                other.kind == "dead_letter" && other.origin == failure.origin && other.group() == failure.group()
            })
    }

    fn further(&self, further: &Further) -> String {
        let place = self.place(further.cause);
        let evidence = evidence(&further.link);
        match further.circle {
            true => format!("circle cut here: {evidence} names {place}, which it caused itself"),
            false => format!("also caused by {place} ({evidence})"),
        }
    }

    fn align(&self, rows: &[Row]) -> String {
        let aligned = || rows.iter().filter(|row| !row.coordinates.is_empty());
        let widest = |column: fn(&Row) -> &str| aligned().map(|row| style::width(column(row))).max().unwrap_or(0);
        let label = widest(|row| &row.label).min(LABEL_MAX + 2);
        let place = widest(|row| &row.coordinates).min(LABEL_MAX);
        let time = aligned().map(|row| style::width(&row.time)).filter(|&w| w <= 14).max().unwrap_or(0);
        let mut out = String::new();
        for row in rows {
            let painted = self.style.paint(row.tone, &row.label);
            let mut line = format!("  {painted}{}", " ".repeat(label.saturating_sub(style::width(&row.label))));
            if row.coordinates.is_empty() {
                line = format!("  {painted}");
            } else {
                let _ = write!(line, "  {}  {}", style::left(&row.coordinates, place), style::left(&row.time, time));
            }
            for (tone, note) in &row.notes {
                let _ = write!(line, "  {}", self.style.paint(*tone, note));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

struct Level<'a> {
    more: bool,
    hidden: Option<&'a Hidden>,
}

/// What stands left of a line: one pair of columns for each level above it, up to a bound.
fn stem(open: &[Level<'_>]) -> String {
    open.iter().skip(1).take(INDENT_MAX).map(|level| if level.more { "│ " } else { "  " }).collect()
}

fn remark(indent: &str, text: &str) -> Row {
    Row {
        label: format!("{indent}  {text}"),
        tone: Tone::Plain,
        coordinates: String::new(),
        time: String::new(),
        notes: Vec::new(),
    }
}

pub(super) fn more(hidden: &Hidden) -> String {
    let mut types: Vec<String> =
        hidden.types.iter().map(|(name, n)| format!("{n} {}", style::fit(name, LABEL_MAX))).collect();
    if hidden.others > 0 {
        types.push(format!("{} of other types", hidden.others));
    }
    format!("… {} more below: {}", style::count(hidden.branches as i64), types.join(", "))
}

/// `topic/partition/offset` as it is, for programs.
pub(super) fn raw_coordinates(node: &TraceNode) -> String {
    format!("{}/{}/{}", node.topic, node.partition, node.offset)
}

/// `topic/partition/offset`, harmless but never cut: people copy it.
pub fn coordinates(node: &TraceNode) -> String {
    crate::event::clean(&raw_coordinates(node))
}

pub(super) fn evidence(link: &Link) -> String {
    if link.skipped > 0 {
        return format!("by way of {}, not shown", style::plural(link.skipped as i64, "event"));
    }
    let name = style::words(&link.evidence);
    let sure = if link.confidence < 1.0 { format!(", {:.2}", link.confidence) } else { String::new() };
    let class = if link.class == "inferred" { " (inferred)" } else { "" };
    format!("{name}{sure}{class}")
}

fn resolution(node: &TraceNode, top: bool) -> Option<(Tone, String)> {
    let reason = node.orphan_reason.as_deref().map(style::words);
    match (node.resolution.as_str(), top) {
        ("orphaned", _) => {
            Some((Tone::Warn, format!("? orphaned: {}", reason.unwrap_or_else(|| "no reason known".to_owned()))))
        }
        ("waiting", _) => {
            let held = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            Some((Tone::Warn, format!("… waiting for the cause it names{held}")))
        }
        ("unlinked", true) => Some((Tone::Faint, "names no cause".to_owned())),
        ("root", true) => Some((Tone::Faint, "root".to_owned())),
        _ => None,
    }
}

/// `Class: what it said`, without the package that the class lies in.
fn error(failure: &TraceFailure, columns: usize) -> Option<String> {
    let text = what(failure.error_class.as_deref(), failure.error_message.as_deref())?;
    Some(style::fit(&text, columns))
}

/// Class and message in one; a message that begins with its class is not given it twice.
pub fn what(class: Option<&str>, message: Option<&str>) -> Option<String> {
    match (class.map(short_class), message) {
        (Some(class), Some(text)) if text.starts_with(class) => Some(text.to_owned()),
        (Some(class), Some(text)) => Some(format!("{class}: {text}")),
        (only, None) => only.map(str::to_owned),
        (None, text) => text.map(str::to_owned),
    }
}

/// The last part of `a.b.Class` or `a.b.Outer$Class`.
fn short_class(class: &str) -> &str {
    class.rsplit(['.', '$', ':']).find(|part| !part.is_empty()).unwrap_or(class)
}
