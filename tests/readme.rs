//! README and `--help` agree: what one shows, the other knows.

use crate::support::Folder;
use crate::support::program::answer;
use regex::Regex;
use std::collections::BTreeSet;
use std::process::Command;

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

fn help(arguments: &[&str]) -> String {
    let folder = Folder::new("readme");
    answer(folder.path(), &[arguments, &["--help"]].concat())
}

fn all<'a>(pattern: &str, text: &'a str) -> BTreeSet<&'a str> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found.get(1).unwrap().as_str()).collect()
}

/// Lines of the fenced blocks.
fn code(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push(line.trim().trim_start_matches("$ "));
        }
    }
    lines
}

/// What is typed for `headwater` in a line, or nothing.
fn typed(line: &str) -> Option<&str> {
    let line = line.split(" # ").next().unwrap_or(line);
    line.strip_prefix("headwater ").or_else(|| line.strip_prefix("cargo run --release -- "))
}

/// Options in `line` that `help` does not list.
fn unknown_options<'a>(line: &'a str, help: &str) -> Vec<&'a str> {
    let known = all(r"(--[a-z][a-z-]*)", help);
    all(r"(?:^|[\s`])(--[a-z][a-z-]*)", line).into_iter().filter(|option| !known.contains(option)).collect()
}

#[test]
fn the_command_table_lists_exactly_the_commands_of_help() {
    let (readme, help) = (readme(), help(&[]));
    let in_help = all(r"(?m)^\s+headwater (\w+)", &help);
    assert!(in_help.len() > 5, "the commands are found: {help}");
    assert_eq!(all(r"(?m)^\|\s*`headwater (\w+)", &readme), in_help);
}

#[test]
fn every_headwater_line_of_the_readme_parses() {
    let readme = readme();
    let overview = help(&[]);
    let commands = all(r"(?m)^\s+headwater (\w+)", &overview);
    let lines: Vec<&str> = code(&readme).into_iter().filter_map(typed).collect();
    assert!(lines.len() > 5, "the examples are found");
    for line in lines {
        let command = line.split_whitespace().next().unwrap();
        assert!(commands.contains(command), "no such command: {line}");
        let mut known = help(&[command]);
        // A command with commands of its own, such as `user add`.
        if let Some(inner) = line.split_whitespace().nth(1).filter(|_| known.contains("\nCommands:\n")) {
            known = help(&[command, inner]);
        }
        assert_eq!(unknown_options(line, &known), Vec::<&str>::new(), "in {line}");
    }
}

#[test]
fn every_option_that_the_readme_names_exists() {
    let (readme, overview) = (readme(), help(&[]));
    let commands = all(r"(?m)^\s+headwater (\w+)", &overview);
    let mut known: String = commands.iter().map(|command| help(&[command])).collect();
    known.push_str(&help(&["user", "add"]));
    // What Cargo knows and the README shows outside its code blocks.
    known.push_str(" --release --no-default-features --features");
    let inline = Regex::new("`[^`\n]+`").unwrap();
    for piece in inline.find_iter(&readme) {
        assert_eq!(unknown_options(piece.as_str(), &known), Vec::<&str>::new(), "in {}", piece.as_str());
    }
}

#[test]
fn every_cargo_line_of_the_readme_parses() {
    let readme = readme();
    let lines: Vec<&str> = code(&readme).into_iter().filter(|line| line.starts_with("cargo ")).collect();
    assert!(lines.contains(&"cargo test --release"), "the test command is there as CI runs it: {lines:?}");
    for line in lines {
        let own = line.split(" -- ").next().unwrap();
        let command = own.split_whitespace().nth(1).unwrap();
        let cargo = Command::new(env!("CARGO")).args([command, "--help"]).output().unwrap();
        assert!(cargo.status.success(), "no such cargo command: {line}");
        assert_eq!(unknown_options(own, &String::from_utf8_lossy(&cargo.stdout)), Vec::<&str>::new(), "in {line}");
    }
}

#[test]
fn what_is_not_in_help_is_noticed() {
    let help = "Usage: headwater tap [OPTIONS]\n  --brokers <HOST:PORT,…>\n  --max-read <BYTES>";
    assert_eq!(unknown_options("tap --brokers a:1 --max-read 20M", help), Vec::<&str>::new());
    assert_eq!(unknown_options("tap --max --read-only", help), ["--max", "--read-only"]);
    assert_eq!(typed("headwater lag --json # comment --bogus"), Some("lag --json"));
    assert_eq!(code("a\n```sh\n$ b\n```\nc"), ["b"]);
}
