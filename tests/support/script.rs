//! A system under the care of a script beside this file: it runs for as long as a test needs it.

use super::Folder;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What the script `NAME serve FOLDER …` runs. It ends when this is dropped, and when the process ends for whatever
/// reason: the script watches its standard input.
pub struct Script {
    child: Child,
    // `None` once it was told to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    // Deleted by the script; kept here so that it goes even when the script was killed.
    folder: Folder,
}

/// The script of this name, ready to be given its first argument.
pub fn command(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name))
}

impl Script {
    /// Starts it with what `more` adds, and waits until it is ready: what it said then.
    pub fn serve(name: &str, more: impl FnOnce(&mut Command)) -> (Self, String) {
        let folder = Folder::vacant(name);
        let mut serve = command(name);
        serve.arg("serve").arg(folder.path());
        more(&mut serve);
        let mut child = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash runs");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut script = Self { child, input, output, folder };
        let line = script.line();
        let ready = line.strip_prefix("ready ").expect("it starts; see stderr").to_owned();
        (script, ready)
    }

    /// Has `order` carried out.
    pub fn tell(&mut self, order: &str) {
        writeln!(self.input.as_mut().unwrap(), "{order}").unwrap();
        assert_eq!(self.line(), "done", "{order}");
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // The end of its input tells the script to end what it runs and to delete the folder.
        self.input = None;
        let _ = self.child.wait();
    }
}
