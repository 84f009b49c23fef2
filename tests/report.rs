//! `headwater report`: five formats of one model, hostile text in each, and the same numbers as the SQL.

mod sample;

use crate::support::Folder;
use crate::support::program::{answer, run};
use headwater::report::Style;
use headwater::report::summary::{Format, Summary};
use serde_json::Value;

/// Compares with `tests/golden/<name>.snap`.
macro_rules! golden {
    ($name:literal, $text:expr) => {{
        let mut golden = insta::Settings::clone_current();
        golden.set_snapshot_path("golden");
        golden.set_prepend_module_to_snapshot(false);
        golden.set_omit_expression(true);
        let text: String = $text;
        golden.bind(|| insta::assert_snapshot!($name, text));
    }};
}

fn plain(summary: &Summary, format: Format) -> String {
    summary.render(format, &Style::default())
}

#[test]
fn an_incident_reads_well_in_every_format() {
    let summary = sample::incident(None);
    golden!("report_incident_text", plain(&summary, Format::Text));
    golden!("report_incident_text_80", summary.render(Format::Text, &Style::new(false, Some(80))));
    golden!("report_incident_markdown", plain(&summary, Format::Markdown));
    golden!("report_incident_html", plain(&summary, Format::Html));
    golden!("report_incident_json", plain(&summary, Format::Json));
    golden!("report_incident_csv", plain(&summary, Format::Csv).replace('\r', ""));
}

#[test]
fn nothing_is_said_in_words() {
    golden!("report_empty_text", plain(&sample::empty(), Format::Text));
    golden!("report_empty_markdown", plain(&sample::empty(), Format::Markdown));
    golden!("report_empty_html", plain(&sample::empty(), Format::Html));
    golden!("report_empty_json", plain(&sample::empty(), Format::Json));
    golden!("report_empty_csv", plain(&sample::empty(), Format::Csv).replace('\r', ""));
    golden!("report_quiet_text", plain(&sample::quiet(), Format::Text));
}

/// Text that tries to end what it stands in, in HTML, Markdown, CSV and on a terminal.
const HOSTILE: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='x' style=\"position:fixed",
    "</title></style></svg><svg onload=x>",
    "--></desc></table><iframe srcdoc='<b>'>",
    "&lt;b&gt; &#60;script&#62; &amp;",
    "``` | a \\| b \\\\| ` <b> |\n| --- |\n# heading [x](javascript:y) ![i](//e) @team #1",
    "\u{1b}[2J\u{9b}31m\u{202e}\u{7}\r\n\u{0}",
    "=cmd|' /C calc'!A0\",\"x\n=1+1",
    "]]><![CDATA[ {{x}} ${y} %00",
    "比萨🍕\u{200d}\u{feff}é",
    "\\",
];

/// Names of all tags and of their attributes, in order: what a browser would make of the page, without its texts.
fn skeleton(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        let tag = &rest[open + 1..];
        let (mut end, mut quote, mut names, mut bare) = (0, None, String::new(), true);
        for (at, c) in tag.char_indices() {
            match (quote, c) {
                (None, '>') => {
                    end = at;
                    break;
                }
                (None, '"' | '\'') => quote = Some(c),
                (Some(q), c) if c == q => quote = None,
                (None, '=') => bare = false,
                (None, ' ') => {
                    names.push(' ');
                    bare = true;
                }
                (None, c) if bare => names.push(c),
                _ => {}
            }
        }
        tags.push(names);
        rest = &tag[end..];
    }
    tags
}

/// Cells of a line of a table, as GitHub's Markdown cuts them.
fn cells(line: &str) -> usize {
    let mut escaped = false;
    line.chars()
        .filter(|c| {
            let bar = *c == '|' && !escaped;
            escaped = *c == '\\' && !escaped;
            bar
        })
        .count()
}

/// Rows of a CSV file by RFC 4180.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(letters.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && row.is_empty() && cell.is_empty());
    rows
}

