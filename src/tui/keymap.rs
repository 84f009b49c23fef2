//! What each key does, in one table. Footer and help are made of it, and no key is matched anywhere else.

use super::event::{Code, Key};
use super::model::{Mode, Screen};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// To a screen.
    Go(Screen),
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first line.
    Top,
    /// To the last line.
    Bottom,
    /// What is selected.
    Open,
    /// Where one came from.
    Back,
    /// To the next pane.
    NextPane,
    /// To the root of what is selected.
    Root,
    /// Everything that is downstream of what is selected.
    Downstream,
    /// Hide what is below.
    Collapse,
    /// Show what is below.
    Expand,
    /// Markdown for the ticket.
    Export,
    /// The command that shows the same.
    Copy,
    /// Ask for an ID.
    Search,
    /// Only failures without a way back.
    OrphansOnly,
    /// Only failures that nobody attends.
    UnattendedOnly,
    /// The next order.
    Sort,
    /// The next window of time.
    Window,
    /// Hold the picture, or go on.
    Freeze,
    /// Give the mouse back to the terminal, or take it.
    Mouse,
    /// The list of keys, or back from it.
    Help,
    /// Leave.
    Quit,
    /// Look up what was typed.
    Submit,
    /// Leave the line.
    Cancel,
    /// Take away the character before the cursor.
    Erase,
    /// Take away the character under the cursor.
    EraseNext,
    /// Take away the word before the cursor.
    EraseWord,
    /// Take away the whole line.
    EraseLine,
    /// Cursor left.
    CursorLeft,
    /// Cursor right.
    CursorRight,
    /// Cursor to the beginning.
    CursorStart,
    /// Cursor to the end.
    CursorEnd,
    /// The next event of a recording, without waiting for it.
    Step,
}

/// Where a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// On every screen.
    Everywhere,
    /// On these.
    On(&'static [Screen]),
    /// While an ID is typed.
    Typing,
    /// While one of several matches is chosen.
    Choosing,
    /// While the list of keys is shown.
    Help,
    /// While a recording is replayed: these come from the viewer, all others from the recording.
    Replay,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Any of these; the first stands in footer and help.
    pub keys: &'static [Key],
    /// Where.
    pub holds: Holds,
    /// What it does.
    pub act: Act,
    /// In one or two words, for the footer; empty keeps it out of there.
    pub word: &'static str,
    /// In a few words, for the help.
    pub help: &'static str,
}

const fn key(c: char) -> Key {
    Key::plain(Code::Char(c))
}

const fn named(code: Code) -> Key {
    Key::plain(code)
}

const LISTS: &[Screen] = &[Screen::Overview, Screen::Consumers, Screen::Failures];
const PANES: &[Screen] = &[Screen::Overview, Screen::Trace];
const TRACE: &[Screen] = &[Screen::Trace];
const FAILURES: &[Screen] = &[Screen::Failures];
const WINDOWED: &[Screen] = &[Screen::Overview, Screen::Failures];

macro_rules! table {
    ($($keys:expr, $holds:expr, $act:expr, $word:literal, $help:literal;)+) => {
        &[$(Binding { keys: &$keys, holds: $holds, act: $act, word: $word, help: $help }),+]
    };
}

