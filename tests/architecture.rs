//! The shape of the source: who may import whom, which crate stays behind which wall, how long things may be, and
//! that nothing lies about unused.
//!
//! Each rule is a function from sources to complaints, so that it can be shown to fail: see [`fails`].

mod rules;
mod source;

use source::{Source, files, read, sources};

/// All that a rule complained about, or nothing.
fn assert_clean(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// All Rust files of the package but this checker, which has to name what it forbids.
fn everything() -> Vec<Source> {
    let folders = ["src", "tests", "benches"];
    let all = folders.into_iter().flat_map(|folder| sources(folder, true));
    all.filter(|source| !source.path.starts_with("tests/architecture")).collect()
}

#[test]
fn modules_import_what_the_table_allows_and_never_in_a_circle() {
    assert_clean(&rules::imports(&sources("src", false)));
}

#[test]
fn the_import_table_has_no_circle_itself() {
    // Each row may only name rows above it, so that an allowed import can never close a circle.
    for (at, (module, may)) in rules::IMPORTS.iter().enumerate() {
        for import in *may {
            assert!(rules::IMPORTS[..at].iter().any(|(above, _)| above == import), "{module} <- {import}");
        }
    }
}

#[test]
fn crates_stay_behind_their_walls() {
    assert_clean(&rules::crates(&sources("src", false)));
}

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    assert_clean(&rules::purity(&sources("src", false)));
}

#[test]
fn files_functions_and_parameter_lists_are_short() {
    assert_clean(&rules::sizes(&sources("src", false)));
}

#[test]
fn sql_stands_in_queries_only() {
    assert_clean(&rules::sql(&sources("src", false)));
}

#[test]
fn unsafe_code_stands_in_listed_files_only() {
    assert_clean(&rules::unsafety(&everything()));
}

#[test]
fn nothing_was_left_undone() {
    assert_clean(&rules::leftovers(&everything()));
}

#[test]
fn names_say_what_a_thing_is() {
    assert_clean(&rules::names(&sources("src", false)));
}

#[test]
fn every_query_scenario_and_golden_file_is_used() {
    assert!(files("queries").len() > 5, "the queries are found");
    assert_clean(&rules::unused_files());
}

#[test]
fn every_test_file_runs_and_every_guard_exists() {
    assert_clean(&rules::test_files(&read("tests/main.rs"), &read("src/lib.rs"), &files("tests")));
}

/// The rules on small bad examples: a checker that cannot fail proves nothing.
mod fails {
    use super::rules;
    use super::source::Source;

    fn complaints(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) -> usize {
        rule(&[Source::new(path, text)]).len()
    }

    #[test]
    fn on_forbidden_imports_however_they_are_written() {
        let rule = rules::imports;
        assert_eq!(complaints(rule, "src/decode/a.rs", "use crate::event::Record;"), 0);
        assert_eq!(complaints(rule, "src/decode/a.rs", "use crate::store::Writer;"), 1);
        assert_eq!(complaints(rule, "src/decode/a.rs", "use crate::{event::{Record, Kind}, kafka::Batch};"), 1);
        assert_eq!(complaints(rule, "src/decode/a.rs", "fn f() { crate::tap::run() }"), 1);
        assert_eq!(complaints(rule, "src/decode/a.rs", "use super::super::store;"), 1);
        assert_eq!(complaints(rule, "src/decode/a.rs", "use super::table;"), 0);
        assert_eq!(complaints(rule, "src/decode/mod.rs", "use super::store;"), 1);
        assert_eq!(
            complaints(rule, "src/decode/a.rs", "// crate::store\n#[cfg(test)]\nmod t { use crate::store; }"),
            0
        );
        assert_eq!(complaints(rule, "src/other.rs", "fn f() {}"), 1);
    }

    #[test]
    fn on_import_cycles() {
        let sources = [
            Source::new("src/client/mod.rs", "use crate::report::Table;"),
            Source::new("src/report/mod.rs", "use crate::store::Row;"),
            Source::new("src/store/mod.rs", "use crate::report::Table;"),
        ];
        let complaints = rules::imports(&sources).join("\n");
        assert!(complaints.contains("import cycle: report -> store -> report"), "{complaints}");
    }

    #[test]
    fn on_crates_outside_their_walls() {
        let rule = rules::crates;
        assert_eq!(complaints(rule, "src/kafka/a.rs", "use rdkafka::message::Message;"), 0);
        assert_eq!(complaints(rule, "src/tap.rs", "use rdkafka::message::Message;"), 1);
        assert_eq!(complaints(rule, "src/tap.rs", "fn f() { duckdb::open() }"), 1);
        assert_eq!(complaints(rule, "src/tap.rs", "use tokio as t;"), 1);
        assert_eq!(complaints(rule, "src/client/a.rs", "use tokio_postgres::Client;"), 0);
        assert_eq!(complaints(rule, "src/tap.rs", "use crate::store::duckdb::x;"), 0);
    }

