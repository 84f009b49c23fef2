//! The command line from outside: help, exit codes, what goes to which stream.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may say so by panicking")]

mod answers;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The program, as it would be typed, in an empty folder and without the settings of whoever runs the tests.
fn headwater(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADWATER_")) {
        command.env_remove(name);
    }
    command.args(args).current_dir(folder("empty")).stdin(Stdio::null());
    command
}

fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn run(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = headwater(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn help_reads_as_documented() {
    let golden = insta::Settings::clone_current();
    let mut golden = golden;
    golden.set_snapshot_path("golden");
    golden.set_prepend_module_to_snapshot(false);
    golden.set_omit_expression(true);
    golden.bind(|| {
        let (code, overview, errors) = run(&["--help"]);
        assert_eq!((code, errors.as_str()), (0, ""));
        insta::assert_snapshot!("help", overview);
        let commands = ["demo", "tap", "top", "trace", "failures", "lag", "audit", "report", "sql", "user", "import"];
        for command in commands.into_iter().chain(["backup", "export", "erase", "check", "explain", "prove"]) {
            let (code, help, errors) = run(&[command, "--help"]);
            assert_eq!((code, errors.as_str()), (0, ""), "{command}");
            insta::assert_snapshot!(format!("help_{command}"), help);
            assert!(overview.contains(&format!("headwater {command}")), "{command} is missing in --help");
        }
    });
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_is_right() {
    let cases: [(&[&str], &str); 12] = [
        (&["trce", "x"], "unrecognized subcommand 'trce'"),
        (&["trace"], "required arguments were not provided: <ID>"),
        (&["import"], "required arguments were not provided: <F>"),
        (&["lag", "--fast"], "unexpected argument '--fast'"),
        (&["lag", "--db", "a", "--connect", "b"], "cannot be used with"),
        (&["sql", "select 1", "--format", "xml"], "[possible values: table, json, ndjson, csv]"),
        (&["tap"], "no brokers are named; give --brokers HOST:PORT"),
        (&["tap", "--brokers", "a:1", "--from", "soon"], "from `soon` is not understood"),
        (&["tap", "--brokers", "a:1", "--topics", "("], "topics `(` is not understood"),
        (&["tap", "--brokers", "a:1", "--serve", "everywhere"], "serve `everywhere` is not understood"),
        (&["tap", "--brokers", "a:1", "--config", "none.toml"], "cannot read none.toml"),
        (&["failures", "--since", "soon"], "since `soon` is not understood"),
    ];
    for (args, reason) in cases {
        let (code, out, errors) = run(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {errors}");
        assert!(errors.starts_with("headwater: ") && errors.lines().count() == 1, "{args:?}: {errors}");
        assert!(errors.contains(reason), "{args:?}: {errors}");
        assert!(errors.contains("; "), "no next action for {args:?}: {errors}");
    }
    let (code, out, errors) = run(&[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(errors.contains("headwater trace ID"), "{errors}");
}

#[test]
fn a_database_that_is_not_there_is_exit_code_1() {
    for args in [
        &["failures", "--db", "none.duckdb"][..],
        &["lag", "--db", "none.duckdb", "--json"],
        &["trace", "orders/0/1", "--db", "none.duckdb"],
        &["sql", "select 1", "--db", "none.duckdb"],
    ] {
        let (code, out, errors) = run(args);
        assert_eq!((code, out.as_str()), (1, ""), "{args:?}: {errors}");
        assert!(errors.starts_with(&format!("headwater: {}: ", args[0])), "{errors}");
        assert!(errors.contains("none.duckdb") && errors.contains("--db"), "{errors}");
    }
}

#[test]
fn an_environment_variable_stands_for_its_flag() {
    let output = headwater(&["lag"]).env("HEADWATER_DB", "from-env.duckdb").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("from-env.duckdb"));
    let output =
        headwater(&["lag", "--db", "from-flag.duckdb"]).env("HEADWATER_DB", "from-env.duckdb").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("from-flag.duckdb"));
    let output = headwater(&["tap", "--from", "soon"]).env("HEADWATER_BROKERS", "a:1").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("from `soon`"));
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let mut child = headwater(&["--help"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_version_is_the_packages() {
    let (code, out, _) = run(&["--version"]);
    assert_eq!((code, out), (0, format!("headwater {}\n", env!("CARGO_PKG_VERSION"))));
}
