use super::*;
use crate::report::conversation::tests::{broken, large, order};
use proptest::prelude::*;

/// What a box or an edge may hold between its quotes in mermaid.
fn is_mermaid_text(text: &str) -> bool {
    let plain = text.replace("<br/>", "\u{2028}");
    let mut left = plain.chars();
    while let Some(c) = left.next() {
        match c {
            '#' => {
                let number: String = left.by_ref().take_while(|&c| c != ';').collect();
                if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
                    return false;
                }
            }
            '"' | '`' | '<' | '>' | ';' | ':' | '&' | '%' | '{' | '}' | '[' | ']' | '|' | '(' | ')' | '\\' => {
                return false;
            }
            c if c.is_control() => return false,
            _ => {}
        }
    }
    !plain.contains("--")
}

/// Every line is one that this module writes, with nothing beside.
fn is_mermaid(text: &str) -> bool {
    let id =
        |text: &str| text.strip_prefix('n').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    let within = |text: &str, open: &str, close: &str| {
        let inner = text.strip_prefix(open).and_then(|text| text.strip_suffix(close));
        inner.is_some_and(is_mermaid_text)
    };
    let node = |line: &str| {
        let cut = line.find(['[', '{', '(', '>']).unwrap_or(line.len());
        let (name, rest) = line.split_at(cut);
        let shapes =
            [("[\"", "\"]"), ("{{\"", "\"}}"), ("[/\"", "\"/]"), ("([\"", "\"])"), ("{\"", "\"}"), (">\"", "\"]")];
        (id(name) || name == "rest") && shapes.iter().any(|(open, close)| within(rest, open, close))
    };
    let edge = |line: &str| {
        let parts = line.split_once(' ').and_then(|(from, rest)| Some((from, rest.rsplit_once(' ')?)));
        let Some((from, (middle, to))) = parts else { return false };
        let arrows = ["-->", "==>", "-.->", "-.-"];
        let label = |rest: &str| rest.is_empty() || within(rest, "|\"", "\"|");
        id(from) && id(to) && arrows.iter().any(|arrow| middle.strip_prefix(arrow).is_some_and(label))
    };
    let mut lines = text.lines();
    lines.next() == Some("flowchart TB")
        && lines.all(|line| {
            let line = line.trim_start();
            node(line) || edge(line) || line.starts_with("classDef ") || line.starts_with("class n")
        })
}

/// Braces, brackets and strings of Graphviz's language, by its own rule for strings.
fn is_dot(text: &str) -> bool {
    let Some(body) = text.strip_prefix("digraph conversation {\n").and_then(|body| body.strip_suffix("}\n")) else {
        return false;
    };
    body.lines().all(|line| {
        let mut bare = String::new();
        let (mut quoted, mut escaped) = (false, false);
        for c in line.chars() {
            match (quoted, escaped, c) {
                (true, true, _) => escaped = false,
                (true, false, '\\') => escaped = true,
                (true, false, '<' | '>') => return false,
                (_, _, '"') => quoted = !quoted,
                (true, ..) => {}
                (false, ..) => bare.push(c),
            }
        }
        let ascii = bare.chars().all(|c| c.is_ascii_alphanumeric() || " [],;=->_".contains(c));
        !quoted && !escaped && ascii && bare.ends_with(';') && bare.matches(';').count() == 1
    })
}

#[test]
fn failures_and_classes_of_evidence_are_drawn_apart() {
    let conversation = broken();
    insta::assert_snapshot!("dead_letter_dot", dot(&conversation, &[12]));
    insta::assert_snapshot!("dead_letter_mermaid", mermaid(&conversation, &[12]));
}

#[test]
fn a_large_conversation_is_summed_up_and_said_so() {
    let conversation = large(5_000);
    let (dot, mermaid) = (dot(&conversation, &[]), mermaid(&conversation, &[]));
    assert!(is_dot(&dot) && is_mermaid(&mermaid));
    assert!(mermaid.len() < 50_000 && mermaid.matches("-->").count() < 500, "{} bytes", mermaid.len());
    assert!(dot.contains("400 boxes are drawn of 5,000 events"), "{dot}");
    assert!(mermaid.contains("100 boxes are drawn of 5,000 events"), "{mermaid}");
}

#[test]
fn known_tricks_stay_text() {
    for trick in [
        "\"]; n0 --> n1",
        "a --> b",
        "`**x**`",
        "%%{init: {}}%%",
        "end",
        "style x:y#quot;z\"",
        "a\\",
        "<script>",
        "]]\n}}",
        "\u{1b}[2J",
        "&quot;",
        "#quot;",
        "\\N\\G",
        "]\r\nclick n0 \"javascript:alert(1)\"",
        "--",
        "---",
        "a|b",
    ] {
        let (mut nodes, edges) = order();
        nodes[1].event_type = Some(trick.to_owned());
        nodes[2].topic = trick.to_owned();
        let conversation = Conversation::new(nodes, edges, Vec::new());
        let (dot, mermaid) = (dot(&conversation, &[]), mermaid(&conversation, &[]));
        assert!(is_dot(&dot), "{dot}");
        assert!(is_mermaid(&mermaid), "{mermaid}");
    }
}

proptest! {
    #[test]
    fn no_text_of_a_record_leaves_its_place(texts in proptest::collection::vec(".{0,40}|[\"\\\\`<>&#;:|{}\\[\\]()%\n-]{0,12}", 6)) {
        let (mut nodes, mut edges) = order();
        for (node, text) in nodes.iter_mut().zip(&texts) {
            node.event_type = Some(text.clone());
            node.topic = text.chars().rev().collect();
        }
        edges[0].evidence.clone_from(&texts[0]);
        let conversation = Conversation::new(nodes, edges, Vec::new());
        let (dot, mermaid) = (dot(&conversation, &[]), mermaid(&conversation, &[]));
        prop_assert!(is_dot(&dot), "{}", dot);
        prop_assert!(is_mermaid(&mermaid), "{}", mermaid);
    }
}
