//! The rules, each a function from sources to complaints.

use super::source::{Source, closing, files, read};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// What each module may import of the crate; a row names rows above it only. `demo` and `cli` speak the language of the
/// domain, as everybody does.
pub const IMPORTS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("telemetry", &[]),
    ("decode", &["event"]),
    ("causality", &["event"]),
    ("delivery", &["event"]),
    ("config", &["event"]),
    ("report", &["event"]),
    ("kafka", &["event", "telemetry"]),
    ("registry", &["event", "telemetry", "decode", "kafka"]),
    ("capture", &["event", "telemetry"]),
    ("store", &["event", "report", "telemetry"]),
    ("otlp", &["event", "store", "telemetry"]),
    ("serve", &["report", "store", "telemetry"]),
    ("client", &["event", "report", "store"]),
    (
        "tap",
        &[
            "event",
            "decode",
            "causality",
            "delivery",
            "kafka",
            "registry",
            "capture",
            "store",
            "serve",
            "otlp",
            "config",
            "telemetry",
        ],
    ),
    ("tui", &["event", "report", "client"]),
    ("demo", &["event", "config", "kafka", "tap", "report", "client"]),
    ("cli", &["event", "client", "config", "report", "tap", "tui", "demo"]),
    ("main", &["cli"]),
];

/// Crates that stay behind one module's wall.
const CRATES: &[(&str, &[&str])] = &[
    ("rdkafka", &["kafka", "demo"]),
    ("kafka_protocol", &["kafka"]),
    ("rustls_native_certs", &["kafka"]),
    ("ureq", &["kafka", "registry"]),
    ("apache_avro", &["decode"]),
    ("prost_reflect", &["decode"]),
    ("protox", &["decode"]),
    ("duckdb", &["store"]),
    ("ratatui", &["tui"]),
    ("crossterm", &["tui"]),
    ("pgwire", &["serve"]),
    ("tokio_postgres", &["client", "serve"]),
    ("tonic", &["otlp"]),
    ("prost", &["otlp"]),
    ("opentelemetry", &["otlp"]),
    ("opentelemetry_sdk", &["otlp"]),
    ("opentelemetry_otlp", &["otlp"]),
    ("opentelemetry_proto", &["otlp"]),
    ("petgraph", &["report"]),
    ("tokio", &["serve", "client", "cli", "otlp", "tui"]),
    ("anyhow", &["cli", "tap", "main"]),
    ("clap", &["cli"]),
];

/// Functions whose arguments a trait of another crate sets.
const FOREIGN: &[&str] = &["verify_server_cert"];

/// Modules that do no I/O, read no clock and run no async.
const CORE: &[&str] = &["event", "decode", "causality", "delivery"];

/// Files with `unsafe` code, each with its reason.
pub const UNSAFE: &[(&str, &str)] = &[
    ("src/demo/cluster.rs", "librdkafka offers a setting of its mock cluster through C only"),
    ("src/kafka/librdkafka/client.rs", "librdkafka offers reading without a group, and in batches, through C only"),
    ("src/kafka/security/gss.rs", "the Kerberos library of the system is opened at run time, and speaks C"),
    ("tests/support/mock.rs", "librdkafka offers request tracking of its mock cluster through C only"),
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const ARGUMENTS_MAX: usize = 5;
const MAIN_LINES_MAX: usize = 15;

/// Words that say nothing about what a thing is.
const EMPTY_WORDS: &[&str] = &["Manager", "Handler", "Processor", "Helper", "Helpers", "Util", "Utils", "Info", "Data"];

/// Imports that the table does not allow, and cycles.
pub fn imports(sources: &[Source]) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = IMPORTS.iter().copied().collect();
    let mut complaints = Vec::new();
    let mut graph: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let Some(module) = source.module().filter(|module| *module != "lib") else { continue };
        let Some(may) = allowed.get(module) else {
            complaints.push(format!("{}: module {module} stands in no row of the import table", source.path));
            continue;
        };
        for (place, import) in imported(source) {
            if import != module && allowed.contains_key(import.as_str()) {
                if !may.contains(&import.as_str()) {
                    complaints.push(format!("{}: {module} may not import {import}", source.at(place)));
                }
                graph.entry(module).or_default().insert(import);
            }
        }
    }
    complaints.extend(cycle(&graph));
    complaints
}

