//! `headwater user`: who may ask at the door of a tap.

use super::args::{User, UserCommand};
use super::output;
use crate::config;
use crate::tap::{Users, make_password};
use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;
use std::io::{BufRead, IsTerminal, Read, stdin};
use std::process::ExitCode;

/// Longest line that is read as a password, in bytes; a longer one is refused as a password later on.
const LINE_LIMIT: u64 = 1024;

/// What a terminal sends for Ctrl-C, Ctrl-D, backspace and delete.
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const ERASE: [u8; 2] = [0x08, 0x7f];

/// Adds, lists or removes.
pub(super) fn run(args: User) -> anyhow::Result<ExitCode> {
    match args.what {
        UserCommand::Add { name, generate, of } => {
            let users = Users::beside(&config::database(of.db)?);
            let password = if generate { make_password()? } else { ask_password()? };
            users.add(&name, &password)?;
            output::note(&format!("headwater: user {name} may log in; the list is {}", users.path().display()));
            if generate {
                output::print(&format!("{password}\n"))?;
            }
        }
        UserCommand::List { of, json } => {
            let names = Users::beside(&config::database(of.db)?).names()?;
            let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
            let rows: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
            output::print(&if json { crate::report::json::document(&json!(rows)) } else { lines })?;
            if names.is_empty() && !json {
                output::note("headwater: no users; the door is open to this machine only, and asks for no login");
            }
        }
        UserCommand::Remove { name, of } => {
            let left = Users::beside(&config::database(of.db)?).remove(&name)?;
            output::note(&format!("headwater: user {name} may not log in any more; sessions that are open stay open"));
            if left == 0 {
                output::note(
                    "headwater: no users are left: a tap that is started now asks for no login, and opens its door to \
                     this machine only",
                );
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The password: typed twice without being seen, or the first line of stdin.
fn ask_password() -> anyhow::Result<String> {
    if !stdin().is_terminal() {
        let mut line = String::new();
        stdin().lock().take(LINE_LIMIT).read_line(&mut line).context("read the password from stdin")?;
        return Ok(line.trim_end_matches(['\n', '\r']).to_owned());
    }
    let password = type_unseen("password: ")?;
    if type_unseen("once more: ")? != password {
        bail!("the two are not the same; try again");
    }
    Ok(password)
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Unseen(Termios);

impl Unseen {
    fn start() -> anyhow::Result<Self> {
        let before = tcgetattr(stdin()).context("ask the terminal")?;
        let mut unseen = before.clone();
        // Without ISIG, Ctrl-C comes as a byte: the terminal is put right before the program ends.
        unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(stdin(), OptionalActions::Flush, &unseen).context("silence the terminal")?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // Nothing is left to try.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}

fn type_unseen(prompt: &str) -> anyhow::Result<String> {
    let unseen = Unseen::start()?;
    output::ask(prompt);
    let line = read_keys(stdin().lock().take(LINE_LIMIT));
    drop(unseen);
    output::note("");
    line
}

/// One line of single bytes, as a terminal without line editing sends them.
fn read_keys(keys: impl BufRead) -> anyhow::Result<String> {
    let mut line = Vec::new();
    for key in keys.bytes() {
        match key.context("read the password")? {
            b'\r' | b'\n' => break,
            INTERRUPT | END => bail!("no password was given; nothing was changed"),
            key if ERASE.contains(&key) => {
                // A whole character goes, however many bytes it has.
                while line.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            key => line.push(key),
        }
    }
    String::from_utf8(line).context("the password is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::read_keys;

    #[test]
    fn keys_make_a_line() {
        assert_eq!(read_keys(&b"secret\rmore"[..]).unwrap(), "secret");
        assert_eq!(read_keys("aé\u{7f}b\n".as_bytes()).unwrap(), "ab");
        assert_eq!(read_keys(&b"\x7f\n"[..]).unwrap(), "");
        assert!(read_keys(&b"sec\x03"[..]).is_err());
        assert!(read_keys(&b"\xff\n"[..]).is_err());
    }
}
