//! The counts by topic and group, for a spreadsheet.

use crate::report::{Cell, Table, table};

/// By RFC 4180, with a header; no cell can act as a formula.
pub(super) fn render(counts: &Table) -> String {
    let guarded = |cell: &Cell| match cell {
        Cell::Text(text) => Cell::Text(guard(text)),
        other => other.clone(),
    };
    let rows = counts.rows.iter().map(|row| row.iter().map(guarded).collect()).collect();
    table::csv(&Table { columns: counts.columns.clone(), rows }, true)
}

/// Spreadsheets calculate what begins with one of these, quoted or not; an apostrophe before it makes it text.
fn guard(text: &str) -> String {
    let begins = text.trim_start().starts_with(['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠']);
    let blank = text.starts_with(|c: char| c.is_control());
    if begins || blank { format!("'{text}") } else { text.to_owned() }
}