/// The table. What stands first for a mode and a screen stands first in its footer.
pub const TABLE: &[Binding] = table! {
    [named(Code::Enter)], Holds::On(LISTS), Act::Open, "open", "open what is selected";
    [key('r')], Holds::On(TRACE), Act::Root, "root", "to the root: the event that everything started with";
    [key('d')], Holds::On(TRACE), Act::Downstream, "downstream", "mark and count all effects of the selected event";
    [key('x')], Holds::On(TRACE), Act::Export, "export", "write the trace as markdown and copy it, for the ticket";
    [key('y')], Holds::On(TRACE), Act::Copy, "command", "the command that shows the same trace, to the clipboard";
    [key('h'), named(Code::Left)], Holds::On(TRACE), Act::Collapse, "", "hide what is below, or go up to its cause";
    [key('l'), named(Code::Right), named(Code::Enter)], Holds::On(TRACE), Act::Expand, "", "show what is below, or go down into it";
    [key('o')], Holds::On(FAILURES), Act::OrphansOnly, "orphans only", "only failures whose way back to a root is broken";
    [key('u')], Holds::On(FAILURES), Act::UnattendedOnly, "unattended", "only dead letters that no group has passed";
    [key('s')], Holds::On(FAILURES), Act::Sort, "sort", "next order: newest, most frequent, most dead";
    [named(Code::Tab)], Holds::On(PANES), Act::NextPane, "pane", "to the next pane";
    [key('t')], Holds::On(WINDOWED), Act::Window, "window", "next window of time: 15 m, 1 h, 6 h, 24 h, all";
    [key('/')], Holds::Everywhere, Act::Search, "find ID", "find an event: topic/partition/offset, event id, trace id, key:VALUE";
    [named(Code::Esc)], Holds::Everywhere, Act::Back, "back", "back to where you came from";
    [key('f')], Holds::Everywhere, Act::Freeze, "freeze", "hold the picture, or go on";
    [key('1')], Holds::Everywhere, Act::Go(Screen::Overview), "", "screen overview";
    [key('3')], Holds::Everywhere, Act::Go(Screen::Consumers), "", "screen consumers";
    [key('4')], Holds::Everywhere, Act::Go(Screen::Failures), "", "screen failures";
    [key('5')], Holds::Everywhere, Act::Go(Screen::Trace), "", "screen trace";
    [named(Code::Down), key('j')], Holds::Everywhere, Act::Down, "", "down";
    [named(Code::Up), key('k')], Holds::Everywhere, Act::Up, "", "up";
    [named(Code::PageDown), Key::ctrl('d')], Holds::Everywhere, Act::PageDown, "", "a page down";
    [named(Code::PageUp), Key::ctrl('u')], Holds::Everywhere, Act::PageUp, "", "a page up";
    [key('g'), named(Code::Home)], Holds::Everywhere, Act::Top, "", "to the first line";
    [key('G'), named(Code::End)], Holds::Everywhere, Act::Bottom, "", "to the last line";
    [key('m')], Holds::Everywhere, Act::Mouse, "", "give the mouse to the terminal (to select text), or take it back";
    [key('?')], Holds::Everywhere, Act::Help, "", "this list";
    [key('q'), Key::ctrl('c')], Holds::Everywhere, Act::Quit, "quit", "leave";

    [named(Code::Enter)], Holds::Typing, Act::Submit, "find", "find it";
    [named(Code::Esc), Key::ctrl('c')], Holds::Typing, Act::Cancel, "leave", "leave the line";
    [named(Code::Backspace), Key::ctrl('h')], Holds::Typing, Act::Erase, "", "erase";
    [named(Code::Delete)], Holds::Typing, Act::EraseNext, "", "erase under the cursor";
    [Key::ctrl('w')], Holds::Typing, Act::EraseWord, "", "erase a word";
    [Key::ctrl('u')], Holds::Typing, Act::EraseLine, "clear", "erase the line";
    [named(Code::Left)], Holds::Typing, Act::CursorLeft, "", "left";
    [named(Code::Right)], Holds::Typing, Act::CursorRight, "", "right";
    [named(Code::Home), Key::ctrl('a')], Holds::Typing, Act::CursorStart, "", "to the beginning";
    [named(Code::End), Key::ctrl('e')], Holds::Typing, Act::CursorEnd, "", "to the end";

    [named(Code::Enter)], Holds::Choosing, Act::Submit, "open", "open the selected event";
    [named(Code::Down), key('j')], Holds::Choosing, Act::Down, "", "down";
    [named(Code::Up), key('k')], Holds::Choosing, Act::Up, "", "up";
    [named(Code::Esc), key('q'), Key::ctrl('c')], Holds::Choosing, Act::Cancel, "leave", "leave the list";

    [named(Code::Esc), key('?'), key('q'), named(Code::Enter), Key::ctrl('c')], Holds::Help, Act::Help, "back", "back";
    [named(Code::Down), key('j')], Holds::Help, Act::Down, "", "down";
    [named(Code::Up), key('k')], Holds::Help, Act::Up, "", "up";

    [key(' '), key('n')], Holds::Replay, Act::Step, "next", "the next event, without waiting for it";
    [key('q'), Key::ctrl('c'), named(Code::Esc)], Holds::Replay, Act::Quit, "quit", "leave the recording";
};

/// Whether a row holds for `mode` on `screen`.
fn holds(binding: &Binding, mode: Mode, screen: Screen) -> bool {
    match (binding.holds, mode) {
        (Holds::Everywhere, Mode::Screen) | (Holds::Typing, Mode::Typing) => true,
        (Holds::Choosing, Mode::Choosing) | (Holds::Help, Mode::Help) => true,
        (Holds::On(screens), Mode::Screen) => screens.contains(&screen),
        _ => false,
    }
}

/// What `key` asks for in `mode` on `screen`.
pub fn act(key: Key, mode: Mode, screen: Screen) -> Option<Act> {
    TABLE.iter().find(|b| holds(b, mode, screen) && b.keys.contains(&key)).map(|b| b.act)
}

/// What a key of the viewer asks for while a recording is replayed.
pub fn replay(key: Key) -> Option<Act> {
    TABLE.iter().find(|b| b.holds == Holds::Replay && b.keys.contains(&key)).map(|b| b.act)
}

/// What the viewer of a recording can press: key and word.
pub fn replay_footer() -> impl Iterator<Item = (String, &'static str)> {
    TABLE.iter().filter(|b| b.holds == Holds::Replay).map(|b| (b.keys[0].label(), b.word))
}

/// The rows that a footer shows: key and word.
pub fn footer(mode: Mode, screen: Screen) -> impl Iterator<Item = (String, &'static str)> {
    TABLE.iter().filter(move |b| holds(b, mode, screen) && !b.word.is_empty()).map(|b| (b.keys[0].label(), b.word))
}

/// The rows that the help shows: all keys of a row, and what they do; those of `screen` first.
pub fn help(screen: Screen) -> impl Iterator<Item = (String, &'static str)> {
    let here = move |b: &&Binding| matches!(b.holds, Holds::On(screens) if screens.contains(&screen));
    let own = TABLE.iter().filter(here);
    let all = TABLE.iter().filter(|b| b.holds == Holds::Everywhere);
    own.chain(all).map(|b| (b.keys.iter().map(|key| key.label()).collect::<Vec<_>>().join(" "), b.help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_key_means_two_things_at_one_place() {
        for mode in [Mode::Screen, Mode::Typing, Mode::Choosing, Mode::Help] {
            for screen in Screen::ALL {
                let mut seen = BTreeSet::new();
                for key in TABLE.iter().filter(|b| holds(b, mode, screen)).flat_map(|b| b.keys) {
                    assert!(seen.insert(key.label()), "{} on {screen:?} in {mode:?}", key.label());
                }
            }
        }
    }

    #[test]
    fn every_mode_can_be_left_and_says_how() {
        for mode in [Mode::Screen, Mode::Typing, Mode::Choosing, Mode::Help] {
            for screen in Screen::ALL {
                assert!(footer(mode, screen).any(|(_, word)| ["quit", "leave", "back"].contains(&word)), "{mode:?}");
            }
        }
    }
}
