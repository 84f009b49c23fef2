//! The `headwater` program: parses, runs, returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    headwater::cli::main()
}
