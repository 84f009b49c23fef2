//! `headwater top`: the terminal UI.
//!
//! Events come in over one way ([`event`]), [`update`] takes them into the [`model`] and says what is to be done,
//! [`view`] draws the model with a [`theme`]. Model, update and view do no I/O and read no clock; [`run`] and
//! [`worker`] do. Keys stand in one table ([`keymap`]); text of records comes in through one [`gate`]; everything that
//! happens can be recorded and shown again ([`record`]).

pub mod absorb;
pub mod ask;
pub mod event;
pub mod export;
pub mod gate;
pub mod keymap;
pub mod model;
pub mod record;
mod run;
#[cfg(test)]
mod sample;
mod screen;
#[cfg(test)]
mod tests;
pub mod theme;
pub mod trace;
pub mod update;
pub mod view;
pub mod worker;

pub use run::{replay, run};

use crate::client::{self, Client};
use crate::event::HashKey;
use std::path::PathBuf;

/// Reaches a tap again after it was lost.
pub type Connect = Box<dyn Fn() -> Result<Client, client::Error> + Send>;

/// Gives the secret of the record keys, or says why not and what to do.
pub type Secret = Box<dyn Fn() -> Result<HashKey, String> + Send>;

/// What the screens look at.
pub struct Target {
    /// Its name, and whether it is a file.
    pub origin: model::Origin,
    /// It, reached.
    pub client: Client,
    /// Reaches it again.
    pub connect: Connect,
    /// The secret of its record keys.
    pub secret: Secret,
}

/// How the screens are shown.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The looks.
    pub theme: theme::Theme,
    /// Everything that happens is written here.
    pub record: Option<PathBuf>,
}

/// Why the terminal UI could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no terminal.
    #[error(
        "the output is no terminal; run it in one, or use `headwater failures`, `headwater lag` and `headwater trace ID`"
    )]
    NoTerminal,
    /// The terminal cannot be used.
    #[error("cannot use the terminal: {0}; try another one, or `headwater failures`")]
    Terminal(#[from] std::io::Error),
    /// A recording cannot be written or read.
    #[error(transparent)]
    Record(#[from] record::RecordError),
    /// The thread that asks has ended.
    #[error("what asks the tap has ended by itself; start again, and report what stands above")]
    Ended,
}
