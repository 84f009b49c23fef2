//! Grafana's side of the door: its driver, its frames and its types, without a Grafana.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The dashboards and the alert rules that the program ships.
pub fn boards() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    ["overview.json", "failures.json", "business.json"].iter().map(|name| folder.join(name)).collect()
}

/// The file of alert rules.
pub fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/provisioning/alerting/headwater.yaml")
}

/// Asks the door at `url` every query of `files` over a time range (RFC 3339); one object a query, with its `error` if
/// it has one. `None` where Go is missing, which is said on stderr.
///
/// # Panics
/// When it cannot ask at all, or must ask and cannot: `CI=true` allows no excuse.
pub fn ask(url: &str, files: &[PathBuf], (from, to): (&str, &str)) -> Option<Vec<Value>> {
    let mut arguments = vec!["query".into(), "-from".into(), from.into(), "-to".into(), to.into(), url.into()];
    arguments.extend(files.iter().map(|file| file.clone().into_os_string()));
    let output = run("go", &arguments)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code < 2), "{complaint}");
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What Grafana's types say against dashboards; empty when nothing.
pub fn types(files: &[PathBuf]) -> Option<String> {
    let mut arguments = vec!["types".into()];
    arguments.extend(files.iter().map(|file| file.clone().into_os_string()));
    let output = run("node", &arguments)?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), said.trim().is_empty(), "{}: {said}", output.status);
    Some(said)
}

fn run(tool: &str, arguments: &[std::ffi::OsString]) -> Option<Output> {
    let version = if tool == "go" { "version" } else { "--version" };
    if Command::new(tool).arg(version).output().is_err() {
        assert!(!super::required("HEADWATER_REQUIRE_GRAFANA"), "{tool} is required here");
        // Not by a macro: the test runner would keep what a passing test prints to itself.
        let _ = writeln!(std::io::stderr(), "not run: no {tool}; install it to hold the dashboards against Grafana");
        return None;
    }
    let ask = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/grafana/ask");
    Some(Command::new(ask).args(arguments).output().unwrap())
}
