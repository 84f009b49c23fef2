//! Everything that can happen to the terminal UI. Times come in here, and nowhere else.

use super::ask::{Answer, Question};
use crate::event::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The time of the machine that shows the screen.
    pub at: Timestamp,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A key was pressed.
    Key(Key),
    /// The mouse wheel was turned by so many lines, down when positive.
    Wheel(i16),
    /// The terminal has a new size.
    Resize {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// Time passed.
    Tick,
    /// A question was answered.
    Answer {
        /// The generation in which it was asked.
        generation: u64,
        /// The answer.
        answer: Box<Answer>,
    },
    /// A question was refused; the tap is still there.
    Refused {
        /// The generation in which it was asked.
        generation: u64,
        /// What was asked.
        question: Question,
        /// What was said.
        reason: String,
    },
    /// The tap does not answer any more.
    Lost {
        /// What was said.
        reason: String,
    },
    /// The tap answers again.
    Found,
    /// Something was done for the user, or could not be: what to say about it.
    Done {
        /// For people.
        text: String,
        /// False when it could not be done.
        well: bool,
    },
    /// A signal, or whoever opened the screen, asks to close it.
    Quit,
}

/// A key with its modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The key.
    pub code: Code,
    /// Control was held.
    pub ctrl: bool,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
}

impl Key {
    /// `code` alone.
    pub const fn plain(code: Code) -> Self {
        Self { code, ctrl: false }
    }

    /// `c` with Control.
    pub const fn ctrl(c: char) -> Self {
        Self { code: Code::Char(c), ctrl: true }
    }

    /// What is printed on it, for footer and help.
    pub fn label(self) -> String {
        let name = match self.code {
            Code::Char(' ') => "Space".to_owned(),
            Code::Char(c) => c.to_string(),
            Code::PageUp => "PgUp".to_owned(),
            Code::PageDown => "PgDn".to_owned(),
            other => format!("{other:?}"),
        };
        if self.ctrl { format!("Ctrl-{name}") } else { name }
    }
}
