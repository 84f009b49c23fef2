//! What the user typed.

use std::process::ExitCode;

/// Runs the program and says how it went: 0 fine, 1 the command failed, 2 wrong usage.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
