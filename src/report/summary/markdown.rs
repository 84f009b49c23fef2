//! A page for a ticket or a wiki, which takes it as it is.

use super::page::{Block, Fact, Page, Piece, Sheet, Side};
use crate::event::clean;

/// The page.
pub(in crate::report) fn render(page: &Page) -> String {
    let mut out = format!("# {}\n", escape(&page.title));
    for line in &page.under {
        out.push_str(&format!("\n_{}_\n", escape(line)));
    }
    for block in &page.blocks {
        match block {
            Block::Heading(text) => out.push_str(&format!("\n## {text}\n")),
            Block::Answer(pieces) | Block::Note(pieces) => out.push_str(&format!("\n{}\n", inline(pieces))),
            Block::Facts(facts) => {
                out.push('\n');
                out.extend(facts.iter().map(fact));
            }
            Block::Sheet(sheet) => out.push_str(&self::sheet(sheet)),
            Block::Chart(_) => {}
        }
    }
    out
}

fn fact(fact: &Fact) -> String {
    format!("- **{} {}** {}\n", escape(fact.name), escape(&fact.number), inline(&fact.words))
}

fn inline(pieces: &[Piece]) -> String {
    pieces.iter().map(piece).collect()
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Strong(text) => {
            // Emphasis ends at a letter only.
            let text = clean(text);
            let bare = text.trim_end();
            let blank = &text[bare.len()..];
            if bare.is_empty() { blank.to_owned() } else { format!("**{}**{blank}", escape(bare)) }
        }
        Piece::Name(text) | Piece::Command(text) => code(text),
        Piece::Plain(_) | Piece::Toned(..) | Piece::Trend(_) => escape(&piece.letters()),
    }
}

/// Text that means only itself.
pub(in crate::report) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '`' => out.push_str("&#96;"),
            '\\' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// What records brought stands as code: there no name mentions a person, no number an issue, no address becomes a link.
pub(in crate::report) fn code(text: &str) -> String {
    let text = clean(text).replace('`', "'");
    match text.trim() {
        "" => "–".to_owned(),
        bare => format!("`{bare}`"),
    }
}

fn sheet(sheet: &Sheet) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = String::from("\n");
    out.push_str(&line(sheet.columns.iter().map(|(title, _)| escape(title)).collect()));
    let sides = sheet
        .columns
        .iter()
        .map(|(_, side)| if matches!(side, Side::Right | Side::SpareRight) { "---:" } else { "---" });
    out.push_str(&line(sides.map(str::to_owned).collect()));
    out.extend(sheet.rows.iter().map(|row| line(row.iter().map(cell).collect())));
    if let Some(more) = &sheet.more {
        out.push_str(&format!("\n{more}\n"));
    }
    out
}

/// A bar would end the cell, in code as well; a backslash before it would take its escape away.
fn cell(content: &Piece) -> String {
    match content {
        Piece::Name(text) | Piece::Command(text) => code(text).replace('|', "\\|").replace("\\\\|", "\\ \\|"),
        other => piece(other),
    }
}
