//! What headwater tells a reader: tables, typed rows, the graph of one conversation, renderers.
//!
//! A [`Table`] is an answer as it came; [`rows`] read it by column name; [`conversation`] makes the graph of one
//! conversation of them. [`text`], [`failures`], [`tree`] and [`table`] are for people, [`json`] for programs. Nothing here reads a
//! clock: `now` comes in with the question.

pub mod attempts;
pub mod audit;
pub mod certificate;
mod closing;
pub mod conversation;
pub mod drawing;
pub mod duplicates;
pub mod explanation;
pub mod failures;
pub mod graph;
pub mod json;
pub mod lag;
pub mod levels;
mod outline;
pub mod parts;
pub mod rows;
pub mod seen;
pub mod skeleton;
pub mod style;
pub mod summary;
pub mod table;
pub mod text;
pub mod ticket;
pub mod tree;

pub use closing::{Standing, cycles, deleted, path, shape, standings};
pub use style::Style;

/// One value of an answer.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// BOOLEAN.
    Bool(bool),
    /// Any integer type up to 64 bits.
    Int(i64),
    /// HUGEINT and other integers that need more.
    Wide(i128),
    /// FLOAT, DOUBLE, DECIMAL.
    Float(f64),
    /// TIMESTAMP, µs since the epoch, UTC.
    Time(i64),
    /// VARCHAR and everything that is shown as text.
    Text(String),
    /// VARCHAR[] and other lists.
    List(Vec<Cell>),
}

impl Cell {
    /// Bytes that it takes, nearly.
    pub fn bytes(&self) -> usize {
        let elsewhere = match self {
            Self::Text(text) => text.len(),
            Self::List(cells) => cells.iter().map(Self::bytes).sum(),
            _ => 0,
        };
        size_of::<Self>() + elsewhere
    }
}

/// Type of a column, as far as readers care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ColumnType {
    /// Boolean.
    Bool,
    /// Integer of up to 32 bits.
    Int,
    /// Integer of 64 bits: JSON carries refs of this type as strings.
    BigInt,
    /// Integer of more than 64 bits.
    HugeInt,
    /// Floating point.
    Float,
    /// Timestamp, UTC.
    Time,
    /// Text.
    Text,
    /// List of text.
    TextList,
}

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type.
    pub kind: ColumnType,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows; each has one cell a column.
    pub rows: Vec<Vec<Cell>>,
}
