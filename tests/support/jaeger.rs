//! A real Jaeger for as long as a test needs one, run by the script `tests/support/jaeger`.

use super::Folder;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// How long one answer may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Jaeger that keeps its traces on disk. It ends when this is dropped, and when the process ends for whatever
/// reason.
pub struct Jaeger {
    /// Where it takes spans.
    pub otlp: String,
    query: u16,
    child: Child,
    // `None` once it was told to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    // Deleted by the script; kept here so that it goes even when the script was killed.
    _folder: Folder,
}

impl Jaeger {
    /// Starts one without traces. `None` where Go is missing, which is said on stderr.
    ///
    /// # Panics
    /// When it does not start although it could, or must: `HEADWATER_REQUIRE_JAEGER=1` and `CI=true` allow no excuse.
    pub fn start() -> Option<Self> {
        if !Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
            let on = |name: &str| std::env::var(name).is_ok_and(|value| value == "1" || value == "true");
            assert!(!on("HEADWATER_REQUIRE_JAEGER") && !on("CI"), "a real Jaeger is required here: no Go to build it");
            // Not by a macro: the test runner would keep what a passing test prints to itself.
            let _ = writeln!(std::io::stderr(), "not run: no Go; install Go to run tests on a real Jaeger");
            return None;
        }
        let folder = Folder::vacant("jaeger");
        let mut child = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/jaeger"))
            .arg("serve")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let ports: Vec<u16> = line
            .trim()
            .strip_prefix("ready ")
            .expect("it starts; see stderr")
            .split(' ')
            .map(|p| p.parse().unwrap())
            .collect();
        let otlp = format!("http://127.0.0.1:{}", ports[0]);
        Some(Self { otlp, query: ports[1], child, input, output, _folder: folder })
    }

    /// Crashes it; what it acknowledged is on disk.
    pub fn kill(&mut self) {
        self.tell("kill");
    }

    /// Starts it again and waits until it is ready.
    pub fn restart(&mut self) {
        self.tell("start");
    }

    fn tell(&mut self, order: &str) {
        writeln!(self.input.as_mut().unwrap(), "{order}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "done", "{order}");
    }

    /// The traces of `service` as its query API gives them, at most `limit`.
    pub fn traces_of(&self, service: &str, limit: usize) -> Vec<Value> {
        let service: String = service.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (status, body) = self.get(&format!("/api/traces?service={service}&limit={limit}&lookback=1h"));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["data"].as_array().cloned().unwrap_or_default()
    }

    /// The services that it knows.
    pub fn services(&self) -> Vec<String> {
        let (status, body) = self.get("/api/services");
        assert_eq!(status, 200, "{body}");
        let all = serde_json::from_str::<Value>(&body).unwrap()["data"].as_array().cloned().unwrap_or_default();
        all.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.query)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // 1.0: the answer ends with the connection, and comes in one piece.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

impl Drop for Jaeger {
    fn drop(&mut self) {
        // The end of its input tells the script to kill Jaeger and to delete the folder.
        self.input = None;
        let _ = self.child.wait();
    }
}
