//! What the terminal UI knows: plain data, without a clock and without anything of a terminal's looks.

use super::ask::Reader;
use super::trace::Trace;
use crate::event::Timestamp;
use crate::report::rows::{FailureGroup, LagRow, Match, PartitionProgress, Pulse, Totals};
use serde::{Deserialize, Serialize};
use tui_input::Input;

/// A picture of a tap or a file.
#[derive(Debug, Clone)]
pub struct Model {
    /// The time of the last event.
    pub now: Timestamp,
    /// What is looked at.
    pub origin: Origin,
    /// Whether it answers.
    pub link: Link,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The screen that is shown.
    pub screen: Screen,
    /// The screens that one came from, the last one last.
    pub back: Vec<Screen>,
    /// The window of time.
    pub window: Window,
    /// Since when the picture is held.
    pub frozen: Option<Timestamp>,
    /// Which question is the current one; answers to others come too late.
    pub generation: u64,
    /// Since when an answer is awaited.
    pub asking: Option<Timestamp>,
    /// When to ask again.
    pub due: Timestamp,
    /// The numbers that stand on every screen.
    pub headline: Option<Headline>,
    /// Screen 1.
    pub overview: Overview,
    /// Screen 3.
    pub consumers: Consumers,
    /// Screen 4.
    pub failures: Failures,
    /// Screen 5.
    pub trace: Option<Box<Trace>>,
    /// An ID that is being typed.
    pub search: Option<Search>,
    /// Several events that an ID means.
    pub choice: Option<Choice>,
    /// The list of keys is shown, from this line on.
    pub help: Option<usize>,
    /// Something to be said.
    pub notice: Option<Notice>,
    /// The mouse is used here; else the terminal has it, to select text.
    pub mouse: bool,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// A closed file, which does not change.
    pub file: bool,
    /// The door or the file, for people.
    pub name: String,
    /// What a command needs to come here again, such as ` --db demo.duckdb`; empty for the default.
    pub reach: String,
}

/// Whether what is looked at answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Nothing was answered yet.
    Waiting,
    /// It answers.
    Up,
    /// It does not.
    Lost {
        /// Since when.
        since: Timestamp,
        /// What was said.
        reason: String,
    },
}

/// A screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Screen {
    /// Headline numbers, newest failures, groups in trouble.
    Overview,
    /// Groups behind.
    Consumers,
    /// Failures by signature.
    Failures,
    /// One conversation.
    Trace,
}

impl Screen {
    /// All screens, in the order of their keys.
    pub const ALL: [Self; 4] = [Self::Overview, Self::Consumers, Self::Failures, Self::Trace];

    /// Its key and its name.
    pub const fn tab(self) -> (char, &'static str) {
        match self {
            Self::Overview => ('1', "overview"),
            Self::Consumers => ('3', "consumers"),
            Self::Failures => ('4', "failures"),
            Self::Trace => ('5', "trace"),
        }
    }
}

/// Who takes the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The screen.
    Screen,
    /// The line in which an ID is typed.
    Typing,
    /// The list of several matches.
    Choosing,
    /// The list of keys.
    Help,
}

/// How far back a screen looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Window {
    /// 15 minutes.
    #[default]
    Quarter,
    /// An hour.
    Hour,
    /// Six hours.
    SixHours,
    /// A day.
    Day,
    /// Everything that was seen.
    All,
}

impl Window {
    /// The next one; after the last comes the first.
    pub const fn next(self) -> Self {
        match self {
            Self::Quarter => Self::Hour,
            Self::Hour => Self::SixHours,
            Self::SixHours => Self::Day,
            Self::Day => Self::All,
            Self::All => Self::Quarter,
        }
    }

    /// Its minutes; `None` without a bound.
    pub const fn minutes(self) -> Option<i64> {
        match self {
            Self::Quarter => Some(15),
            Self::Hour => Some(60),
            Self::SixHours => Some(360),
            Self::Day => Some(1440),
            Self::All => None,
        }
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quarter => "15 m",
            Self::Hour => "1 h",
            Self::SixHours => "6 h",
            Self::Day => "24 h",
            Self::All => "all",
        }
    }
}

/// The numbers that stand on every screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Headline {
    /// When they were answered.
    pub at: Timestamp,
    /// The end of their window: the time of the answer, or of the freeze, or the last that a file saw.
    pub until: Timestamp,
    /// The tapped clusters.
    pub cluster: String,
    /// When the tap saw the newest event.
    pub seen_time: Option<Timestamp>,
    /// When the tap last sampled groups and log ends.
    pub sampled_at: Option<Timestamp>,
    /// Records that lay on read partitions at that time, and were not read yet.
    pub unread: i64,
    /// Time until they are read, ms; `None` when it cannot be told.
    pub catch_up_ms: Option<i64>,
    /// How far back causes are found in memory, ms; `None` while memory holds all that the database does.
    pub horizon_memory_ms: Option<i64>,
    /// How far back they are found on disk, ms.
    pub horizon_disk_ms: Option<i64>,
    /// Holes that may have held events.
    pub gaps: i64,
    /// The totals of the window.
    pub totals: Totals,
}

