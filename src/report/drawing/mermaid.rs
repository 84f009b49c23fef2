//! A conversation in mermaid's language, as GitHub and GitLab draw it.

use super::{Drawing, Look, Node, Stroke};
use crate::event::clean;
use crate::report::conversation::Conversation;
use std::fmt::Write;

/// Boxes drawn. Mermaid refuses more than 50,000 characters and 500 edges: so many boxes, with their edges and 200 more,
/// stay below both.
const NODES_MAX: usize = 100;
/// Characters that mermaid takes at most.
const TEXT_MAX: usize = 50_000;

/// `conversation` as a flowchart; the events `asked` and all that failed are drawn first.
pub fn render(conversation: &Conversation, asked: &[i64]) -> String {
    let mut most = NODES_MAX;
    loop {
        let text = written(&Drawing::of(conversation, asked, most));
        // Text of many signs that have to be written as numbers takes more room.
        if text.len() <= TEXT_MAX || most <= 1 {
            return text;
        }
        most /= 2;
    }
}

fn written(drawing: &Drawing) -> String {
    let mut out = String::from("flowchart TB\n");
    for (at, node) in drawing.nodes.iter().enumerate() {
        let _ = writeln!(out, "  {}", boxed(at, node));
    }
    for edge in &drawing.edges {
        let arrow = match edge.stroke {
            Stroke::Declared => "-->",
            Stroke::Transactional => "==>",
            Stroke::Inferred => "-.->",
            Stroke::LeftOut => "-.-",
        };
        let label = if edge.label.is_empty() { String::new() } else { format!("|\"{}\"|", escape(&edge.label)) };
        let _ = writeln!(out, "  n{} {arrow}{label} n{}", edge.from, edge.to);
    }
    if let Some(text) = &drawing.left_out {
        let _ = writeln!(out, "  rest[\"{}\"]", escape(text));
    }
    for (look, name, style) in CLASSES {
        let ids = drawing.nodes.iter().enumerate().filter(|(_, node)| node.look == look);
        let ids: Vec<String> = ids.map(|(at, _)| format!("n{at}")).collect();
        if !ids.is_empty() {
            let _ = writeln!(out, "  classDef {name} {style}\n  class {} {name}", ids.join(","));
        }
    }
    out
}

const CLASSES: [(Look, &str, &str); 4] = [
    (Look::Dead, "dead", "stroke:#b00020,stroke-width:3px"),
    (Look::Retrying, "retrying", "stroke:#9a6700,stroke-width:2px"),
    (Look::Healed, "healed", "stroke:#1a7f37,stroke-width:2px"),
    (Look::LeftOut, "leftout", "stroke-dasharray:4 4"),
];

/// A box in the shape of its look.
fn boxed(at: usize, node: &Node) -> String {
    let lines: Vec<String> = node.lines.iter().map(|line| escape(line)).collect();
    let label = lines.join("<br/>");
    match node.look {
        Look::Event => format!("n{at}[\"{label}\"]"),
        Look::Dead => format!("n{at}{{{{\"{label}\"}}}}"),
        Look::Retrying => format!("n{at}[/\"{label}\"/]"),
        Look::Healed => format!("n{at}([\"{label}\"])"),
        Look::Orphaned | Look::Waiting => format!("n{at}{{\"{label}\"}}"),
        Look::LeftOut => format!("n{at}>\"{label}\"]"),
    }
}

/// Text within quotes: letters, digits and few signs stay, all else is written as its number, which mermaid reads back and
/// takes for nothing but text. A colon too: mermaid cuts a semicolon off lines that look like a style.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            c if c.is_alphanumeric() || " ./-_,+…✗✓↻×?".contains(c) => out.push(c),
            c => {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
    }
    // An arrow or a comment is at least two of these in a row.
    out.replace("--", "#45;#45;")
}
