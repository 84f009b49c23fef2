//! The terminal UI in a real terminal: the real program, driven by keys.

use crate::support::Folder;
use crate::support::mock::MockKafka;
use crate::support::program::{Program, run};
use crate::support::tmux::Terminal;
use headwater::client::{Client, query};
use headwater::report::Cell;
use headwater::report::rows::{Pulse, TapStanding, Totals};
use std::path::Path;

const HEADWATER: &str = env!("CARGO_BIN_EXE_headwater");

/// A folder with a closed database: a capture of a framework's retries and dead letters.
fn imported() -> Folder {
    let folder = Folder::new("top");
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/spring-retryable.ndjson");
    let capture = capture.to_string_lossy();
    let output = run(folder.path(), &["import", &capture, "--db", "spring.duckdb"]);
    assert!(output.status.success(), "{output:?}");
    folder
}

/// The settings of the terminal, as the shell sees them.
fn settings(terminal: &Terminal, folder: &Folder, file: &str) -> String {
    terminal.type_line(&format!("stty -a > {file}; echo written-$?"));
    terminal.wait_for("written-0");
    terminal.type_line("clear");
    terminal.wait_until("an empty screen", |screen| !screen.contains("written-0"));
    std::fs::read_to_string(folder.file(file)).unwrap()
}

/// Whether the row with the cursor holds `text`.
fn cursor_is_on(screen: &str, text: &str) -> bool {
    screen.lines().any(|line| line.contains('▸') && line.contains(text))
}

/// Scenario: a page at night; the demo on a terminal, with its company's failures.
/// Guarantees: five keys lead from the overview to the markdown for the ticket, which holds failure, root and tree; the
/// demo ends with its verdict, and the terminal is as it was.
#[test]
fn five_keys_lead_from_the_page_to_the_ticket() {
    let folder = Folder::new("top");
    let Some(terminal) = Terminal::open(folder.path(), (120, 40)) else { return };
    let before = settings(&terminal, &folder, "before");
    terminal.type_line(&format!("{HEADWATER} demo --seed 7; echo ended-$?"));
    terminal.wait_for("newest failures");
    assert!(terminal.is_alternate());
    terminal.press(&["4", "s", "s"]);
    let dead = |screen: &str| cursor_is_on(screen, "AccountMissing") && cursor_is_on(screen, "order.placed");
    terminal.wait_until("a failure that was given up, with its root", dead);
    terminal.press(&["Enter"]);
    let tree = terminal.wait_until("the tree at the failed event", |screen| cursor_is_on(screen, "failed in loyalty"));
    assert!(tree.contains("✗ FAILED at loyalty") && tree.contains("AccountMissing"), "{tree}");
    terminal.press(&["r"]);
    terminal.wait_until("the cursor on the root", |screen| cursor_is_on(screen, "order.placed"));
    terminal.press(&["d"]);
    terminal.wait_for("downstream: ");
    terminal.press(&["x"]);
    terminal.wait_for("written to headwater-trace-loyalty.dlt-");
    let ticket = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let ticket = ticket.filter(|path| path.extension().is_some_and(|end| end == "md")).collect::<Vec<_>>();
    let text = std::fs::read_to_string(&ticket[0]).unwrap();
    for said in [
        "Failed at `loyalty`",
        "AccountMissing",
        "- root: `order.placed`",
        "- downstream: ",
        "◀ asked for",
        "points.requested",
    ] {
        assert!(text.contains(said), "{said}:\n{text}");
    }
    terminal.press(&["q"]);
    let end = terminal.wait_until("the end", |screen| screen.contains("ended-0") || screen.contains("ended-1"));
    assert!(end.contains("ended-0") && end.contains("PASS"), "{end}");
    assert!(!terminal.is_alternate());
    assert_eq!(settings(&terminal, &folder, "after"), before);
}

/// Scenario: left by q, by Ctrl-C, by SIGTERM; and not begun, because there is no such file.
/// Guarantees: the terminal is as it was, whatever ended the program.
#[test]
fn the_terminal_is_given_back_however_it_ends() {
    let folder = imported();
    let Some(terminal) = Terminal::open(folder.path(), (80, 24)) else { return };
    let before = settings(&terminal, &folder, "before");
    let start = format!("sh -c 'echo $$ > pid; exec {HEADWATER} top --db spring.duckdb'; echo ended-$?");
    for (way, code) in [("q", 0), ("C-c", 0), ("SIGTERM", 0)] {
        terminal.type_line(&start);
        terminal.wait_for("newest failures");
        assert!(terminal.is_alternate());
        match way {
            "SIGTERM" => {
                let id = std::fs::read_to_string(folder.file("pid")).unwrap();
                let sent = std::process::Command::new("sh").args(["-c", &format!("kill -TERM {}", id.trim())]).status();
                assert!(sent.unwrap().success());
            }
            key => terminal.press(&[key]),
        }
        terminal.wait_for(&format!("ended-{code}"));
        assert!(!terminal.is_alternate(), "{way}");
        assert_eq!(settings(&terminal, &folder, "after"), before, "{way}");
    }
    terminal.type_line(&format!("{HEADWATER} top --db nothing.duckdb; echo ended-$?"));
    let refused = terminal.wait_for("ended-1");
    assert!(refused.contains("headwater: top: ") && refused.contains("nothing.duckdb"), "{refused}");
    assert_eq!(settings(&terminal, &folder, "after"), before);
}