/// Which half of the overview has the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverviewPane {
    /// Newest failures.
    #[default]
    Failures,
    /// Groups in trouble.
    Groups,
}

/// Screen 1.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// It was answered.
    pub answered: bool,
    /// Sums by minute, the earliest first.
    pub pulse: Vec<Pulse>,
    /// Failures, the newest first.
    pub failures: Vec<FailureLine>,
    /// Groups in trouble, the worst first.
    pub groups: Vec<LagRow>,
    /// Groups on topics that are behind for so short a time that it is no trouble.
    pub behind: usize,
    /// The half with the cursor.
    pub pane: OverviewPane,
    /// The selected failure.
    pub failure: usize,
    /// The selected group.
    pub group: usize,
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureLine {
    /// The row.
    pub row: FailureGroup,
    /// What failed, in words.
    pub what: String,
    /// Where it comes from, in words.
    pub from: String,
    /// The latest failure record.
    pub sample_ref: i64,
    /// What all of them have in common.
    pub signature: String,
}

/// Screen 3.
#[derive(Debug, Clone, Default)]
pub struct Consumers {
    /// It was answered.
    pub answered: bool,
    /// Groups and topics, those in trouble first.
    pub rows: Vec<LagRow>,
    /// The selected one.
    pub selected: usize,
    /// Whose partitions are known.
    pub shown: Option<Reader>,
    /// They.
    pub partitions: Vec<PartitionProgress>,
}

/// The order of screen 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By the latest failure.
    #[default]
    Newest,
    /// By their number.
    Count,
    /// By how many were given up.
    Dead,
}

impl Sort {
    /// The next order; after the last comes the first.
    pub const fn next(self) -> Self {
        match self {
            Self::Newest => Self::Count,
            Self::Count => Self::Dead,
            Self::Dead => Self::Newest,
        }
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest first",
            Self::Count => "most frequent first",
            Self::Dead => "most dead first",
        }
    }
}

/// Screen 4.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    /// It was answered.
    pub answered: bool,
    /// All that were answered, as they came.
    pub all: Vec<FailureLine>,
    /// Those that are shown, in order: places in `all`.
    pub shown: Vec<usize>,
    /// The selected one of them.
    pub selected: usize,
    /// Only those without a way back.
    pub orphans: bool,
    /// Only those that nobody attends.
    pub unattended: bool,
    /// Their order.
    pub sort: Sort,
}

/// An ID that is being typed.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The line.
    pub input: Input,
    /// It is being looked up.
    pub looking: bool,
    /// Why nothing was found.
    pub refused: Option<String>,
}

/// Several events that an ID means.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The ID.
    pub text: String,
    /// They.
    pub matches: Vec<Match>,
    /// The selected one.
    pub selected: usize,
}

/// Something to be said for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// False for what went wrong.
    pub well: bool,
    /// Until when.
    pub until: Timestamp,
}

impl Model {
    /// The picture before anything was answered.
    pub fn new(origin: Origin, now: Timestamp, size: (u16, u16)) -> Self {
        Self {
            now,
            window: if origin.file { Window::All } else { Window::Quarter },
            origin,
            link: Link::Waiting,
            size,
            screen: Screen::Overview,
            back: Vec::new(),
            frozen: None,
            generation: 0,
            asking: None,
            due: now,
            headline: None,
            overview: Overview::default(),
            consumers: Consumers::default(),
            failures: Failures::default(),
            trace: None,
            search: None,
            choice: None,
            help: None,
            notice: None,
            mouse: true,
        }
    }

    /// Who takes the keys.
    pub const fn mode(&self) -> Mode {
        match (&self.help, &self.choice, &self.search) {
            (Some(_), _, _) => Mode::Help,
            (None, Some(_), _) => Mode::Choosing,
            (None, None, Some(_)) => Mode::Typing,
            (None, None, None) => Mode::Screen,
        }
    }

    /// How old the picture is, µs.
    pub fn age(&self) -> Option<i64> {
        self.headline.as_ref().map(|headline| self.now.since(headline.at).max(0))
    }

    /// The failure under the cursor of screen 4.
    pub fn selected_failure(&self) -> Option<&FailureLine> {
        self.failures.shown.get(self.failures.selected).and_then(|&at| self.failures.all.get(at))
    }
}

/// Whether a group wants a look, whatever its lag.
pub fn in_trouble(row: &LagRow) -> bool {
    row.in_trouble()
}

/// Whether a state of `progress` wants a look.
pub fn is_trouble(state: &str) -> bool {
    LagRow::is_trouble(state)
}

/// What waits.
pub fn waiting(row: &LagRow) -> i64 {
    row.waits()
}
