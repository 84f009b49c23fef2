//! The Grafana dashboards and alert rules: well made, well typed, and answered by the door on empty, demo and captured
//! data.

use crate::support::Folder;
use crate::support::grafana::{ask, boards, rules, types};
use crate::support::mock::MockKafka;
use crate::support::program::{Program, answer};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A range that holds whatever was written up to now. Alert rules look at its last minutes.
fn range() -> (String, String) {
    let now = jiff::Timestamp::now() + std::time::Duration::from_secs(60);
    ("2000-01-01T00:00:00Z".to_owned(), format!("{now:.0}"))
}

fn read(path: &PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn panels(board: &Value) -> Vec<&Value> {
    board["panels"].as_array().unwrap().iter().collect()
}

fn place(panel: &Value) -> [i64; 4] {
    ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_i64().unwrap())
}

fn overlap(one: [i64; 4], other: [i64; 4]) -> bool {
    let [x, y, w, h] = one;
    let [a, b, c, d] = other;
    x < a + c && a < x + w && y < b + d && b < y + h
}

/// Scenario: the shipped boards.
/// Guarantees: ids and uids are unique, panels lie on the grid beside each other, each tells what it shows and what it
/// says when there is nothing, and asks the one data source.
#[test]
fn every_panel_is_placed_titled_and_described() {
    let mut uids = BTreeSet::new();
    for path in boards() {
        let board = read(&path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(uids.insert(board["uid"].as_str().unwrap().to_owned()), "{name}: its uid is taken");
        assert!(board["id"].is_null() && board["editable"] == false, "{name}: a shipped board has no id of its own");
        let panels = panels(&board);
        let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{name}: panel ids repeat");
        for (n, panel) in panels.iter().enumerate() {
            let [x, _, w, _] = place(panel);
            assert!(x >= 0 && x + w <= 24, "{name}: panel {} leaves the grid", panel["id"]);
            for other in &panels[n + 1..] {
                assert!(!overlap(place(panel), place(other)), "{name}: {} lies on {}", panel["id"], other["id"]);
            }
            if matches!(panel["type"].as_str(), Some("row" | "text")) {
                continue;
            }
            let said = |text: &Value| text.as_str().is_some_and(|text| !text.is_empty());
            assert!(said(&panel["title"]) && said(&panel["description"]), "{name}: panel {} is mute", panel["id"]);
            assert!(said(&panel["fieldConfig"]["defaults"]["noValue"]), "{name}: {} when empty?", panel["title"]);
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"]["uid"], "headwater", "{name}: {}", panel["title"]);
            }
        }
    }
}

/// Scenario: Grafana's published types.
/// Guarantees: the boards, their panels' options and field settings are of those types; a wrong one is noticed.
#[test]
fn the_boards_are_of_grafanas_types() {
    let Some(said) = types(&boards()) else { return };
    assert_eq!(said, "");
    let folder = Folder::new("boards");
    let wrong = folder.file("wrong.json");
    let text = std::fs::read_to_string(&boards()[0]).unwrap();
    std::fs::write(&wrong, text.replace(r#""graphMode": "none""#, r#""graphMode": "some""#)).unwrap();
    assert!(types(&[wrong]).unwrap().contains(r#""some""#));
}

/// What every query of every board and rule gave, none of them an error.
fn all(url: &str) -> Option<Vec<Value>> {
    let mut files = boards();
    files.push(rules());
    let (from, to) = range();
    let asked = ask(url, &files, (&from, &to))?;
    let wrong: Vec<&Value> = asked.iter().filter(|query| !query["error"].is_null()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(asked.len() >= 40, "{} queries of three boards and the rules", asked.len());
    Some(asked)
}

fn empty<'a>(asked: &'a [Value], but: &[&str]) -> Vec<&'a str> {
    let without = |query: &&Value| query["rows"].as_array().is_none_or(Vec::is_empty);
    let titles = asked.iter().filter(without).map(|query| query["title"].as_str().unwrap());
    titles.filter(|title| !but.contains(title)).collect()
}

/// Scenario: a tap on a cluster without topics.
/// Guarantees: every query of every panel, variable and alert rule is answered.
#[test]
fn an_empty_database_fills_no_panel_and_breaks_none() {
    let mock = MockKafka::start(1, &[]);
    let folder = Folder::new("boards");
    let (tap, url) = Program::tap(folder.path(), &mock.bootstrap, &[]);
    all(&url);
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}

/// Scenario: the demo while it runs.
/// Guarantees: every query of every panel is answered with rows, as far as the demo has what it shows.
#[test]
fn the_demo_fills_the_panels() {
    let folder = Folder::new("boards");
    let demo = Program::start(folder.path(), &["demo", "--serve", "--seed", "11"]);
    let url = demo.url();
    let needed = "SELECT count(*) > 0 FROM failure WHERE orphan_reason IS NOT NULL AND state <> 'healed'";
    crate::support::poll_until("an orphaned failure", std::time::Duration::from_secs(60), || {
        let door = crate::support::program::Door::Url(&url);
        (crate::support::program::sql(folder.path(), door, needed)[0][0] == "true").then_some(())
    });
    if let Some(asked) = all(&url) {
        // Cases are given 30 s before they count as failed or stuck for good; nobody may be behind just now.
        let may_be_empty =
            ["Groups behind", "Waiting work by group", "Rewinds", "What most was lost to", "Cases that need somebody"];
        assert_eq!(empty(&asked, &may_be_empty), Vec::<&str>::new());
    }
    let (status, said) = demo.stop();
    assert!(status.success(), "{said}");
}

/// Scenario: a real framework's records, imported, then served by a tap.
/// Guarantees: the panels are answered, and the dead letters of the capture are on the failures board.
#[test]
fn a_capture_fills_the_failures_board() {
    let folder = Folder::new("boards");
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/spring-retryable.ndjson");
    answer(folder.path(), &["import", capture, "--db", "tap.duckdb"]);
    let mock = MockKafka::start(1, &[]);
    let (tap, url) = Program::tap(folder.path(), &mock.bootstrap, &[]);
    if let Some(asked) = all(&url) {
        let kinds = asked.iter().find(|query| query["title"] == "Kinds of failure").unwrap();
        assert!(!kinds["rows"].as_array().unwrap().is_empty(), "{kinds}");
    }
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}

/// Scenario: `dashboards export` into a new folder, again, and over a file that somebody changed.
/// Guarantees: what is written is what is shipped; a changed file stays unless it is forced.
#[test]
fn an_export_writes_what_is_shipped_and_spares_what_was_changed() {
    let folder = Folder::new("boards");
    for _ in 0..2 {
        answer(folder.path(), &["dashboards", "export", "grafana"]);
    }
    for path in boards() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let written = std::fs::read(folder.file(&format!("grafana/{name}"))).unwrap();
        assert_eq!(written, std::fs::read(&path).unwrap(), "{name}");
    }
    assert!(folder.file("grafana/provisioning/alerting/headwater.yaml").exists());
    let changed = folder.file("grafana/overview.json");
    std::fs::write(&changed, "{}").unwrap();
    let refused = crate::support::program::run(folder.path(), &["dashboards", "export", "grafana"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("overview.json"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&changed).unwrap(), "{}");
    answer(folder.path(), &["dashboards", "export", "grafana", "--force"]);
    assert_ne!(std::fs::read_to_string(&changed).unwrap(), "{}");
}
