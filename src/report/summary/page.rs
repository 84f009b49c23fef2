//! A page: what text, Markdown and HTML all say, without its look.

use super::chart::Chart;
use crate::report::style::Tone;

/// A piece of a sentence or of a cell.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) enum Piece {
    /// Words.
    Plain(String),
    /// The answer in a sentence.
    Strong(String),
    /// A name or text that records brought.
    Name(String),
    /// What to type next.
    Command(String),
    /// A glyph and a word with a meaning.
    Toned(Tone, String),
    /// A row of numbers over time, as small bars.
    Trend(Vec<i64>),
}

impl Piece {
    pub(in crate::report) fn plain(text: impl Into<String>) -> Self {
        Self::Plain(text.into())
    }

    pub(in crate::report) fn strong(text: impl Into<String>) -> Self {
        Self::Strong(text.into())
    }

    pub(in crate::report) fn name(text: impl Into<String>) -> Self {
        Self::Name(text.into())
    }

    /// The letters of the piece, without a look.
    pub(in crate::report) fn letters(&self) -> String {
        match self {
            Self::Plain(text) | Self::Strong(text) | Self::Name(text) | Self::Command(text) | Self::Toned(_, text) => {
                text.clone()
            }
            Self::Trend(values) => bars(values),
        }
    }
}

/// One number of the headline.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Fact {
    /// What it counts.
    pub name: &'static str,
    /// The number.
    pub number: String,
    /// The look of the number.
    pub tone: Tone,
    /// What belongs to it.
    pub words: Vec<Piece>,
}

/// How a column stands, and what becomes of it where there is little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Side {
    /// A number: stands right, is never cut.
    Right,
    /// A name: stands left, may be cut.
    Left,
    /// Stands left, is never cut.
    Whole,
    /// Stands left, is never cut, and can be left out.
    Spare,
    /// A number that can be left out.
    SpareRight,
}

/// Rows under titles.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Sheet {
    /// What it shows, for those who do not see it.
    pub caption: &'static str,
    /// Titles, each with how its column stands.
    pub columns: Vec<(&'static str, Side)>,
    /// One piece a column.
    pub rows: Vec<Vec<Piece>>,
    /// What was left out below.
    pub more: Option<String>,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) enum Block {
    /// Opens a section.
    Heading(&'static str),
    /// A sentence that answers.
    Answer(Vec<Piece>),
    /// A sentence beside.
    Note(Vec<Piece>),
    /// The headline.
    Facts(Vec<Fact>),
    /// Rows.
    Sheet(Sheet),
    /// A picture; only HTML draws it, since the rows say the same.
    Chart(Chart),
}

/// The whole page.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Page {
    /// What it is.
    pub title: String,
    /// Window, clusters, when it was made.
    pub under: Vec<String>,
    /// Its parts.
    pub blocks: Vec<Block>,
}

/// Numbers as bars of eight heights; zero keeps the lowest.
fn bars(values: &[i64]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let height = |n: i64| match n {
        ..=0 => 0,
        n => usize::try_from((i128::from(n) * 7 + i128::from(most) - 1) / i128::from(most)).unwrap_or(0).min(7),
    };
    values.iter().map(|n| HEIGHTS[height(*n)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_tell_nothing_from_little() {
        assert_eq!(bars(&[0, 1, 4, 8]), "▁▂▅█");
        assert_eq!(bars(&[0, 0]), "▁▁");
        assert_eq!(bars(&[-3, i64::MAX]), "▁█");
        assert_eq!(bars(&[1, 1]), "██");
    }
}
