//! Text into the cells of a screen: every piece is cut to its place, whatever it holds.

use super::super::theme::{Theme, Tone};
use crate::report::style;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Text with its meaning.
pub type Piece = (Tone, String);

/// A piece of text.
pub fn piece(tone: Tone, text: impl Into<String>) -> Piece {
    (tone, text.into())
}

/// Where a view draws.
#[derive(Debug)]
pub struct Canvas<'a> {
    /// The cells.
    pub cells: &'a mut Buffer,
    /// The looks.
    pub theme: &'a Theme,
}

impl Canvas<'_> {
    /// Writes pieces one after the other into the line `row` of `area`, and gives the columns that they took.
    pub fn line(&mut self, area: Rect, row: u16, pieces: &[Piece]) -> u16 {
        if row >= area.height {
            return 0;
        }
        let mut used = 0;
        for (tone, text) in pieces {
            let left = usize::from(area.width - used);
            // A blank that does not fit is nothing that was cut.
            let words = self.fit(text.trim_end_matches(' '), left);
            let blanks = text.len() - text.trim_end_matches(' ').len();
            let blanks = blanks.min(left.saturating_sub(style::width(&words)));
            let text = format!("{words}{}", " ".repeat(blanks));
            let look = self.theme.style(*tone);
            self.cells.set_stringn(area.x + used, area.y + row, &text, usize::from(area.width - used), look);
            used += style::width(&text) as u16;
        }
        used
    }

    /// Writes pieces so that they end at the right edge of the line `row`; what does not fit is left out.
    pub fn line_right(&mut self, area: Rect, row: u16, pieces: &[Piece]) {
        let wide = width(pieces).min(usize::from(area.width)) as u16;
        let place = Rect { x: area.right() - wide, width: wide, ..area };
        self.line(place, row, pieces);
    }

    /// `text` harmless and at most `columns` wide.
    pub fn fit(&self, text: &str, columns: usize) -> String {
        let text = style::fit(text, columns);
        // The cut is one character at the end: with other glyphs it is another one.
        match text.strip_suffix('…') {
            Some(kept) if self.theme.glyphs.cut != "…" => format!("{kept}{}", self.theme.glyphs.cut),
            _ => text,
        }
    }

    /// A frame with a title; gives what is inside.
    pub fn frame(&mut self, area: Rect, title: &[Piece], focused: bool) -> Rect {
        if area.width < 4 || area.height < 3 {
            return Rect { width: 0, height: 0, ..area };
        }
        let look = self.theme.style(if focused { Tone::Accent } else { Tone::Muted });
        let [flat, tall, nw, ne, se, sw] = self.theme.glyphs.frame;
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        for x in area.x + 1..right {
            self.put(x, area.y, flat, look);
            self.put(x, bottom, flat, look);
        }
        for y in area.y + 1..bottom {
            self.put(area.x, y, tall, look);
            self.put(right, y, tall, look);
        }
        for (x, y, corner) in [(area.x, area.y, nw), (right, area.y, ne), (right, bottom, se), (area.x, bottom, sw)] {
            self.put(x, y, corner, look);
        }
        let mut title = title.to_vec();
        if !title.is_empty() {
            title.insert(0, piece(Tone::Plain, " "));
            title.push(piece(Tone::Plain, " "));
        }
        let place = Rect { x: area.x + 1, width: area.width - 3, height: 1, ..area };
        self.line(place, 0, &title);
        Rect { x: area.x + 2, y: area.y + 1, width: area.width - 4, height: area.height - 2 }
    }

    /// A frame, or where there is little room a title and no frame; gives what is inside.
    pub fn pane(&mut self, area: Rect, title: &[Piece], (focused, framed): (bool, bool)) -> Rect {
        if framed {
            return self.frame(area, title, focused);
        }
        let tone = if focused { Tone::Accent } else { Tone::Muted };
        let flat = self.theme.glyphs.frame[0];
        let mut line = vec![piece(tone, format!("{flat} "))];
        line.extend_from_slice(title);
        let rule = usize::from(area.width).saturating_sub(width(&line) + 1);
        line.push(piece(tone, format!(" {}", flat.repeat(rule))));
        self.line(area, 0, &line);
        let inside = split(area, 1).1;
        Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside }
    }

    /// Gives every cell of `area` a look on top of its own.
    pub fn paint(&mut self, area: Rect, look: Style) {
        self.cells.set_style(area, look);
    }

    /// Empties `area`, so that something can be laid over what is there.
    pub fn clear(&mut self, area: Rect) {
        let blank = " ".repeat(usize::from(area.width));
        for y in area.y..area.bottom() {
            for x in area.x..area.right() {
                self.cells[(x, y)].reset();
            }
            self.cells.set_stringn(area.x, y, &blank, usize::from(area.width), Style::default());
        }
    }

    fn put(&mut self, x: u16, y: u16, glyph: &str, look: Style) {
        self.cells[(x, y)].set_symbol(glyph).set_style(look);
    }
}

/// Columns that pieces take.
pub fn width(pieces: &[Piece]) -> usize {
    pieces.iter().map(|(_, text)| style::width(text)).sum()
}

/// `area` cut after `rows`: what is above, and what is below.
pub fn split(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    (Rect { height: rows, ..area }, Rect { y: area.y + rows, height: area.height - rows, ..area })
}

/// `area` cut after `columns`: what is left, and what is right.
pub fn split_at(area: Rect, columns: u16) -> (Rect, Rect) {
    let columns = columns.min(area.width);
    (Rect { width: columns, ..area }, Rect { x: area.x + columns, width: area.width - columns, ..area })
}
