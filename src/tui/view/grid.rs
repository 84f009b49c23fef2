//! Rows in columns: numbers stand right, columns that matter less go first where there is no room.

use super::paint::{Canvas, Piece, piece, split};
use crate::report::style;
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// Columns between two columns.
const GAP: usize = 2;

/// How a column is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// It holds numbers, which stand right.
    pub right: bool,
    /// Most columns that it takes; the one that has none takes what is left.
    pub max: Option<usize>,
    /// Columns that the one that takes what is left has at least.
    pub min: usize,
    /// Which column goes first where there is no room: the greatest; 0 never goes.
    pub goes: u8,
}

/// A column of text.
pub const fn text(title: &'static str, max: usize, goes: u8) -> Column {
    Column { title, right: false, max: Some(max), min: 0, goes }
}

/// A column of numbers.
pub const fn number(title: &'static str, max: usize, goes: u8) -> Column {
    Column { title, right: true, max: Some(max), min: 0, goes }
}

/// The column that takes what is left, and at least so many columns.
pub const fn rest(title: &'static str, min: usize) -> Column {
    Column { title, right: false, max: None, min, goes: 0 }
}

/// Draws `rows` below their titles; the selected one is always to be seen, in the middle where the rows are many.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, grid: &Grid<'_>) {
    let widths = widths(grid, usize::from(area.width).saturating_sub(GAP));
    let (head, body) = split(area, u16::from(grid.titles));
    if grid.titles {
        let titles = grid.columns.iter().map(|column| piece(Tone::Muted, column.title)).collect::<Vec<_>>();
        canvas.line(head, 0, &cells(canvas, grid.columns, &titles, &widths));
    }
    let first = offset(grid.rows.len(), usize::from(body.height), grid.selected.unwrap_or(0));
    for (row, cells_of) in grid.rows.iter().enumerate().skip(first).take(usize::from(body.height)) {
        let line = (row - first) as u16;
        let mut pieces = cells(canvas, grid.columns, cells_of, &widths);
        let here = grid.selected == Some(row);
        if here {
            pieces[0] = piece(Tone::Accent, format!("{:<GAP$}", canvas.theme.glyphs.cursor));
        }
        canvas.line(body, line, &pieces);
        if here {
            let look = canvas.theme.selected();
            canvas.paint(Rect { y: body.y + line, height: 1, ..body }, look);
        }
    }
}

/// What [`draw`] draws.
#[derive(Debug)]
pub struct Grid<'a> {
    /// The columns.
    pub columns: &'a [Column],
    /// One cell a column in each row.
    pub rows: &'a [Vec<Piece>],
    /// The selected row, where the list has the cursor.
    pub selected: Option<usize>,
    /// The titles of the columns are shown.
    pub titles: bool,
}

/// The first of `rows` that is drawn on `height` lines.
pub fn offset(rows: usize, height: usize, selected: usize) -> usize {
    selected.saturating_sub(height / 2).min(rows.saturating_sub(height))
}

/// The width of every column; 0 for those that went.
fn widths(grid: &Grid<'_>, room: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = grid
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| match column.max {
            None => column.min,
            Some(max) => {
                let content = grid.rows.iter().map(|row| style::width(&row[at].1)).max().unwrap_or(0);
                content.max(column.title.len()).min(max)
            }
        })
        .collect();
    let total = |widths: &[usize]| widths.iter().filter(|w| **w > 0).map(|w| w + GAP).sum::<usize>();
    let mut going: Vec<(u8, usize)> =
        grid.columns.iter().enumerate().filter(|(_, c)| c.goes > 0).map(|(at, c)| (c.goes, at)).collect();
    going.sort_unstable();
    while total(&widths) > room + GAP {
        match going.pop() {
            Some((_, at)) => widths[at] = 0,
            None => break,
        }
    }
    let left = (room + GAP).saturating_sub(total(&widths));
    if let Some(rest) = grid.columns.iter().position(|column| column.max.is_none()) {
        widths[rest] += left;
    }
    widths
}

fn cells(canvas: &Canvas<'_>, columns: &[Column], cells: &[Piece], widths: &[usize]) -> Vec<Piece> {
    let mut line = vec![piece(Tone::Plain, " ".repeat(GAP))];
    for ((column, (tone, text)), &width) in columns.iter().zip(cells).zip(widths) {
        if width == 0 {
            continue;
        }
        let text = canvas.fit(text, width);
        let text = if column.right { style::right(&text, width) } else { style::left(&text, width) };
        line.push((*tone, text));
        line.push(piece(Tone::Plain, " ".repeat(GAP)));
    }
    line
}
