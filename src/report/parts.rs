//! An answer of any size, written as it comes.

use super::{Style, Table, json, table};
use std::io::{self, Write};

/// Rows that are held to find out how wide the columns of a table are.
const WIDTHS_FROM: usize = 1_000;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Columns for people.
    Table,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// CSV by RFC 4180 with a header; harmless for a terminal.
    Csv {
        /// A terminal shows it.
        harmless: bool,
    },
}

/// Writes the parts of one answer.
#[derive(Debug)]
pub struct Parts {
    shape: Shape,
    look: Style,
    rows: u64,
    begun: bool,
    /// Rows of a table whose columns have no widths yet.
    held: Table,
    widths: Option<Vec<usize>>,
}

impl Parts {
    /// Of an answer that is written as `shape`; `look` is that of a table.
    pub fn new(shape: Shape, look: Style) -> Self {
        Self { shape, look, rows: 0, begun: false, held: Table::default(), widths: None }
    }

    /// Rows that came so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the next part. Also the first of an answer without rows, which tells its columns.
    ///
    /// # Errors
    /// What `out` says.
    pub fn push(&mut self, part: Table, out: &mut dyn Write) -> io::Result<()> {
        let first = !std::mem::replace(&mut self.begun, true);
        let before = self.rows;
        self.rows += part.rows.len() as u64;
        let text = match self.shape {
            Shape::Table => return self.push_table(part, out),
            Shape::Ndjson => json::ndjson(&part),
            Shape::Json => {
                let mut none_before = before == 0;
                let between = || if std::mem::take(&mut none_before) { "[\n  " } else { ",\n  " };
                json::elements(&part, between)
            }
            Shape::Csv { harmless } => {
                let header = if first { table::csv_header(&part, harmless) } else { String::new() };
                header + &table::csv_rows(&part, harmless)
            }
        };
        out.write_all(text.as_bytes())
    }

    /// Writes what ends the answer.
    ///
    /// # Errors
    /// What `out` says.
    pub fn end(mut self, out: &mut dyn Write) -> io::Result<()> {
        let text = match self.shape {
            Shape::Table if self.held.columns.is_empty() => "no columns\n".to_owned(),
            Shape::Table => {
                self.show_held(out)?;
                table::rows_told(i64::try_from(self.rows).unwrap_or(i64::MAX))
            }
            Shape::Json if self.rows == 0 => "[]\n".to_owned(),
            Shape::Json => "\n]\n".to_owned(),
            Shape::Ndjson | Shape::Csv { .. } => String::new(),
        };
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn push_table(&mut self, part: Table, out: &mut dyn Write) -> io::Result<()> {
        if let Some(widths) = &self.widths {
            return out.write_all(table::more(&part, widths).as_bytes());
        }
        self.held.columns = part.columns;
        self.held.rows.extend(part.rows);
        if self.held.rows.len() >= WIDTHS_FROM { self.show_held(out) } else { Ok(()) }
    }

    fn show_held(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.widths.is_some() {
            return Ok(());
        }
        let (text, widths) = table::grid(&self.held, &self.look);
        self.held.rows = Vec::new();
        self.widths = Some(widths);
        out.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Cell, Column, ColumnType};

    fn part(from: i64, to: i64) -> Table {
        let columns = [("n", ColumnType::BigInt), ("word", ColumnType::Text)];
        Table {
            columns: columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).to_vec(),
            rows: (from..to).map(|n| vec![Cell::Int(n), Cell::Text(format!("a\n{n}"))]).collect(),
        }
    }

    fn written(shape: Shape, parts: &[(i64, i64)]) -> String {
        let mut out = Vec::new();
        let mut printer = Parts::new(shape, Style::default());
        for &(from, to) in parts {
            printer.push(part(from, to), &mut out).unwrap();
        }
        printer.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parts_make_the_same_answer_however_they_are_cut() {
        for shape in [Shape::Table, Shape::Json, Shape::Ndjson, Shape::Csv { harmless: false }] {
            let whole = written(shape, &[(0, 0), (0, 7)]);
            assert_eq!(written(shape, &[(0, 0), (0, 3), (3, 3), (3, 7)]), whole, "{shape:?}");
        }
        let json: serde_json::Value = serde_json::from_str(&written(Shape::Json, &[(0, 2), (2, 7)])).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 7);
        assert_eq!(json::document(&json), written(Shape::Json, &[(0, 7)]));
        assert_eq!(written(Shape::Json, &[(0, 0)]), "[]\n");
        assert_eq!(written(Shape::Csv { harmless: false }, &[(0, 0)]), "n,word\r\n");
    }

    #[test]
    fn rows_behind_the_looked_at_ones_keep_the_columns() {
        let text = written(Shape::Table, &[(0, 1_200)]);
        let cut = written(Shape::Table, &[(0, 1_000), (1_000, 1_200)]);
        let lines: Vec<&str> = cut.lines().collect();
        assert_eq!((lines.len(), lines[1_201]), (1_202, "(1,200 rows)"), "{}", text.len());
        assert_eq!(lines[1_000].len() + 2, lines[1_001].len(), "both values are wider than any before");
    }
}
