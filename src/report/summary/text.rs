//! A page for a terminal, or to be read as it is.

use super::page::{Block, Fact, Page, Piece, Sheet, Side};
use crate::report::style::{self, Style, Tone};

/// Columns between two columns of a sheet.
const BETWEEN: usize = 2;
/// No column of names is made narrower than this.
const NAME_MIN: usize = 10;
/// Columns that one name may take however wide the terminal is.
const NAME_MAX: usize = 60;
/// Longer lines than this are hard to read.
const LINE_MAX: usize = 100;

/// The page.
pub(in crate::report) fn render(page: &Page, style: &Style) -> String {
    let mut out = format!("{}\n", style.paint(Tone::Strong, &style::fit(&page.title, style.width)));
    for line in &page.under {
        out.push_str(&format!("{}\n", style.paint(Tone::Faint, &style::fit(line, style.width))));
    }
    for block in &page.blocks {
        match block {
            Block::Heading(text) => out.push_str(&format!("\n{}\n", style.paint(Tone::Strong, text))),
            Block::Answer(pieces) => out.push_str(&format!("\n{}", paragraph(pieces, 0, style))),
            Block::Note(pieces) => out.push_str(&paragraph(pieces, 2, style)),
            Block::Facts(facts) => out.push_str(&self::facts(facts, style)),
            Block::Sheet(sheet) => out.push_str(&self::sheet(sheet, style)),
            Block::Chart(_) => {}
        }
    }
    out
}

fn tone(piece: &Piece) -> Tone {
    match piece {
        Piece::Strong(_) | Piece::Command(_) => Tone::Strong,
        Piece::Toned(tone, _) => *tone,
        Piece::Trend(_) => Tone::Bad,
        Piece::Plain(_) | Piece::Name(_) => Tone::Plain,
    }
}

/// Words that follow one another in lines; a command stays in one piece.
fn paragraph(pieces: &[Piece], indent: usize, style: &Style) -> String {
    let mut lines = Lines::new(indent, style.width.min(LINE_MAX));
    let last = pieces.len().saturating_sub(1);
    for (at, piece) in pieces.iter().enumerate() {
        let letters = crate::event::clean(&piece.letters());
        if matches!(piece, Piece::Command(_)) {
            // Within a sentence a command is marked; at its end it can be copied with a double click.
            let command = if at == last { letters } else { format!("`{letters}`") };
            lines.push(&command, tone(piece), style);
            continue;
        }
        for word in letters.split_inclusive(' ') {
            lines.push(word, tone(piece), style);
        }
    }
    lines.end()
}

/// Lines that are being filled.
struct Lines {
    out: String,
    indent: usize,
    most: usize,
    /// Columns used on the current line.
    used: usize,
    /// A blank that is written only if a word follows on the same line.
    blank: bool,
}

impl Lines {
    fn new(indent: usize, most: usize) -> Self {
        Self { out: " ".repeat(indent), indent, most, used: indent, blank: false }
    }

    /// Adds a word; a blank at its end lets the next word begin a new line.
    fn push(&mut self, word: &str, tone: Tone, style: &Style) {
        let bare = word.trim_end_matches(' ');
        let wide = style::width(bare);
        if self.blank && self.used + 1 + wide > self.most && self.used > self.indent {
            self.out.push('\n');
            self.out.push_str(&" ".repeat(self.indent));
            self.used = self.indent;
        } else if self.blank && self.used > self.indent {
            self.out.push(' ');
            self.used += 1;
        }
        if !bare.is_empty() {
            self.out.push_str(&style.paint(tone, bare));
            self.used += wide;
        }
        self.blank = word.ends_with(' ');
    }

    fn end(mut self) -> String {
        self.out.push('\n');
        self.out
    }
}

fn facts(facts: &[Fact], style: &Style) -> String {
    let name = facts.iter().map(|fact| fact.name.len()).max().unwrap_or(0);
    let number = facts.iter().map(|fact| style::width(&fact.number)).max().unwrap_or(0);
    let mut out = String::from("\n");
    for fact in facts {
        let indent = 2 + name + BETWEEN + number + BETWEEN;
        let words = paragraph(&fact.words, indent, style);
        let head = format!(
            "  {}  {}  ",
            style.paint(Tone::Faint, &style::left(fact.name, name)),
            style.paint(fact.tone, &style::right(&fact.number, number))
        );
        out.push_str(&head);
        out.push_str(words.get(indent..).unwrap_or_default());
    }
    out
}

/// Columns as wide as they need; where that is too much, names are cut, and what can be spared is left out.
fn sheet(sheet: &Sheet, style: &Style) -> String {
    let spare = sheet.columns.iter().rposition(|(_, side)| matches!(side, Side::Spare | Side::SpareRight));
    match (drawn(sheet, style), spare) {
        (Ok(text), _) | (Err(text), None) => text,
        (Err(_), Some(spare)) => {
            let mut narrow = sheet.clone();
            narrow.columns.remove(spare);
            for row in narrow.rows.iter_mut().filter(|row| row.len() > spare) {
                row.remove(spare);
            }
            self::sheet(&narrow, style)
        }
    }
}

/// The sheet; an error when it is wider than it should be.
fn drawn(sheet: &Sheet, style: &Style) -> Result<String, String> {
    let cell = |piece: &Piece| style::fit(&piece.letters(), NAME_MAX);
    let rows: Vec<Vec<(String, Tone)>> =
        sheet.rows.iter().map(|row| row.iter().map(|piece| (cell(piece), tone(piece))).collect()).collect();
    let widths = widths(sheet, &rows, style.width);
    let line = |cells: &[(String, Tone)]| {
        let last = cells.len().saturating_sub(1);
        let mut line = String::from(" ");
        for (at, ((text, tone), (_, side))) in cells.iter().zip(&sheet.columns).enumerate() {
            let text = style::fit(text, widths[at]);
            let text = match side {
                Side::Right | Side::SpareRight => style::right(&text, widths[at]),
                _ if at == last => text,
                _ => style::left(&text, widths[at]),
            };
            line.push_str(if at == 0 { " " } else { "  " });
            line.push_str(&style.paint(*tone, &text));
        }
        format!("{}\n", line.trim_end())
    };
    let titles: Vec<(String, Tone)> =
        sheet.columns.iter().map(|(title, _)| ((*title).to_owned(), Tone::Faint)).collect();
    let mut out = line(&titles);
    out.extend(rows.iter().map(|row| line(row)));
    if let Some(more) = &sheet.more {
        out.push_str(&format!("  {more}\n"));
    }
    if total(&widths) > style.width { Err(out) } else { Ok(out) }
}

/// Columns of a line whose cells are so wide.
fn total(widths: &[usize]) -> usize {
    2 + widths.iter().sum::<usize>() + BETWEEN * widths.len().saturating_sub(1)
}

fn widths(sheet: &Sheet, rows: &[Vec<(String, Tone)>], most: usize) -> Vec<usize> {
    let widest = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|(text, _)| style::width(text)).max();
    let title = |at: usize| style::width(sheet.columns[at].0);
    let mut widths: Vec<usize> = (0..sheet.columns.len()).map(|at| widest(at).unwrap_or(0).max(title(at))).collect();
    while total(&widths) > most {
        let names = sheet
            .columns
            .iter()
            .enumerate()
            .filter(|(at, (_, side))| *side == Side::Left && widths[*at] > title(*at).max(NAME_MIN));
        let Some((at, _)) = names.max_by_key(|(at, _)| widths[*at]) else { break };
        widths[at] -= 1;
    }
    widths
}