fn stays_text(hostile: &str) {
    let (kind, evil) = (sample::incident(Some("")), sample::incident(Some(hostile)));
    let html = plain(&evil, Format::Html);
    assert_eq!(skeleton(&html), skeleton(&plain(&kind, Format::Html)), "{hostile:?}");
    let is_table = |line: &&str| line.starts_with('|');
    let (markdown, known) = (plain(&evil, Format::Markdown), plain(&kind, Format::Markdown));
    assert_eq!(markdown.lines().count(), known.lines().count(), "{hostile:?}");
    for (line, known) in markdown.lines().zip(known.lines()) {
        assert_eq!(line.chars().next(), known.chars().next(), "{hostile:?}: {line}");
        assert_eq!(line.matches('`').count() % 2, 0, "{hostile:?}: {line}");
        let outside: String = line.split('`').step_by(2).collect();
        assert!(!outside.contains(['<', '>']), "{hostile:?}: {line}");
        if is_table(&known) {
            assert_eq!(cells(line), cells(known), "{hostile:?}: {line}");
        }
    }
    let rows = csv(&plain(&evil, Format::Csv));
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{hostile:?}");
    let formula = |cell: &String| cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
    assert!(!rows.iter().flatten().any(formula), "{hostile:?}");
    for format in [Format::Text, Format::Markdown, Format::Html, Format::Json, Format::Csv] {
        let text = plain(&evil, format);
        let obeyed = |c: char| c.is_control() && c != '\n' && c != '\r';
        assert!(!text.contains(obeyed) && !text.contains('\u{202e}'), "{format:?} of {hostile:?}");
    }
    let json: Value = serde_json::from_str(&plain(&evil, Format::Json)).unwrap();
    assert_eq!(json["lag"][0]["topic"], format!("loyalty{hostile}"));
}

#[test]
fn hostile_text_stays_text() {
    for hostile in HOSTILE {
        stays_text(hostile);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn any_text_stays_text(text in "[<>&\"'`|\\\\*_\\[\\]#=+@,;/ \n\r\ta-z\u{1b}\u{9b}\u{202e}]{0,24}|\\PC{0,24}") {
        stays_text(&text);
    }
}

#[test]
fn a_page_needs_nothing_and_runs_nothing() {
    for summary in [sample::incident(None), sample::empty(), sample::quiet()] {
        let html = plain(&summary, Format::Html);
        for foreign in
            ["<script", "http:", "https:", "//", "url(", "@import", "<link", "<img", "<iframe", " on", "src="]
        {
            let found = html.find(foreign).map(|at| &html[at.saturating_sub(40)..(at + 40).min(html.len())]);
            // Words may begin with "on".
            assert!(
                found.is_none() || (foreign == " on" && !skeleton(&html).iter().any(|tag| tag.contains(" on"))),
                "{found:?}"
            );
        }
        assert!(html.contains("default-src 'none'") && html.contains("<html lang=\"en\">"));
        assert_eq!(html.matches("<th>").count(), 0, "a header without a scope");
        assert_eq!(html.matches("class=\"chart\"").count(), html.matches("<desc ").count());
    }
}

#[test]
fn text_fits_its_terminal() {
    for width in [80, 100, 120] {
        let text = sample::incident(None).render(Format::Text, &Style::new(false, Some(width)));
        let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > width).collect();
        assert!(wide.is_empty(), "{width}: {wide:#?}");
    }
    let coloured = sample::incident(None).render(Format::Text, &Style::new(true, Some(100)));
    let bare = regex::Regex::new("\u{1b}\\[[0-9]+m").unwrap().replace_all(&coloured, "").into_owned();
    assert!(coloured.contains("\u{1b}[31m✗ 224 dead"), "{coloured}");
    assert_eq!(bare, sample::incident(None).render(Format::Text, &Style::new(false, Some(100))));
}

/// The window of a report, as SQL says it.
fn bounds(report: &Value) -> String {
    let bound = |name: &str| report["window"][name].as_str().unwrap().trim_end_matches('Z').replace('T', " ");
    format!("since := TIMESTAMP '{}', until := TIMESTAMP '{}'", bound("since"), bound("until"))
}

fn sum<'a>(rows: impl IntoIterator<Item = &'a Value>, column: &str) -> i64 {
    rows.into_iter().map(|row| row[column].as_i64().unwrap_or(0)).sum()
}

