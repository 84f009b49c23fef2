//! A trace as markdown for a ticket, and as the command that shows it again.

use super::model::Origin;
use super::trace::{Downstream, Trace};
use crate::event::Timestamp;
use crate::report::style::{self, Style};
use crate::report::ticket::{self, code, quoted};
use crate::report::tree::{self, Question};
use std::fmt::Write;

/// Characters of a file's name that come from a topic's.
const STEM_MAX: usize = 80;

/// `headwater trace …` for the event that was asked for.
pub fn command(trace: &Trace, origin: &Origin) -> Option<String> {
    let event = trace.conversation.event(trace.asked)?;
    Some(format!("headwater trace {}{}", quoted(&tree::coordinates(event)), origin.reach))
}

/// The name of the file, without its ending.
pub fn stem(trace: &Trace) -> String {
    let place = trace.conversation.event(trace.asked).map(tree::coordinates).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let place: String = place.chars().map(plain).collect();
    let kept: String = place.chars().skip(place.chars().count().saturating_sub(STEM_MAX)).collect();
    format!("headwater-trace-{}", kept.trim_matches(['-', '.']))
}

/// What is downstream of an event, in words.
pub fn downstream(downstream: &Downstream) -> String {
    match downstream.events {
        0 if downstream.partly => "downstream: no effects shown; others are summed up".to_owned(),
        0 => "downstream: no effects seen".to_owned(),
        n => format!(
            "downstream: {}{} in {}, {}",
            if downstream.partly { "of what is shown " } else { "" },
            style::plural(n as i64, "effect"),
            style::plural(downstream.topics as i64, "topic"),
            style::plural(downstream.failures as i64, "failure record")
        ),
    }
}

/// The whole trace as markdown: the answer, what failed, the tree, what was not seen, how to get here again.
pub fn markdown(trace: &Trace, origin: &Origin, now: Timestamp) -> String {
    let conversation = &trace.conversation;
    let mut out = format!("## {}\n\n", ticket::title(conversation));
    if let Some(failed) = conversation.event(trace.asked) {
        let _ = writeln!(out, "- event: {}", code(&tree::coordinates(failed)));
        let id = trace.identity.get(&trace.asked).and_then(|identity| identity.id.as_ref());
        if let Some(id) = id {
            let _ = writeln!(out, "- event id: {}", code(id));
        }
    }
    if let Some(failure) = trace.failure(trace.asked) {
        let _ = writeln!(out, "- failed in: {}, state {}", code(&failure.group()), code(&failure.state));
        let what = tree::what(failure.error_class.as_deref(), failure.error_message.as_deref());
        let _ = writeln!(out, "- error: {}", what.map_or_else(|| "none given".to_owned(), |what| code(&what)));
    }
    if let Some(&root) = conversation.roots.first() {
        let head = conversation.head(root);
        let name = head.event_type.as_ref().unwrap_or(&head.topic);
        let word = if conversation.root_known { "root" } else { "earliest (no root is known)" };
        let _ = writeln!(out, "- {word}: {} {}", code(name), code(&tree::coordinates(head)));
    }
    if let Some(known) = &trace.downstream
        && let Some(event) = conversation.event(known.from)
    {
        let _ = writeln!(out, "- {}, of {}", downstream(known), code(&tree::coordinates(event)));
    }
    let asked = [trace.asked];
    let question = Question { asked: &asked, passage: &trace.passage, coverage: &trace.coverage, reach: &origin.reach };
    let drawn = tree::render(conversation, &question, &Style::default());
    let _ = writeln!(out, "\n{}", ticket::block("text", &drawn));
    if let Some(command) = command(trace, origin) {
        let _ = writeln!(out, "The same again: {}", code(&command));
    }
    let _ = writeln!(out, "\nAs of {} UTC, from {}.", style::date_time(now), code(&origin.name));
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_ticket_says_what_failed_where_it_came_from_and_how_to_see_it_again() {
        let mut trace = sample::trace();
        trace.mark_downstream();
        insta::assert_snapshot!(markdown(&trace, &sample::origin(), sample::NOW));
    }

    #[test]
    fn text_of_records_cannot_leave_its_place_in_markdown() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(quoted("orders/0/12"), "orders/0/12");
        assert_eq!(quoted("or'd;rm/0/1"), "'or'\\''d;rm/0/1'");
    }

    #[test]
    fn a_file_name_holds_nothing_of_a_path() {
        assert_eq!(stem(&sample::trace()), "headwater-trace-loyalty.dlt-0-12");
    }
}
