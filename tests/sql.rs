//! `headwater sql`: every format, answers of any size, from a file and from a tap.

use crate::support::Folder;
use crate::support::door::{Fixture, open};
use crate::support::program::{answer, run};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Rows that no answer could be held with.
const MANY: usize = 5_000_000;
/// Most memory of the program meanwhile, in KiB: its own 50 MB, and room for another allocator.
const MEMORY_KIB: u64 = 200 << 10;
/// One more than the door lets through.
const TOO_MANY: &str = "SELECT i FROM range(1000001) t(i)";

/// One value of each kind that has a spelling of its own.
const KINDS: &str = "SELECT 9007199254740993 AS ref, 7 AS n, 'a \"b\", c' AS said, '' AS empty, NULL AS nothing, \
                     '\\xFF\\x00'::BLOB AS bytes, TIMESTAMP '2026-01-31 08:00:00.5' AS at_time";

fn closed() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.close();
    fixture
}

fn spawn(file: &Path, query: &str, format: &str) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.args(["sql", query, "--format", format, "--db"]).arg(file);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Scenario: the same values in each format, asked of a file.
/// Guarantees: they are spelt as documented: refs as text in JSON, times in UTC, bytes as hexadecimal digits, no text
/// apart from an empty one.
#[test]
fn every_format_spells_every_value() {
    let (fixture, folder) = (closed(), Folder::new("sql"));
    let file = fixture.path().display().to_string();
    let said = |format: &str| answer(folder.path(), &["sql", KINDS, "--format", format, "--db", &file]);
    assert_eq!(
        said("csv"),
        "ref,n,said,empty,nothing,bytes,at_time\r\n\
         9007199254740993,7,\"a \"\"b\"\", c\",\"\",,ff00,2026-01-31T08:00:00.5Z\r\n"
    );
    let row: serde_json::Value = serde_json::from_str(&said("ndjson")).unwrap();
    let expected = serde_json::json!({
        "ref": "9007199254740993", "n": 7, "said": "a \"b\", c", "empty": "", "nothing": null, "bytes": "ff00",
        "at_time": "2026-01-31T08:00:00.5Z",
    });
    assert_eq!(row, expected);
    let all: serde_json::Value = serde_json::from_str(&said("json")).unwrap();
    assert_eq!(all, serde_json::json!([expected]));
    assert!(said("table").ends_with("(1 row)\n"));
}

/// Scenario: five million rows, read slowly at the end.
/// Guarantees: all of them come, and the program holds only a few at a time.
#[test]
fn large_answers_of_a_file_are_streamed_in_bounded_memory() {
    let fixture = closed();
    let query = format!("SELECT i, 'row number ' || i AS said FROM range({MANY}) t(i)");
    let mut child = spawn(&fixture.path(), &query, "csv");
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut line, mut count) = (Vec::new(), 0);
    let mut most = 0;
    while lines.read_until(b'\n', &mut line).unwrap() > 0 {
        count += 1;
        line.clear();
        // The program cannot have ended: what is left does not fit into a pipe.
        if count == MANY - MANY / 50 {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            most = peak.trim().trim_end_matches(" kB").parse().unwrap();
        }
    }
    assert!(child.wait().unwrap().success());
    println!("peak memory {most} KiB");
    assert_eq!(count, MANY + 1);
    assert!(most > 0 && most < MEMORY_KIB, "{most} KiB");
}

/// Scenario: a reader that goes away after two lines of an answer without end.
/// Guarantees: the program ends with 0 and says nothing.
#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let fixture = closed();
    for format in ["csv", "ndjson", "json", "table"] {
        let mut child = spawn(&fixture.path(), "SELECT i FROM range(1000000000) t(i)", format);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().is_some() && lines.next().is_some(), "{format}");
        drop(lines);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{format}: {output:?}");
    }
}

/// Scenario: the question on stdin; no question; a list of tables.
/// Guarantees: it is read; nothing to ask is wrong usage; tables are private, views are listed.
#[test]
fn questions_come_from_stdin_and_tables_are_views() {
    let (fixture, folder) = (closed(), Folder::new("sql"));
    let mut child = spawn(&fixture.path(), "-", "csv");
    child.stdin.take().unwrap().write_all(b"SELECT 6 * 7 AS n;\n").unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), "n\r\n42\r\n"));
    let file = fixture.path().display().to_string();
    assert_eq!(run(folder.path(), &["sql", " ", "--db", &file]).status.code(), Some(2));
    let listed = answer(folder.path(), &["sql", "show tables", "--format", "csv", "--db", &file]);
    assert!(listed.contains("\r\nevent,") && !listed.contains("event_row") && !listed.contains("meta"), "{listed}");
}

/// Scenario: an answer that is longer than the door of a tap lets through, and one that is not; a file that is not
/// there.
/// Guarantees: the first is written as far as it came and fails, the second is whole; nothing is left behind.
#[test]
fn answers_of_a_door_are_streamed_and_say_when_they_were_cut() {
    let (opened, folder) = (open(), Folder::new("sql"));
    let url = opened.door.url();
    let cut = run(folder.path(), &["sql", TOO_MANY, "--format", "ndjson", "--connect", &url]);
    let complaint = String::from_utf8_lossy(&cut.stderr);
    assert_eq!(cut.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("cut the answer after 1000000 rows"), "{complaint}");
    assert_eq!(cut.stdout.iter().filter(|byte| **byte == b'\n').count(), 1_000_000);
    let whole = answer(folder.path(), &["sql", "SELECT i FROM range(9999) t(i)", "--format", "csv", "--connect", &url]);
    assert_eq!(whole.lines().count(), 10_000);
    let none = answer(folder.path(), &["sql", "SELECT 1 AS n WHERE false", "--format", "csv", "--connect", &url]);
    assert_eq!(none, "n\r\n");
    assert_eq!(run(folder.path(), &["sql", "SELECT 1", "--db", "none.duckdb"]).status.code(), Some(1));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Scenario: every command that reads, and an import of a capture that is not there, in an empty folder.
/// Guarantees: they fail, and make no file.
#[test]
fn what_fails_to_read_leaves_no_database() {
    let folder = Folder::new("sql");
    for command in [
        &["failures"][..],
        &["lag"],
        &["trace", "orders/0/1"],
        &["report"],
        &["sql", "SELECT 1"],
        &["top"],
        &["backup", "out"],
        &["export", "out"],
        &["erase", "key:a", "--dry-run"],
        &["import", "none.ndjson"],
    ] {
        let failed = run(folder.path(), &[command, &["--db", "none.duckdb"]].concat());
        assert_eq!(failed.status.code(), Some(1), "{command:?}: {failed:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{command:?}");
    }
}
