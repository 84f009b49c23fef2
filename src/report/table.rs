//! Any answer as a table: for people, and as CSV.

use super::{Cell, Column, ColumnType, Style, Table, style};
use crate::event::clean;
use comfy_table::{CellAlignment, ContentArrangement};

/// Columns that one value may take; longer ones are cut. `--format json` has them whole.
const VALUE_MAX: usize = 80;

/// The answer in columns, with the number of rows.
pub fn text(table: &Table, look: &Style) -> String {
    if table.columns.is_empty() {
        return "no columns\n".to_owned();
    }
    grid(table, look).0 + &rows_told(table.rows.len() as i64)
}

/// The line that says how many rows there are.
pub fn rows_told(rows: i64) -> String {
    format!("({})\n", style::plural(rows, "row"))
}

/// The answer in columns, and their widths.
pub fn grid(table: &Table, look: &Style) -> (String, Vec<usize>) {
    let mut grid = comfy_table::Table::new();
    grid.load_preset(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    grid.set_header(table.columns.iter().map(|column| style::fit(&column.name, VALUE_MAX)));
    for row in &table.rows {
        grid.add_row(row.iter().map(|cell| style::fit(&plain(cell), VALUE_MAX)));
    }
    for (at, column) in table.columns.iter().enumerate() {
        if let (true, Some(column)) = (is_number(column), grid.column_mut(at)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines = grid.lines();
    let mut out = String::new();
    if let Some(header) = lines.next() {
        out.push_str(&look.paint(style::Tone::Strong, header.trim_end()));
        out.push('\n');
    }
    for line in lines {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let widths = grid.column_max_content_widths().into_iter().map(usize::from).collect();
    (out, widths)
}

/// More rows of an answer whose columns have these widths already; a longer value pushes the rest of its row aside.
pub fn more(table: &Table, widths: &[usize]) -> String {
    let mut out = String::new();
    for row in &table.rows {
        let mut line = String::new();
        for ((cell, column), width) in row.iter().zip(&table.columns).zip(widths) {
            let text = style::fit(&plain(cell), VALUE_MAX);
            let text = if is_number(column) { style::right(&text, *width) } else { style::left(&text, *width) };
            line.push_str(&format!(" {text} "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn is_number(column: &Column) -> bool {
    matches!(column.kind, ColumnType::Int | ColumnType::BigInt | ColumnType::HugeInt | ColumnType::Float)
}

/// The answer as CSV by RFC 4180, with a header. `harmless` for a terminal: a program gets every byte.
pub fn csv(table: &Table, harmless: bool) -> String {
    csv_header(table, harmless) + &csv_rows(table, harmless)
}

/// The first line of [`csv`].
pub fn csv_header(table: &Table, harmless: bool) -> String {
    let header = table.columns.iter().map(|column| quoted(&column.name, harmless));
    header.collect::<Vec<_>>().join(",") + "\r\n"
}

/// The lines of [`csv`] after the first.
pub fn csv_rows(table: &Table, harmless: bool) -> String {
    let mut out = String::new();
    for row in &table.rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Null => String::new(),
            // An empty text is not a null.
            Cell::Text(text) if text.is_empty() => "\"\"".to_owned(),
            cell => quoted(&plain(cell), harmless),
        });
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    }
    out
}

fn quoted(text: &str, harmless: bool) -> String {
    let text = if harmless { &clean(text) } else { text };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Bool(b) => b.to_string(),
        Cell::Int(n) => n.to_string(),
        Cell::Wide(n) => n.to_string(),
        Cell::Float(n) => n.to_string(),
        Cell::Time(us) => style::rfc3339(*us),
        Cell::Text(text) => text.clone(),
        Cell::List(cells) => format!("[{}]", cells.iter().map(plain).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Table {
        let columns = [("topic", ColumnType::Text), ("n", ColumnType::BigInt), ("at", ColumnType::Time)];
        Table {
            columns: columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).to_vec(),
            rows: vec![
                vec![Cell::Text("比萨 \u{1b}[2J\"x\", y".into()), Cell::Int(7), Cell::Time(0)],
                vec![Cell::Text(String::new()), Cell::Int(12_345), Cell::Null],
                vec![Cell::Null, Cell::Null, Cell::Null],
            ],
        }
    }

    #[test]
    fn a_table_is_aligned_and_harmless() {
        insta::assert_snapshot!(text(&answer(), &Style::default()), @r#"
             topic                n  at
             比萨 �[2J"x", y      7  1970-01-01T00:00:00Z
                              12345

            (3 rows)
            "#);
    }

    #[test]
    fn csv_quotes_what_has_to_be_quoted() {
        assert!(!csv(&answer(), true).contains('\u{1b}'));
        insta::assert_snapshot!(csv(&answer(), false).replace('\r', "␍"), @r#"
            topic,n,at␍
            "比萨 [2J""x"", y",7,1970-01-01T00:00:00Z␍
            "",12345,␍
            ,,␍
            "#);
    }
}
