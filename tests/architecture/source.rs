//! Rust files as the rules see them: production code apart from tests, code apart from comments and literals.

use std::path::{Path, PathBuf};

/// One file.
pub struct Source {
    /// Path from the package's root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// The same lines and bytes with comments and the insides of literals blanked, and test modules blanked as well.
    pub code: String,
    /// The string literals of production code: line number and content.
    pub literals: Vec<(usize, String)>,
}

impl Source {
    /// A file with this content.
    pub fn new(path: &str, text: &str) -> Self {
        let (mut code, mut literals) = blank(text);
        for (from, to) in test_items(&code) {
            let (first, last) = (line_of(&code, from), line_of(&code, to));
            let blanked: String = code[from..to].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            // Blanked code is ASCII wherever it is not white space in UTF-8, so lengths agree.
            code.replace_range(from..to, &blanked);
            literals.retain(|(line, _)| *line < first || *line > last);
        }
        Self { path: path.to_owned(), text: text.to_owned(), code, literals }
    }

    /// Top-level module of a file under `src/`: `kafka` for `src/kafka/fetch.rs` and for `src/kafka.rs`.
    pub fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split('/').next()?.trim_end_matches(".rs"))
    }

    /// How many modules deep a file under `src/` is: 1 for `src/kafka/mod.rs`, 2 for `src/kafka/fetch.rs`.
    pub fn depth(&self) -> usize {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        inside.split('/').count()
    }

    /// Lines of production code, with its comments.
    pub fn production_lines(&self) -> usize {
        let inside = |line: usize, ranges: &[(usize, usize)]| ranges.iter().any(|(a, b)| (*a..=*b).contains(&line));
        let blanked = blank(&self.text).0;
        let tests: Vec<(usize, usize)> =
            test_items(&blanked).iter().map(|(a, b)| (line_of(&blanked, *a), line_of(&blanked, *b))).collect();
        (1..=self.text.lines().count()).filter(|line| !inside(*line, &tests)).count()
    }

    /// `path:line` of a place in [`Self::code`].
    pub fn at(&self, place: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.code, place))
    }
}

/// All Rust files under `folder` that hold production code, or all of them with `tests`.
pub fn sources(folder: &str, tests: bool) -> Vec<Source> {
    let mut found = Vec::new();
    for path in files(folder).into_iter().filter(|path| path.ends_with(".rs")) {
        let is_test = path.ends_with("/tests.rs") || path.starts_with("src/") && path.contains("/tests/");
        if tests || !is_test {
            found.push(Source::new(&path, &read(&path)));
        }
    }
    found
}

/// Paths of all files under `folder`, from the package's root.
pub fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let inside = path.strip_prefix(root()).unwrap();
                found.push(inside.to_str().unwrap().replace(std::path::MAIN_SEPARATOR, "/"));
            }
        }
    }
    found.sort();
    found
}

/// Content of a file, named from the package's root.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn line_of(text: &str, place: usize) -> usize {
    text[..place].bytes().filter(|b| *b == b'\n').count() + 1
}

/// Blanks comments and the insides of literals; gives the string literals, too.
fn blank(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("//") {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            at + rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((open, close)) = quoted(bytes, at) {
            literals.push((line_of(text, at), text[open..close.0].to_owned()));
            wipe(&mut out[open..close.0]);
            at = close.1;
            continue;
        } else if bytes[at] == b'\'' {
            let end = character(bytes, at);
            wipe(&mut out[at + 1..end.max(at + 2) - 1]);
            at = end;
            continue;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        wipe(&mut out[at..end]);
        at = end;
    }
    (String::from_utf8(out).expect("only whole characters are blanked"), literals)
}

fn wipe(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// A string literal that begins at `at`: where its inside begins, and where its inside and it end.
fn quoted(bytes: &[u8], at: usize) -> Option<(usize, (usize, usize))> {
    let boundary = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    let mut open = at;
    let raw = boundary && {
        if matches!(bytes[open], b'b' | b'c') && bytes.get(open + 1) == Some(&b'r') {
            open += 1;
        }
        bytes[open] == b'r' && matches!(bytes.get(open + 1), Some(b'"' | b'#'))
    };
    if raw {
        let hashes = bytes[open + 1..].iter().take_while(|b| **b == b'#').count();
        let begin = open + hashes + 2;
        // `r#name` is an identifier.
        if bytes.get(begin - 1) != Some(&b'"') {
            return None;
        }
        let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
        let end = bytes[begin..].windows(close.len()).position(|w| w == close).map_or(bytes.len(), |n| begin + n);
        return Some((begin, (end, (end + close.len()).min(bytes.len()))));
    }
    if bytes[at] != b'"' {
        return None;
    }
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    let end = end.min(bytes.len());
    Some((at + 1, (end, (end + 1).min(bytes.len()))))
}

/// End of the character literal at `at`; of a lifetime, just behind the quote.
fn character(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let close = bytes[(at + 3).min(bytes.len())..].iter().position(|b| *b == b'\'');
        return close.map_or(bytes.len(), |n| at + 3 + n + 1);
    }
    let width = std::str::from_utf8(&bytes[at + 1..]).map_or(1, |s| s.chars().next().map_or(0, char::len_utf8));
    if bytes.get(at + 1 + width) == Some(&b'\'') { at + width + 2 } else { at + 1 }
}

/// Where items stand that exist in tests only: `#[cfg(test)]` up to the closing brace or semicolon.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]").map(|n| from + n) {
        let open = code[at..].find(['{', ';']).map_or(code.len(), |n| at + n);
        let end = if code[open..].starts_with('{') { closing(code, open) } else { (open + 1).min(code.len()) };
        found.push((at, end));
        from = end;
    }
    found
}

/// Just behind the bracket that closes the one at `open`.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (place, c) in code[open..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + place + 1;
        }
    }
    code.len()
}

#[test]
fn comments_literals_and_tests_are_no_production_code() {
    let text = "fn a<'x>(c: char) -> bool { // use crate::store\n    c == '\"' || c == '\\'' || f(r#\"raw \"x\" {\"#, \"two\") }\n\
                #[cfg(test)]\nmod tests {\n    fn b() { g(\"three\") }\n}\nfn c() { h(b\"four\") }\n";
    let source = Source::new("src/kafka/x.rs", text);
    let found: Vec<(usize, &str)> = source.literals.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(found, [(2, "raw \"x\" {"), (2, "two"), (7, "four")]);
    assert!(!source.code.contains("store") && !source.code.contains("fn b") && source.code.contains("fn c"));
    assert_eq!(source.code.len(), text.len());
    assert_eq!((source.production_lines(), source.module(), source.depth()), (3, Some("kafka"), 2));
    assert_eq!(closing("f(a(b), c) d", 1), 10);
}
