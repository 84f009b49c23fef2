//! The one gate through which text of records comes into the model: bounded, and unable to move a cursor, to change a
//! colour, to turn the reading order, or to take another width than the layout thinks.

use super::ask::Answer;
use crate::event::{clean, clip};
use crate::report::{Cell, Table};
use unicode_width::UnicodeWidthChar;

/// Bytes of one text that are kept: more than any pane shows.
const TEXT_MAX: usize = 4096;
/// Marks that one letter may carry: no script needs more, and towers of them cover the lines above.
const MARKS_MAX: usize = 3;

/// `answer` with every text harmless.
pub fn answer(mut answer: Answer) -> Answer {
    answer.parts.values_mut().for_each(table);
    answer.notes.iter_mut().for_each(|note| *note = text(note));
    for group in answer.summed.iter_mut().flat_map(|summed| &mut summed.groups) {
        group.cluster = text(&group.cluster);
        group.topic = text(&group.topic);
        group.event_type = group.event_type.as_deref().map(text);
    }
    answer
}

/// One text made harmless. What has passed once passes unchanged: a recording holds what the screen showed.
pub fn text(text: &str) -> String {
    let mut marks = 0;
    let harmless: String = clean(&clip(text.as_bytes(), TEXT_MAX))
        .chars()
        .map(|c| match c.width() {
            Some(0) if !is_mark(c) || marks == MARKS_MAX => char::REPLACEMENT_CHARACTER,
            Some(0) => {
                marks += 1;
                c
            }
            _ => {
                marks = 0;
                c
            }
        })
        .collect();
    // What stands for a letter that is not shown can be longer than it.
    clip(harmless.as_bytes(), TEXT_MAX).to_string()
}

/// Accents and vowel signs belong to a letter; whatever else takes no column is not to be seen, so it is shown.
fn is_mark(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}')
}

fn table(table: &mut Table) {
    table.columns.iter_mut().for_each(|column| column.name = text(&column.name));
    table.rows.iter_mut().flatten().for_each(cell);
}

/// Numbers that JSON cannot carry, and so no recording, are no numbers for the screen either.
fn cell(cell: &mut Cell) {
    match cell {
        Cell::Text(said) => *said = text(said),
        Cell::List(cells) => cells.iter_mut().for_each(self::cell),
        Cell::Float(number) if !number.is_finite() => *cell = Cell::Null,
        Cell::Wide(number) => *cell = i64::try_from(*number).map_or(Cell::Float(*number as f64), Cell::Int),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn nothing_passes_that_a_terminal_obeys_or_cannot_measure() {
        let hostile = "a\u{1b}[31m\u{61c}b\u{202e}c\u{ad}\u{fe0f}\u{200d}\u{e0041}\n\u{9b}2J";
        let passed = text(hostile);
        assert!(passed.chars().all(|c| !c.is_control() && c.width() != Some(0)), "{passed:?}");
        assert_eq!(text("gru\u{308}n \u{938}\u{941} 比萨"), "gru\u{308}n \u{938}\u{941} 比萨");
        let tower = format!("z{}", "\u{301}".repeat(500));
        assert!(text(&tower).width() >= 497, "a tower is not laid on one column");
        assert!(text(&"x".repeat(100_000)).len() <= TEXT_MAX);
        for long in ["\u{1b}".repeat(4_000), "z\u{301}\u{301}\u{301}\u{301}".repeat(600), "\u{202e}é".repeat(900)] {
            assert_eq!(text(&text(&long)), text(&long));
        }
    }

    #[test]
    fn numbers_become_ones_that_a_recording_can_carry() {
        let mut row =
            Table { columns: vec![], rows: vec![vec![Cell::Float(f64::NAN), Cell::Wide(7), Cell::Wide(i128::MAX)]] };
        table(&mut row);
        assert_eq!(row.rows[0][..2], [Cell::Null, Cell::Int(7)]);
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), row);
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_harmless_afterwards(said: String) {
            let passed = text(&said);
            proptest::prop_assert!(passed.chars().all(|c| !c.is_control()));
            proptest::prop_assert_eq!(text(&passed), passed);
        }
    }
}
