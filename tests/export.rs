//! `headwater export`: the views of a closed file as Parquet.

use crate::support::Folder;
use crate::support::door::Fixture;
use crate::support::program::{answer, run};
use serde_json::Value;

fn listed(folder: &Folder) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder.file("out")) else { return Vec::new() };
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Scenario: a closed file, exported whole, once more into the same folder, and within a window that holds nothing.
/// Guarantees: one Parquet file a view with as many rows as it says; nothing is overwritten; the window holds for
/// events, while views without a time are whole.
#[test]
fn every_view_becomes_one_parquet_file() {
    let folder = Folder::new("export");
    let mut fixture = Fixture::new();
    let file = fixture.close().display().to_string();
    let said = answer(folder.path(), &["export", "out", "--db", &file, "--json"]);
    let made: Vec<Value> = serde_json::from_str(&said).unwrap();
    let names = listed(&folder);
    assert_eq!(names.len(), made.len());
    assert!(names.contains(&"event.parquet".to_owned()) && names.iter().all(|name| name.ends_with(".parquet")));
    for view in &made {
        let bytes = std::fs::read(view["file"].as_str().unwrap()).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{view}");
        assert_eq!(view["bytes"], bytes.len());
    }
    let event = made.iter().find(|view| view["view"] == "event").unwrap();
    assert_eq!(event["rows"], 3);
    let again = run(folder.path(), &["export", "out", "--db", &file]);
    let complaint = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.code() == Some(1) && complaint.contains("nothing is overwritten"), "{complaint}");
    assert_eq!(listed(&folder), names);

    let window = ["export", "later", "--db", &file, "--json", "--view", "event", "--view", "topic"];
    let said = answer(folder.path(), &[&window[..], &["--since", "2026-02-01"]].concat());
    let made: Vec<Value> = serde_json::from_str(&said).unwrap();
    let rows: Vec<i64> = made.iter().map(|view| view["rows"].as_i64().unwrap()).collect();
    assert_eq!(rows, [0, 1]);
}

/// Scenario: a view that is not there, a time that is none, no such file, a file that a tap has open.
/// Guarantees: wrong usage is 2, the rest 1 with what to do; no folder is made.
#[test]
fn it_is_refused_with_what_to_do() {
    let folder = Folder::new("export");
    let fixture = Fixture::new();
    let file = fixture.path().display().to_string();
    // In one process DuckDB would let it through: the program is another.
    let cases: [(&[&str], i32, &str); 4] = [
        (&["export", "out", "--db", &file, "--view", "meta"], 2, "the views are"),
        (&["export", "out", "--db", &file, "--since", "soon"], 2, "since `soon`"),
        (&["export", "out", "--db", "none.duckdb"], 1, "no database at none.duckdb"),
        (&["export", "out", "--db", &file], 1, "stop it first"),
    ];
    for (arguments, code, reason) in cases {
        let refused = run(folder.path(), arguments);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(code) && said.contains(reason), "{arguments:?}: {said}");
    }
    assert!(!folder.file("out").exists() && !folder.file("none.duckdb").exists());
}
