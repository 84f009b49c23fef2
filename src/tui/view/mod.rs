//! The model as a screen: pure functions of model and theme.

mod consumers;
mod details;
mod failures;
mod grid;
mod header;
mod numbers;
mod overlay;
mod overview;
mod paint;
mod trace;

use super::keymap;
use super::model::{Model, Screen};
use super::theme::{Theme, Tone};
use paint::{Canvas, piece, split};
use ratatui::Frame;
use ratatui::layout::Rect;

pub use details::DETAILS_MAX;

/// Fewest columns on which the screens can be laid out.
pub const COLUMNS_MIN: u16 = 60;
/// Fewest rows.
pub const ROWS_MIN: u16 = 15;

/// Draws the model.
pub fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let mut canvas = Canvas { cells: frame.buffer_mut(), theme };
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        return too_small(&mut canvas, area);
    }
    let (head, rest) = split(area, 2);
    let (body, foot) = split(rest, rest.height - 1);
    header::draw(&mut canvas, head, model);
    match model.screen {
        Screen::Overview => overview::draw(&mut canvas, body, model),
        Screen::Consumers => consumers::draw(&mut canvas, body, model),
        Screen::Failures => failures::draw(&mut canvas, body, model),
        Screen::Trace => trace::draw(&mut canvas, body, model),
    }
    overlay::draw(&mut canvas, body, model);
    header::footer(&mut canvas, foot, model);
}

/// Draws what a viewer of a recording can do, over the last line: the keys there are those of the recording.
pub fn draw_replay(ended: bool, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let (_, foot) = split(area, area.height.saturating_sub(1));
    let mut canvas = Canvas { cells: frame.buffer_mut(), theme };
    canvas.clear(foot);
    let said = if ended { " end of the recording   " } else { " recording   " };
    let mut line = vec![piece(Tone::Warn, said)];
    for (key, word) in keymap::replay_footer() {
        line.extend([piece(Tone::Accent, key), piece(Tone::Muted, format!(" {word}   "))]);
    }
    canvas.line(foot, 0, &line);
}

fn too_small(canvas: &mut Canvas<'_>, area: Rect) {
    let lines = [
        format!("headwater top needs {COLUMNS_MIN} x {ROWS_MIN};"),
        format!("this is {} x {}.", area.width, area.height),
        "Make it larger, or q to leave.".to_owned(),
    ];
    for (row, text) in lines.into_iter().enumerate() {
        canvas.line(area, row as u16, &[piece(Tone::Plain, text)]);
    }
}

/// What stands where a list would stand, while there is nothing in it.
fn nothing(canvas: &mut Canvas<'_>, area: Rect, answered: bool, why: &str) {
    let said = if answered { why } else { "asking…" };
    let said = said.replace('…', canvas.theme.glyphs.wait);
    canvas.line(area, 0, &[piece(Tone::Muted, format!("  {said}"))]);
}
