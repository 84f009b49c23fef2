//! A conversation in Graphviz's language.

use super::{Drawing, Look, Stroke};
use crate::event::clean;
use crate::report::conversation::Conversation;
use std::fmt::Write;

/// Boxes drawn: some pages of a plotter; `dot` lays out more, but nobody reads them.
const NODES_MAX: usize = 400;

/// `conversation` as a digraph; the events `asked` and all that failed are drawn first.
pub fn render(conversation: &Conversation, asked: &[i64]) -> String {
    written(&Drawing::of(conversation, asked, NODES_MAX))
}

fn written(drawing: &Drawing) -> String {
    let mut out = String::from(
        "digraph conversation {\n  rankdir=TB;\n  node [shape=box, style=solid, fontname=\"sans-serif\"];\n  \
         edge [fontname=\"sans-serif\", fontsize=10];\n",
    );
    if let Some(text) = &drawing.left_out {
        let _ = writeln!(out, "  label={};", quoted(text));
    }
    for (at, node) in drawing.nodes.iter().enumerate() {
        let label: Vec<String> = node.lines.iter().map(|line| escape(line)).collect();
        let _ = writeln!(out, "  n{at} [label=\"{}\"{}];", label.join("\\n"), look(node.look));
    }
    for edge in &drawing.edges {
        let label = if edge.label.is_empty() { String::new() } else { format!("label={}, ", quoted(&edge.label)) };
        let _ = writeln!(out, "  n{} -> n{} [{label}{}];", edge.from, edge.to, stroke(edge.stroke));
    }
    out.push_str("}\n");
    out
}

fn look(look: Look) -> &'static str {
    match look {
        Look::Event => "",
        Look::Dead => ", shape=octagon, color=\"#b00020\", penwidth=2",
        Look::Retrying => ", shape=hexagon, color=\"#9a6700\"",
        Look::Healed => ", shape=box, style=rounded, color=\"#1a7f37\"",
        Look::Orphaned => ", shape=diamond, color=\"#9a6700\"",
        Look::Waiting => ", shape=diamond, style=dotted",
        Look::LeftOut => ", shape=note, style=dashed",
    }
}

fn stroke(stroke: Stroke) -> &'static str {
    match stroke {
        Stroke::Declared => "style=solid",
        Stroke::Transactional => "style=bold, arrowhead=normalnormal",
        Stroke::Inferred => "style=dashed, arrowhead=empty",
        Stroke::LeftOut => "style=dotted, arrowhead=none",
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

/// Text within a quoted string: a backslash would begin `\N` or `\n`, an ampersand an entity.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}