/// Scenario: the questions behind the overview, on the import of a framework's capture.
/// Guarantees: the minutes of the four courses add up to the headline that every door shows.
#[test]
fn the_minutes_of_the_overview_add_up_to_its_headline() {
    let folder = imported();
    let client = Client::open(&folder.file("spring.duckdb")).unwrap();
    let open = [Cell::Null, Cell::Null];
    let totals = Totals::from_table(&client.ask(&query::TOTALS, &open).unwrap()).unwrap().remove(0);
    let pulse = Pulse::from_table(&client.ask(&query::PULSE, &open).unwrap()).unwrap();
    let sum = |of: fn(&Pulse) -> i64| pulse.iter().map(of).sum::<i64>();
    let sums = [sum(|p| p.received), sum(|p| p.passed), sum(|p| p.failed), sum(|p| p.orphaned)];
    assert_eq!(sums, [totals.received, totals.passed, totals.failed, totals.orphaned]);
    assert!(totals.received > 0 && totals.failed > 0, "{totals:?}");
    let standing = TapStanding::from_table(&client.ask(&query::STANDING, &[]).unwrap()).unwrap().remove(0);
    assert_eq!((standing.cluster.as_deref(), standing.seen_time), (Some("kafka"), totals.last_time));
}

/// Scenario: no terminal.
/// Guarantees: it says so and what to do, and writes nothing to the output.
#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let folder = imported();
    let output = run(folder.path(), &["top", "--db", "spring.duckdb"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
    assert!(said.contains("no terminal") && said.contains("headwater failures"), "{said}");
}

/// Scenario: a session on a closed file is recorded, and shown again without the file.
/// Guarantees: the recording ends with the screen that the session ended with.
#[test]
fn a_recorded_session_is_shown_again_without_its_source() {
    let folder = imported();
    let Some(terminal) = Terminal::open(folder.path(), (100, 30)) else { return };
    terminal.type_line(&format!("{HEADWATER} top --db spring.duckdb --record session.ndjson; echo ended-$?"));
    terminal.wait_for("newest failures");
    terminal.press(&["4"]);
    terminal.wait_for("file, as of");
    terminal.wait_until("a failure", |screen| screen.contains("[4 failures]") && screen.contains('▸'));
    terminal.press(&["Enter"]);
    terminal.wait_for("causes and effects");
    terminal.press(&["d"]);
    let live = terminal.wait_for("downstream: ");
    terminal.press(&["q"]);
    terminal.wait_for("ended-0");
    std::fs::remove_file(folder.file("spring.duckdb")).unwrap();
    terminal.type_line(&format!("clear; {HEADWATER} top --replay session.ndjson; echo ended-$?"));
    terminal.wait_for("recording");
    terminal.press(&["Space", "Space", "Space", "Space", "Space", "Space", "Space", "Space", "Space", "Space"]);
    let again = terminal.wait_for("end of the recording");
    let picture = |screen: &str| screen.lines().take(29).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(picture(&again), picture(&live));
    terminal.press(&["q"]);
    terminal.wait_for("ended-0");
}

/// Scenario: the tap is killed behind the screen, and started again at the same door.
/// Guarantees: the loss is said, the last picture stays, and it goes on by itself.
#[test]
fn a_tap_that_is_lost_is_said_and_found_again() {
    let kafka = MockKafka::start(1, &[("orders", 1)]);
    let folder = Folder::new("top");
    let Some(terminal) = Terminal::open(folder.path(), (100, 30)) else { return };
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &[]);
    terminal.type_line(&format!("{HEADWATER} top --connect {url}; echo ended-$?"));
    terminal.wait_until("a live tap", |screen| screen.contains("· live ·"));
    tap.kill();
    let lost = terminal.wait_for("LOST");
    assert!(lost.contains("picture") && lost.contains("newest failures"), "{lost}");
    let place = url.trim_start_matches("postgres://").split('/').next().unwrap().to_owned();
    let place = place.rsplit('@').next().unwrap();
    let arguments = ["tap", "--brokers", &kafka.bootstrap, "--db", "tap.duckdb", "--serve", place];
    let again = Program::start(folder.path(), &arguments);
    terminal.wait_until("a live tap again", |screen| screen.contains("· live ·"));
    terminal.press(&["q"]);
    terminal.wait_for("ended-0");
    let (status, said) = again.stop();
    assert!(status.success(), "{said}");
}
