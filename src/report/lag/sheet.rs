//! Lines in as many columns as a terminal has room for.

use crate::report::style::{self, Style, Tone};

/// Blanks between two columns.
const GAP: usize = 2;
/// Columns that the last one keeps, however narrow the terminal is.
const LAST_MIN: usize = 16;

/// One column.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Column<'a> {
    /// What stands above it.
    pub title: &'a str,
    /// Numbers stand right.
    pub right: bool,
    /// The larger, the sooner it is left out where there is no room; 0 stays.
    pub spare: u8,
}

/// A column of words.
pub(in crate::report) const fn words(title: &str, spare: u8) -> Column<'_> {
    Column { title, right: false, spare }
}

/// A column of numbers.
pub(in crate::report) const fn number(title: &str, spare: u8) -> Column<'_> {
    Column { title, right: true, spare }
}

/// Draws `rows`, each with one cell a column and the tone of its last cell. A column in which nothing stands is left out.
pub(in crate::report) fn draw(columns: &[Column<'_>], rows: &[(Tone, Vec<String>)], style: &Style) -> String {
    let mut shown: Vec<(usize, usize)> = (0..columns.len())
        .filter(|&at| rows.iter().any(|(_, cells)| !cell(cells, at).is_empty()))
        .map(|at| (at, width_of(columns, rows, at)))
        .collect();
    let last = columns.len().saturating_sub(1);
    while total(&shown, last) > style.width {
        let spare = shown.iter().filter(|(at, _)| *at != last).max_by_key(|(at, _)| columns[*at].spare).copied();
        match spare {
            Some((at, _)) if columns[at].spare > 0 => shown.retain(|(other, _)| *other != at),
            _ => break,
        }
    }
    let before: usize = shown.iter().filter(|(at, _)| *at != last).map(|(_, width)| width + GAP).sum();
    let room = style.width.saturating_sub(before + GAP).max(LAST_MIN);
    let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    let mut out = line(columns, &shown, &titles, &|_, text| text);
    out = format!("{}\n", style.paint(Tone::Faint, out.trim_end()));
    for (tone, cells) in rows {
        let look = |at: usize, text: String| match at == last {
            true => style.paint(*tone, &style::fit(text.trim_end(), room)),
            false => text,
        };
        out.push_str(line(columns, &shown, cells, &look).trim_end());
        out.push('\n');
    }
    out
}

fn line(
    columns: &[Column<'_>],
    shown: &[(usize, usize)],
    cells: &[String],
    look: &dyn Fn(usize, String) -> String,
) -> String {
    let cells = shown.iter().map(|&(at, width)| {
        let text = match columns[at].right {
            true => style::right(cell(cells, at), width),
            false => style::left(cell(cells, at), width),
        };
        look(at, text)
    });
    format!("  {}", cells.collect::<Vec<_>>().join("  "))
}

fn cell(cells: &[String], at: usize) -> &str {
    cells.get(at).map_or("", String::as_str)
}

fn width_of(columns: &[Column<'_>], rows: &[(Tone, Vec<String>)], at: usize) -> usize {
    let cells = rows.iter().map(|(_, cells)| style::width(cell(cells, at)));
    cells.chain([style::width(columns[at].title)]).max().unwrap_or(0)
}

/// The last column may be cut, the others not.
fn total(shown: &[(usize, usize)], last: usize) -> usize {
    shown.iter().map(|&(at, width)| GAP + if at == last { width.min(LAST_MIN * 2) } else { width }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_are_spare_go_first_and_empty_ones_always() {
        let columns =
            [words("group", 0), number("offsets", 2), words("empty", 0), number("records", 1), words("state", 0)];
        let row = |state: &str| (Tone::Bad, ["kitchen", "1,234", "", "1,230", state].map(str::to_owned).to_vec());
        let rows = [row("stuck at a place that has a long name"), row("stable")];
        insta::assert_snapshot!(draw(&columns, &rows, &Style::new(false, Some(80))), @r#"
            group    offsets  records  state
            kitchen    1,234    1,230  stuck at a place that has a long name
            kitchen    1,234    1,230  stable
            "#);
        insta::assert_snapshot!(draw(&columns, &rows, &Style { colour: false, width: 40 }), @r#"
            group    state
            kitchen  stuck at a place that has a …
            kitchen  stable
            "#);
    }
}
