//! A real Jaeger for as long as a test needs one, run by the script `tests/support/jaeger`.

use super::script::Script;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// How long one answer may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Jaeger that keeps its traces on disk. It ends when this is dropped, and when the process ends for whatever
/// reason.
pub struct Jaeger {
    /// Where it takes spans.
    pub otlp: String,
    query: u16,
    script: Script,
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
        let (script, ready) = Script::serve("jaeger", |_| ());
        let ports: Vec<u16> = ready.split(' ').map(|port| port.parse().unwrap()).collect();
        let otlp = format!("http://127.0.0.1:{}", ports[0]);
        Some(Self { otlp, query: ports[1], script })
    }

    /// Crashes it; what it acknowledged is on disk.
    pub fn kill(&mut self) {
        self.script.tell("kill");
    }

    /// Starts it again and waits until it is ready.
    pub fn restart(&mut self) {
        self.script.tell("start");
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
