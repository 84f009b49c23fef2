//! What the user typed, and one match on it.
//!
//! Exit codes: 0 fine, 1 the command failed, 2 wrong usage. Errors go to stderr as `headwater: what: why; what to do
//! next`. This and `main` are the only places that print.

mod args;
mod audit;
mod backup;
mod check;
mod dashboards;
mod demo;
mod erase;
mod explain;
mod export;
mod failures;
mod lag;
mod output;
mod prove;
mod report;
mod source;
mod sql;
mod stop;
mod top;
mod trace;
mod user;
mod writing;

use crate::client;
use crate::config::ConfigError;
use crate::event::clean;
use args::Command;
use std::process::ExitCode;

/// The command did not do what was asked.
const FAILED: u8 = 1;
/// What was typed cannot be meant.
const USAGE: u8 = 2;

/// What was typed cannot be meant; the text ends with what can.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Runs the program and says how it went: 0 fine, 1 the command failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let command = match args::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(error) => return refuse(&error),
    };
    let name = command.name();
    crate::tap::init_logging();
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            output::error(&format!("{name}: {}", clean(&format!("{error:#}"))));
            ExitCode::from(if error.chain().any(is_usage) { USAGE } else { FAILED })
        }
    }
}

/// Whether it is what was typed that is wrong.
fn is_usage(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<Usage>()
        || cause.is::<ConfigError>()
        || matches!(cause.downcast_ref(), Some(client::Error::Url { .. }))
        || matches!(cause.downcast_ref(), Some(client::find::FindError::Empty))
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Tap(args) => writing::tap(*args),
        Command::Check(args) => check::run(*args),
        Command::Top(args) => top::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Explain(args) => explain::run(args),
        Command::Failures(args) => failures::run(&args),
        Command::Prove(args) => prove::run(&args),
        Command::Lag(args) => lag::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Sql(args) => sql::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Erase(args) => erase::run(&args),
        Command::User(args) => user::run(args),
        Command::Import(args) => writing::import(args),
        Command::Dashboards(args) => dashboards::run(&args),
    }
}

/// Help and version are answers; everything else is wrong usage.
fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return match output::print(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(FAILED),
        };
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output::note(text.trim_end());
        return ExitCode::from(USAGE);
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").trim_end_matches(':').to_owned();
    // What is missing stands on lines of its own up to the usage.
    let more: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more") && !line.starts_with("tip:"))
        .collect();
    let list = if more.is_empty() { String::new() } else { format!(": {}", more.join(", ")) };
    output::error(&clean(&format!(
        "{first}{list}; `headwater --help` lists the commands, `headwater COMMAND --help` their options"
    )));
    ExitCode::from(USAGE)
}
