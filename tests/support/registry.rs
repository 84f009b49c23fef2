//! A real schema registry for as long as a test needs one, and bodies of real serializers, by the script
//! `tests/support/registry`.

use super::script::{Script, command};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::Write;
use std::process::Command;

/// A running registry. It ends when this is dropped, and when the process ends for whatever reason.
pub struct Registry {
    /// Where its API answers.
    pub url: String,
    script: Script,
}

/// One body in the wire format.
pub struct Body {
    /// Its topic.
    pub topic: String,
    /// The value of the record.
    pub value: Vec<u8>,
}

impl Registry {
    /// Starts one without schemas. `None` where Java, Maven or Python is missing, which is said on stderr.
    ///
    /// # Panics
    /// When it does not start although it could, or must: `HEADWATER_REQUIRE_REGISTRY=1` and `CI=true` allow no excuse.
    pub fn start() -> Option<Self> {
        let there =
            |name: &str, flag: &str| Command::new(name).arg(flag).output().is_ok_and(|output| output.status.success());
        if !there("java", "-version") || !there("mvn", "-version") || !there("python3", "--version") {
            assert!(!super::required("HEADWATER_REQUIRE_REGISTRY"), "a real registry is required here");
            // Not by a macro: the test runner would keep what a passing test prints to itself.
            let _ = writeln!(std::io::stderr(), "not run: install Java 17, Maven and Python 3 for a real registry");
            return None;
        }
        let (script, url) = Script::serve("registry", |_| ());
        Some(Self { url, script })
    }

    /// An order, its shipment and its invoice, written by serializers that register their schemas here.
    pub fn bodies(&self) -> Vec<Body> {
        let output = command("registry").arg("bodies").arg(&self.url).output().expect("bash runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let body = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let value = STANDARD.decode(line["body"].as_str().unwrap()).unwrap();
            Body { topic: line["topic"].as_str().unwrap().to_owned(), value }
        };
        text.lines().map(body).collect()
    }

    /// Makes it silent: it keeps its connections, takes new ones and answers none.
    pub fn pause(&mut self) {
        self.script.tell("pause");
    }

    /// Lets it answer again.
    pub fn resume(&mut self) {
        self.script.tell("resume");
    }
}
