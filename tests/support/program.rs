//! The program as people run it: started, asked, stopped, killed.

use super::poll_until;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the program may take to open its door or to stop, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `headwater`, killed when it is dropped.
pub struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts `headwater` with `arguments`, in `folder`.
    pub fn start<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Self {
        Self::start_with(folder, arguments, &[])
    }

    /// As [`Self::start`], with these environment variables.
    pub fn start_with<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], variables: &[(&str, &str)]) -> Self {
        let mut command = command(folder);
        command.args(arguments).envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let listeners = vec![listen(child.stdout.take().unwrap(), &said), listen(child.stderr.take().unwrap(), &said)];
        Self { child, said, listeners }
    }

    /// Starts a tap on `bootstrap` that writes `folder/tap.duckdb`, with a door of its own, and waits for the door.
    pub fn tap(folder: &Path, bootstrap: &str, more: &[&str]) -> (Self, String) {
        let mut arguments = vec!["tap", "--brokers", bootstrap, "--db", "tap.duckdb", "--serve", "127.0.0.1:0"];
        arguments.extend(more);
        let tap = Self::start(folder, &arguments);
        let url = tap.url();
        (tap, url)
    }

    /// The address of its door, once it printed it.
    pub fn url(&self) -> String {
        poll_until("the URL of the door", PATIENCE, || {
            let said = self.said();
            let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if let Some(at) = whole.find("postgres://") {
                let end = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | ')' | '`');
                return whole[at..].split(end).next().map(str::to_owned);
            }
            // What ended will print nothing any more.
            assert!(!self.has_ended(), "it ended instead of serving:\n{}", self.said());
            None
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it wrote so far, on both streams.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Whether it ended, without taking its exit status: its figures under `/proc` stay readable.
    pub fn has_ended(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
    }

    /// Asks it to stop (SIGTERM) and does not wait.
    pub fn ask_to_stop(&self) {
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.id())]).status().unwrap();
        assert!(sent.success(), "no process {}", self.id());
    }

    /// Asks it to stop and waits for its end; gives its exit status and what it said.
    pub fn stop(self) -> (ExitStatus, String) {
        self.ask_to_stop();
        self.stop_was_asked()
    }

    /// Waits until it ends by itself; gives its exit status and what it said.
    pub fn wait(self) -> (ExitStatus, String) {
        self.stop_was_asked()
    }

    /// Waits for its end after [`Self::ask_to_stop`]; gives its exit status and what it said.
    pub fn stop_was_asked(mut self) -> (ExitStatus, String) {
        poll_until("a clean stop", PATIENCE, || self.has_ended().then_some(()));
        let status = self.child.wait().unwrap();
        for listener in self.listeners.drain(..) {
            listener.join().unwrap();
        }
        (status, self.said())
    }

    /// Kills it where it stands (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Nothing to do when it ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.current_dir(folder).stdin(Stdio::null()).env("NO_COLOR", "1");
    // What the person who runs the tests has set for the program must not decide about them.
    let ours = |name: &OsStr| ["HEADWATER_", "OTEL_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
}

fn listen(stream: impl Read + Send + 'static, said: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            said.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

/// Runs `headwater` to its end.
pub fn run<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Output {
    command(folder).args(arguments).output().unwrap()
}

/// Runs `headwater` to its end, which must be a good one, and gives what it wrote to stdout.
pub fn answer<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> String {
    let output = run(folder, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaint}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy)]
pub enum Door<'a> {
    /// A running tap.
    Url(&'a str),
    /// A closed file.
    File(&'a Path),
}

/// The rows that `headwater sql --format csv` prints for `query`, without the header. No value may hold a comma.
pub fn sql(folder: &Path, door: Door<'_>, query: &str) -> Vec<Vec<String>> {
    let source: [&OsStr; 2] = match door {
        Door::Url(url) => ["--connect".as_ref(), url.as_ref()],
        Door::File(file) => ["--db".as_ref(), file.as_os_str()],
    };
    let mut arguments: Vec<&OsStr> = vec!["sql".as_ref(), query.as_ref(), "--format".as_ref(), "csv".as_ref()];
    arguments.extend(source);
    let text = answer(folder, &arguments);
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The single number that `query` asks for.
pub fn number(folder: &Path, door: Door<'_>, query: &str) -> i64 {
    let rows = sql(folder, door, query);
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "one number: {query}");
    rows[0][0].parse().unwrap_or_else(|_| panic!("{query} gave {:?}", rows[0][0]))
}