/// Top-level modules that a file names: by `crate::`, in braces, by `super::` up to the root, and in main by name.
fn imported(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let mut found = Vec::new();
    let root = Regex::new(r"\b(?:crate|headwater)\s*::\s*").unwrap();
    let up = Regex::new(r"\b(?:super\s*::\s*)+").unwrap();
    let starts = root
        .find_iter(code)
        .map(|m| m.end())
        .chain(up.find_iter(code).filter(|m| m.as_str().matches("super").count() >= source.depth()).map(|m| m.end()));
    for start in starts {
        let names: Vec<&str> = if code[start..].starts_with('{') {
            top_level(&code[start + 1..closing(code, start) - 1])
        } else {
            vec![&code[start..]]
        };
        for name in names {
            let name = name.trim_start();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            found.push((start, name[..end].to_owned()));
        }
    }
    found
}

/// `text` cut at the commas that stand in no bracket; `<` counts as one, `->` and `=>` do not close it.
fn top_level(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from, mut before) = (Vec::new(), 0i32, 0, ' ');
    for (place, c) in text.char_indices() {
        match c {
            '{' | '(' | '[' | '<' => depth += 1,
            '>' if before == '-' || before == '=' => {}
            '}' | ')' | ']' | '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..place]);
                from = place + 1;
            }
            _ => {}
        }
        before = c;
    }
    parts.push(&text[from..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn cycle(graph: &BTreeMap<&str, BTreeSet<String>>) -> Vec<String> {
    fn walk<'a>(
        graph: &'a BTreeMap<&str, BTreeSet<String>>,
        at: &'a str,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<String> {
        if let Some(begin) = path.iter().position(|seen| *seen == at) {
            return Some(format!("import cycle: {} -> {at}", path[begin..].join(" -> ")));
        }
        if !done.insert(at) {
            return None;
        }
        path.push(at);
        let found = graph.get(at).into_iter().flatten().find_map(|next| walk(graph, next, path, done));
        path.pop();
        found
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|module| walk(graph, module, &mut Vec::new(), &mut done)).into_iter().collect()
}

/// Crates outside their walls.
pub fn crates(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, modules) in CRATES {
        let used = Regex::new(&format!(r"(?:\buse\s+|[^\w:]|^){name}\s*::")).unwrap();
        let renamed = Regex::new(&format!(r"\buse\s+{name}\b")).unwrap();
        for source in sources {
            let module = source.module().unwrap_or_default();
            if let Some(m) = used.find(&source.code).or_else(|| renamed.find(&source.code))
                && !modules.contains(&module)
            {
                complaints.push(format!("{}: {name} belongs to {}", source.at(m.end()), modules.join(", ")));
            }
        }
    }
    complaints
}

/// I/O, clocks and async in the core.
pub fn purity(sources: &[Source]) -> Vec<String> {
    let impure = Regex::new(
        r"\bstd\s*::\s*(?:fs|net|io|thread|process|env)\b|\b(?:SystemTime|Instant|Zoned)\b|\bTimestamp\s*::\s*now\b|\basync\b|\.await\b|\btracing\b|\bfastrand\b",
    )
    .unwrap();
    let core = sources.iter().filter(|source| source.module().is_some_and(|module| CORE.contains(&module)));
    core.flat_map(|source| {
        impure.find_iter(&source.code).map(|m| format!("{}: `{}` in the core", source.at(m.start()), m.as_str()))
    })
    .collect()
}