    #[test]
    fn on_a_clock_in_the_core() {
        let rule = rules::purity;
        assert_eq!(complaints(rule, "src/causality/a.rs", "use std::time::Instant;"), 1);
        assert_eq!(complaints(rule, "src/causality/a.rs", "fn f() { Timestamp::now() }"), 1);
        assert_eq!(complaints(rule, "src/causality/a.rs", "async fn f() {}"), 1);
        assert_eq!(complaints(rule, "src/causality/a.rs", "use std::collections::HashMap;"), 0);
        assert_eq!(complaints(rule, "src/kafka/a.rs", "use std::time::Instant;"), 0);
    }

    #[test]
    fn on_things_that_are_too_long() {
        let rule = rules::sizes;
        let body = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines));
        assert_eq!(complaints(rule, "src/a.rs", &body(70)), 0);
        assert_eq!(complaints(rule, "src/a.rs", &body(71)), 1);
        assert_eq!(complaints(rule, "src/main.rs", &body(14)), 1);
        assert_eq!(complaints(rule, "src/a.rs", &"\n".repeat(501)), 1);
        assert_eq!(complaints(rule, "src/a.rs", &format!("#[cfg(test)]\nmod t {{\n{}}}\n", "\n".repeat(600))), 0);
        let five = "fn f<T: Fn(u8, u8) -> u8>(&self, a: Map<u8, u8>, b: (u8, u8), c: fn(u8, u8) -> u8, d: T,) {}";
        assert_eq!(complaints(rule, "src/a.rs", five), 0);
        assert_eq!(complaints(rule, "src/a.rs", &five.replace("d: T", "d: T, e: u8")), 1);
    }

    #[test]
    fn on_sql_in_literals() {
        let rule = rules::sql;
        for bad in [
            "SELECT a\\n FROM b",
            "select {} from event",
            "INSERT INTO t VALUES (1)",
            "delete from t",
            "CREATE OR REPLACE TABLE t",
            "x; SELECT * FROM y",
            "explain x",
        ] {
            assert_eq!(complaints(rule, "src/a.rs", &format!("const A: &str = \"{bad}\";")), 1, "{bad}");
        }
        for good in ["one SELECT over the views: event, cause", "choose a topic from the list", "update the database"] {
            assert_eq!(complaints(rule, "src/a.rs", &format!("const A: &str = \"{good}\"; // SELECT * FROM t")), 0);
        }
    }

    #[test]
    fn on_unsafe_code_leftovers_and_empty_names() {
        assert!(complaints(rules::unsafety, "src/a.rs", "fn f() { unsafe { g() } }") > rules::UNSAFE.len());
        assert_eq!(complaints(rules::unsafety, "src/a.rs", "fn f() {} // unsafe"), rules::UNSAFE.len());
        assert_eq!(complaints(rules::leftovers, "src/a.rs", "fn f() { todo!() } // TODO later\n#[ignore]\n"), 2);
        assert_eq!(complaints(rules::leftovers, "src/a.rs", "fn todos() {}"), 0);
        assert_eq!(
            complaints(rules::names, "src/a.rs", "struct EventManager; enum DataKind {} type TopicInfo = u8;"),
            3
        );
        assert_eq!(
            complaints(rules::names, "src/a.rs", "struct Database; struct Informed; impl PgHandler for A {}"),
            0
        );
        assert_eq!(complaints(rules::names, "src/kafka/util.rs", ""), 1);
    }

    #[test]
    fn on_files_that_nothing_uses() {
        let tests = "assert_golden(\"tree_of_order\"); insta::assert_snapshot!(format!(\"help_{name}\"), x);";
        assert!(rules::fixture_is_used("tests/golden/tree_of_order.txt", tests));
        assert!(rules::fixture_is_used("tests/golden/help_tap.snap", tests));
        assert!(!rules::fixture_is_used("tests/golden/tree.txt", tests));
        assert!(!rules::fixture_is_used("tests/scenarios/late.toml", tests));
        assert!(rules::fixture_is_used("tests/scenarios/late.toml", "fs::read_dir(root().join(\"tests/scenarios\"))"));
        let program = "queries! {\n        \"ask\",\n        /// Lag.\n        LAG \"lag\",\n    }\n}";
        assert!(rules::query_is_used("queries/ask/lag.sql", program));
        assert!(!rules::query_is_used("queries/views/lag.sql", program));
        assert!(!rules::query_is_used("queries/ask/old.sql", program));
        let present = ["tests/main.rs", "tests/lost.rs", "tests/support/a.rs"].map(str::to_owned);
        let complaints = rules::test_files("mod support;", "Guarded by `tests/gone.rs`.", &present);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
    }
}
