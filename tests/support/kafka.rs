//! A real Apache Kafka for as long as a test needs one, run by the script `tests/support/kafka`.

use super::script::Script;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// What a cluster shall be like.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Brokers, 1 to 3.
    pub brokers: u32,
    /// Broker settings, `key=value`.
    pub settings: &'static [&'static str],
    /// Another version than the script's own, `HEADWATER_KAFKA_VERSION` for it.
    pub version: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self { brokers: 1, settings: &[], version: None }
    }
}

/// A running cluster. It ends when this is dropped, and when the process ends for whatever reason.
pub struct RealKafka {
    /// Bootstrap addresses.
    pub bootstrap: String,
    /// Addresses of further listeners, by name.
    pub listeners: BTreeMap<String, String>,
    folder: PathBuf,
    script: Mutex<Script>,
}

impl RealKafka {
    /// Starts a cluster with nothing on it. `None` where Java 17 or Maven are missing, which is said on stderr.
    ///
    /// # Panics
    /// When it does not start although it could, or must: `HEADWATER_REQUIRE_KAFKA=1` and `CI=true` allow no excuse.
    pub fn start(options: Options) -> Option<Self> {
        Self::start_with(options, &[])
    }

    /// As [`Self::start`], with more arguments of the script: listeners, users and settings made at run time.
    pub fn start_with(options: Options, more: &[String]) -> Option<Self> {
        if let Some(missing) = missing() {
            assert!(!super::required("HEADWATER_REQUIRE_KAFKA"), "a real Kafka is required here: {missing}");
            // Not by a macro: the test runner would keep what a passing test prints to itself.
            let _ = writeln!(
                std::io::stderr(),
                "not run: {missing}; install Java 17 or newer and Maven to run tests on a real Kafka"
            );
            return None;
        }
        let (script, ready) = Script::serve("kafka", |serve| {
            serve
                .arg(options.brokers.to_string())
                .args(options.settings)
                .args(more)
                .envs(options.version.map(|version| ("HEADWATER_KAFKA_VERSION", version)));
        });
        let mut ready = ready.split(' ');
        let bootstrap = ready.next().unwrap().to_owned();
        let listener = |text: &str| text.split_once('=').map(|(name, at)| (name.to_owned(), at.to_owned()));
        let listeners = ready.filter_map(listener).collect();
        Some(Self { bootstrap, listeners, folder: script.folder(), script: Mutex::new(script) })
    }

    /// The cluster of all tests that bring topics of their own and do not mind the others. It ends with the process.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<RealKafka>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Options::default())).as_ref()
    }

    /// What broker `number`, counted from 1, has logged since it started last.
    pub fn log(&self, number: u32) -> String {
        std::fs::read_to_string(self.folder.join(number.to_string()).join("log")).unwrap()
    }

    /// Crashes broker `number`, counted from 1.
    pub fn kill(&self, number: u32) {
        self.tell(&format!("kill {number}"));
    }

    /// Stops broker `number` in good order: its partitions get other leaders first.
    pub fn stop(&self, number: u32) {
        self.tell(&format!("stop {number}"));
    }

    /// Where the brokers keep their logs, one folder each, named by number.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts broker `number` again and waits until it serves.
    pub fn restart(&self, number: u32) {
        self.tell(&format!("start {number}"));
    }

    fn tell(&self, order: &str) {
        self.script.lock().unwrap().tell(order);
    }
}

/// A command of Kafka's distribution, by the class of its tools that runs it.
pub fn tool(class: &str) -> Command {
    let mut tool = super::script::command("kafka");
    tool.args(["run", class]);
    tool
}

/// What is not there that a broker needs.
fn missing() -> Option<String> {
    let java = std::env::var("JAVA_HOME").map_or_else(|_| "java".to_owned(), |home| format!("{home}/bin/java"));
    // `java -version` writes to stderr.
    let version = match Command::new(&java).arg("-version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => return Some(format!("no Java ({java}: {error})")),
    };
    match major(&version) {
        Some(17..) => {}
        _ => return Some(format!("Java is older than 17 ({})", version.lines().next().unwrap_or_default())),
    }
    match Command::new("mvn").arg("-version").output() {
        Ok(output) if output.status.success() => None,
        _ => Some("no Maven".to_owned()),
    }
}

/// The major version in the first line of `java -version`, such as `openjdk version "17.0.15" 2025-04-15`.
fn major(version: &str) -> Option<u32> {
    version.split('"').nth(1)?.split(['.', '-', '+']).next()?.parse().ok()
}

#[test]
fn java_versions_are_understood() {
    assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
    assert_eq!(major("java version \"1.8.0_392\""), Some(1));
    assert_eq!(major("openjdk version \"25-ea\" 2025-09-16"), Some(25));
    assert_eq!(major("command not found"), None);
}

#[test]
fn a_cluster_of_three_survives_the_loss_of_one_broker_and_leaves_nothing_behind() {
    let Some(kafka) = RealKafka::start(Options { brokers: 3, settings: &["num.partitions=3"], ..Options::default() })
    else {
        return;
    };
    let folder = kafka.folder().to_owned();
    assert_eq!(kafka.bootstrap.split(',').count(), 3);
    super::produce::create_topic(&kafka.bootstrap, "still-there", 3);
    kafka.kill(1);
    assert_eq!(super::produce::topics(&kafka.bootstrap), ["still-there"]);
    kafka.restart(1);
    drop(kafka);
    assert!(!folder.exists());
}