/// Files, functions and parameter lists that are too long.
pub fn sizes(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let lines = source.production_lines();
        let limit = if source.path == "src/main.rs" { MAIN_LINES_MAX } else { FILE_LINES_MAX };
        if lines > limit {
            complaints.push(format!("{}: {lines} production lines, {limit} are allowed", source.path));
        }
        for function in functions(source) {
            if function.lines > FUNCTION_LINES_MAX {
                complaints.push(format!(
                    "{}: {} has {} lines",
                    source.at(function.place),
                    function.name,
                    function.lines
                ));
            }
            if function.arguments > ARGUMENTS_MAX && !FOREIGN.contains(&function.name) {
                complaints.push(format!(
                    "{}: {} has {} arguments",
                    source.at(function.place),
                    function.name,
                    function.arguments
                ));
            }
        }
    }
    complaints
}

struct Function<'a> {
    place: usize,
    name: &'a str,
    /// Lines of its body that hold code.
    lines: usize,
    arguments: usize,
}

fn functions(source: &Source) -> Vec<Function<'_>> {
    let code = &source.code;
    let head = Regex::new(r"\bfn\s+(\w+)\s*").unwrap();
    head.captures_iter(code)
        .filter_map(|found| {
            let whole = found.get(0)?;
            let parameters = whole.end() + generics(&code[whole.end()..]);
            let parameters = parameters + code[parameters..].find('(')?;
            let after = closing(code, parameters);
            let open = after + code[after..].find(['{', ';'])?;
            let body = if code[open..].starts_with('{') { &code[open..closing(code, open)] } else { "" };
            let lines = body.lines().filter(|line| !line.trim().is_empty()).count().saturating_sub(2);
            let arguments = top_level(&code[parameters + 1..after - 1]).len();
            Some(Function { place: whole.start(), name: found.get(1)?.as_str(), lines, arguments })
        })
        .collect()
}

/// Length of the `<…>` that `text` begins with.
fn generics(text: &str) -> usize {
    let (mut depth, mut before) = (0i32, ' ');
    for (place, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' && before != '=' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if place == 0 { 0 } else { place + 1 };
        }
        before = c;
    }
    0
}