fn rows(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

/// The report of `folder/tap.duckdb` is what the macros say, and its parts add up to its headline.
fn numbers_are_those_of_the_sql(folder: &Folder) -> Value {
    let ask = |arguments: &[&str]| answer(folder.path(), &[arguments, &["--db", "tap.duckdb"]].concat());
    let json = |text: String| -> Value { serde_json::from_str(&text).unwrap() };
    let report = json(ask(&["report", "--since", "2000-01-01", "--json"]));
    let bounds = bounds(&report);
    for (name, query) in [
        ("totals", format!("SELECT * FROM totals({bounds})")),
        ("counts", format!("SELECT * FROM counts({bounds})")),
        ("failures", format!("SELECT * FROM failures({bounds})")),
        ("business", format!("SELECT * FROM business({bounds})")),
        ("lag", "SELECT * FROM lag()".to_owned()),
    ] {
        let said = json(ask(&["sql", &query, "--format", "json"]));
        let expected = if name == "totals" { said[0].clone() } else { said };
        assert_eq!(report[name], expected, "{name}");
    }
    let totals = &report["totals"];
    for column in ["received", "passed", "failed"] {
        assert_eq!(sum(rows(&report["series"]), column), totals[column].as_i64().unwrap(), "{column} over time");
    }
    assert_eq!(sum(rows(&report["failures"]), "failures"), totals["failed"].as_i64().unwrap());
    for flow in rows(&report["business"]) {
        let of_flow =
            |part: &str| rows(&report[part]).iter().filter(|row| row["flow"] == flow["flow"]).collect::<Vec<_>>();
        let lost = flow["failed"].as_i64().unwrap() + flow["stuck"].as_i64().unwrap();
        assert_eq!(sum(of_flow("losses"), "cases"), lost);
        assert_eq!(sum(of_flow("durations"), "cases"), flow["completed"].as_i64().unwrap());
    }
    let text = ask(&["report", "--since", "2000-01-01"]);
    let received = grouped(totals["received"].as_i64().unwrap());
    assert!(text.contains(&format!("{received}  events on")), "{received} is missing in:\n{text}");
    report
}

/// `12345` as `12,345`.
fn grouped(n: i64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// Scenario: the captures of three frameworks, imported.
/// Guarantees: the report's numbers are those of the SQL; where nothing was seen it says so, and what to ask instead.
#[test]
fn a_capture_is_reported_by_the_numbers_of_the_sql() {
    for capture in ["spring-retryable", "python-cloudevents", "kafkajs-otel"] {
        let folder = Folder::new("report");
        let files = ["", ".internal"]
            .map(|kind| format!("{}/tests/captures/{capture}{kind}.ndjson", env!("CARGO_MANIFEST_DIR")));
        answer(folder.path(), &["import", "--db", "tap.duckdb", &files[0], &files[1]]);
        let report = numbers_are_those_of_the_sql(&folder);
        assert!(report["totals"]["received"].as_i64().unwrap() > 0, "{capture}");
        let quiet = ["report", "--db", "tap.duckdb", "--since", "2001-01-01", "--until", "2001-01-02"];
        let quiet = answer(folder.path(), &quiet);
        assert!(quiet.contains("Nothing was seen in this window (1 Jan)."), "{quiet}");
        let (_, again) = quiet.split_once("headwater report --since ").unwrap();
        let mut arguments = vec!["report", "--since"];
        arguments.extend(again.lines().next().unwrap().split(' '));
        let again = arguments;
        assert!(answer(folder.path(), &again).contains("events received on"), "{again:?}");
    }
}

/// Scenario: a run of the demo, which has a business flow; every format by the ending of the file.
/// Guarantees: the numbers are those of the SQL, in all formats; a flow that is not there is refused.
#[test]
fn the_demo_is_reported_in_every_format() {
    let folder = Folder::new("report");
    let demo = run(folder.path(), &["demo", "--for", "6s", "--seed", "11", "--keep", "tap.duckdb"]);
    assert!(demo.status.success(), "{demo:?}");
    let report = numbers_are_those_of_the_sql(&folder);
    let flow = &report["business"][0];
    assert!(flow["started"].as_i64().unwrap() > 0, "{flow}");
    let name = flow["flow"].as_str().unwrap();
    let started = format!("{} started", grouped(flow["started"].as_i64().unwrap()));
    for file in ["r.txt", "r.md", "r.html", "r.json", "r.csv"] {
        let arguments = ["report", "--db", "tap.duckdb", "--since", "2000-01-01", "--flow", name, "--output", file];
        assert_eq!(answer(folder.path(), &arguments), "");
        let text = std::fs::read_to_string(folder.file(file)).unwrap();
        let said = match file {
            "r.json" => text.contains("\"business_flows\"") && serde_json::from_str::<Value>(&text).is_ok(),
            "r.csv" => csv(&text).len() == rows(&report["counts"]).len() + 1,
            _ => text.contains(&started),
        };
        assert!(said, "{file}:\n{text}");
        assert!(!text.contains("<script") && !text.contains("http://"), "{file}");
    }
    let refused = run(folder.path(), &["report", "--db", "tap.duckdb", "--flow", "nonsense"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(name), "{refused:?}");
}
