use super::*;
use crate::report::conversation::tests::{broken, order};
use crate::report::rows::TraceFailure;

#[test]
fn a_dead_letter_goes_into_a_ticket() {
    let conversation = broken();
    let question = Question { asked: &[12], reach: " --db demo.duckdb", ..Question::default() };
    insta::assert_snapshot!("dead_letter_markdown", render(&conversation, &question));
}

#[test]
fn text_of_records_cannot_leave_its_place_in_markdown() {
    assert_eq!(code("a`b``c"), "```a`b``c```");
    assert_eq!(code("`x`"), "`` `x` ``");
    assert_eq!(cell("a|b\\|c"), "`a\\|b\\ \\|c`");
    assert_eq!(quoted("orders/0/12"), "orders/0/12");
    assert_eq!(quoted("or'd;rm/0/1"), "'or'\\''d;rm/0/1'");
    let (mut nodes, edges) = order();
    let hostile = "x | y `z` ``` <img src=x onerror=alert(1)>\n# @team | [a](javascript:1)";
    nodes[4].event_type = Some(hostile.to_owned());
    let mut failures: Vec<TraceFailure> = broken().failures.into_values().flatten().collect();
    failures.retain(|failure| failure.kind == "dead_letter");
    failures[0].reference = 5;
    failures[0].error_message = Some(hostile.to_owned());
    failures[0].consumer_group = Some(hostile.to_owned());
    let text = render(&Conversation::new(nodes, edges, failures), &Question::default());
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 7, "{row}");
    }
    let outside: String = text.split("\n````").step_by(2).collect();
    assert!(!outside.lines().any(|line| line.starts_with("# ")), "{text}");
}
