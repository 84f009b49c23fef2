//! `headwater top`: the terminal UI, on a tap, a file or a recording.

use super::args::{self, Looks};
use super::source::{self, Source};
use crate::client::Client;
use crate::demo::TapError;
use crate::tap;
use crate::tui::model::Origin;
use crate::tui::theme::{ASCII, Palette, Theme, UNICODE};
use crate::tui::{self, Options, Target};
use std::path::Path;
use std::process::ExitCode;

/// Shows the screens until the user leaves.
pub(super) fn run(args: &args::Top) -> anyhow::Result<ExitCode> {
    let options = Options { theme: theme(args.theme, args.ascii), record: args.record.clone() };
    if let Some(recording) = &args.replay {
        tui::replay(recording, &options)?;
        return Ok(ExitCode::SUCCESS);
    }
    let source = Source::open(&args.source)?;
    let name = match (&source.connect, source.file) {
        (_, true) => source.database.display().to_string(),
        (Some(url), false) => place(url),
        (None, false) => "the tap".to_owned(),
    };
    let origin = Origin { file: source.file, name, reach: source.reach.clone() };
    show(source, origin, &options, &|| false)?;
    Ok(ExitCode::SUCCESS)
}

/// Shows the screens on the door of the demo's tap until the user leaves or `over` says so.
pub(super) fn on_demo(url: &str, database: &Path, over: &dyn Fn() -> bool) -> Result<(), TapError> {
    let client = Client::connect(url)?;
    let reach = format!(" --connect {url}");
    let origin = Origin { file: false, name: place(url), reach: reach.clone() };
    let source = Source { client, database: database.to_owned(), reach, file: false, connect: Some(url.to_owned()) };
    Ok(show(source, origin, &Options { theme: theme(Looks::Dark, false), record: None }, over)?)
}

fn show(source: Source, origin: Origin, options: &Options, over: &dyn Fn() -> bool) -> Result<(), tui::Error> {
    let Source { client, database, file, connect, .. } = source;
    let secret_of = database.clone();
    let target = Target {
        origin,
        client,
        connect: Box::new(move || match file {
            true => Client::open(&database),
            false => Client::find(connect.as_deref(), None),
        }),
        secret: Box::new(move || source::secret(&secret_of)),
    };
    // Whatever is logged meanwhile would be written across the picture.
    tap::hold_log();
    let shown = tui::run(target, options, over);
    tap::release_log();
    shown
}

fn theme(looks: Looks, ascii: bool) -> Theme {
    let palette = match looks {
        Looks::Dark => Palette::Dark,
        Looks::Light => Palette::Light,
        Looks::Contrast => Palette::Contrast,
    };
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Theme { palette, colour, glyphs: if ascii { &ASCII } else { &UNICODE } }
}

/// Host and port of a door; a password in its URL is for nobody to see.
fn place(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, place)| place).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_door_shows_no_password() {
        assert_eq!(place("postgres://me:secret@10.0.0.1:5439/headwater?x=y"), "10.0.0.1:5439");
        assert_eq!(place("127.0.0.1:5439"), "127.0.0.1:5439");
    }
}