/// SQL statements in string literals.
pub fn sql(sources: &[Source]) -> Vec<String> {
    let statement = Regex::new(
        r"(?ix) ^\s*(?:with\b.+\bselect\b | select\b.+\bfrom\b | (?:explain|pragma|copy|attach|detach)\s+\w )
            | \bselect\s+(?:\*|count\s*\()
            | \binsert\s+(?:or\s+\w+\s+)?into\b | \bdelete\s+from\b | \bupdate\s+\w+\s+set\b
            | \b(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:table|view|macro|schema|sequence)\b",
    )
    .unwrap();
    let in_source = |source: &Source| -> Vec<String> {
        let found = source.literals.iter().filter(|(_, text)| statement.is_match(&text.replace('\n', " ")));
        found.map(|(line, text)| format!("{}:{line}: SQL belongs to queries/: {text:.60}", source.path)).collect()
    };
    sources.iter().flat_map(in_source).collect()
}

/// `unsafe` code in files that are not listed, and listed files without any.
pub fn unsafety(sources: &[Source]) -> Vec<String> {
    let word = Regex::new(r"\bunsafe\b").unwrap();
    let with: BTreeSet<&str> = sources.iter().filter(|s| word.is_match(&s.code)).map(|s| s.path.as_str()).collect();
    let listed: BTreeSet<&str> = UNSAFE.iter().map(|(path, _)| *path).collect();
    let unlisted = with.difference(&listed).map(|path| format!("{path}: unsafe code in a file that is not listed"));
    let stale = listed.difference(&with).map(|path| format!("{path}: listed, but without unsafe code"));
    unlisted.chain(stale).collect()
}

/// Work that was left undone, and tests that were switched off.
pub fn leftovers(sources: &[Source]) -> Vec<String> {
    let word = Regex::new(r"\b(?:TODO|FIXME|XXX|TBD)\b|\b(?:todo|unimplemented)!|#\[ignore").unwrap();
    let in_source = |source: &Source| -> Vec<String> {
        let numbered = source.text.lines().enumerate();
        let found = numbered.filter_map(|(n, line)| word.find(line).map(|m| (n + 1, m.as_str())));
        found.map(|(line, word)| format!("{}:{line}: {word}", source.path)).collect()
    };
    sources.iter().flat_map(in_source).collect()
}

/// Types and files that are named by words without meaning.
pub fn names(sources: &[Source]) -> Vec<String> {
    let defined = Regex::new(r"\b(?:struct|enum|trait|union|type)\s+([A-Z]\w*)").unwrap();
    let camel = Regex::new(r"[A-Z]+(?:[a-z0-9]+|\b|_)").unwrap();
    let mut complaints = Vec::new();
    for source in sources {
        for found in defined.captures_iter(&source.code) {
            let name = &found[1];
            let empty = camel.find_iter(name).find(|word| EMPTY_WORDS.contains(&word.as_str()));
            if let Some(word) = empty {
                complaints.push(format!("{}: `{}` in {name}", source.at(found.get(1).unwrap().start()), word.as_str()));
            }
        }
        let parts = source.path.trim_end_matches(".rs").split(['/', '_']);
        for part in parts {
            if EMPTY_WORDS.iter().any(|word| word.eq_ignore_ascii_case(part)) {
                complaints.push(format!("{}: `{part}` in a file name", source.path));
            }
        }
    }
    complaints
}

/// Files under `queries/`, `tests/scenarios/` and `tests/golden/` that nothing uses.
pub fn unused_files() -> Vec<String> {
    let text = |folder: &str| -> String {
        files(folder).iter().filter(|path| path.ends_with(".rs")).map(|path| read(path)).collect()
    };
    let (program, tests) = (text("src"), text("tests") + &text("src"));
    let mut complaints = Vec::new();
    for path in files("queries") {
        if !query_is_used(&path, &program) {
            complaints.push(format!("{path}: no source file names it"));
        }
    }
    for path in files("tests/scenarios").into_iter().chain(files("tests/golden")) {
        if !fixture_is_used(&path, &tests) {
            complaints.push(format!("{path}: no test names it"));
        }
    }
    complaints
}

/// Whether `program` names the file by its path, or its folder and its stem one after the other, as the macro of
/// `store::query` does.
pub fn query_is_used(path: &str, program: &str) -> bool {
    let inside = path.trim_start_matches("queries/");
    let Some((folder, file)) = inside.split_once('/') else { return program.contains(inside) };
    let stem = format!("\"{}\"", file.trim_end_matches(".sql"));
    let list = Regex::new(&format!(r#"queries!\s*\{{\s*"{folder}",(?s:.*?)\n *\}}"#)).unwrap();
    program.contains(inside) || list.find_iter(program).any(|list| list.as_str().contains(&stem))
}

/// Whether `tests` name the file, or read its whole folder.
pub fn fixture_is_used(path: &str, tests: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    let stem = file.split('.').next().unwrap_or(file);
    // A snapshot's name may be put together: `help_tap` from "help_{command}".
    let family = format!("\"{}_{{", stem.split('_').next().unwrap_or(stem));
    let whole_folder = Regex::new(&format!(r"read_dir\([^;]*{folder}|{folder}[^;]*read_dir"));
    tests.contains(&format!("{stem}\""))
        || tests.contains(&format!("/{file}"))
        || tests.contains(&format!("\"{file}"))
        || tests.contains(&format!("fn {stem}("))
        || (file.ends_with(".snap") && tests.contains(&family))
        || whole_folder.is_ok_and(|whole| whole.is_match(tests))
}

/// Test files that `tests/main.rs` leaves out, and guards of invariants that do not exist.
pub fn test_files(main: &str, lib: &str, present: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    for path in present {
        let name = path.trim_start_matches("tests/").trim_end_matches(".rs");
        if !name.contains('/') && name != "main" && path.ends_with(".rs") && !main.contains(&format!("mod {name};")) {
            complaints.push(format!("{path}: not a module of tests/main.rs, so it never runs"));
        }
    }
    for guard in Regex::new(r"tests/\w+\.rs").unwrap().find_iter(lib) {
        if !present.iter().any(|path| path == guard.as_str()) {
            complaints.push(format!("src/lib.rs: {} guards an invariant, but does not exist", guard.as_str()));
        }
    }
    complaints
}
