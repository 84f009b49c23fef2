//! The files that Kafka's own tools and librdkafka read their settings from: Java's `.properties`.

use super::ConfigError;
use crate::event::Secret;
use std::io::Read;
use std::path::Path;

/// A file with settings is a few KiB, with certificates inside some more; what is larger is another file.
const FILE_MAX: u64 = 1 << 20;

/// The settings in the file, in its order.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Secret)>, ConfigError> {
    let refuse = |reason: String| ConfigError::ClientProperties { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| refuse(format!("it cannot be read ({error})")))?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(refuse(format!("it is larger than {FILE_MAX} bytes")));
    }
    // Java means Latin-1; people write UTF-8.
    let text = String::from_utf8(bytes).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect());
    parse(&text).map_err(|line| refuse(format!("line {line}: `\\u` is not followed by four hex digits")))
}

/// Java's syntax: `name = value`, `name: value` or `name value`, comments by `#` or `!`, `\` before the end of a line
/// joins the next one. Fails with the number of a line.
pub(super) fn parse(text: &str) -> Result<Vec<(String, Secret)>, usize> {
    let mut properties = Vec::new();
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).zip(1_usize..);
    while let Some((line, number)) = lines.next() {
        let mut logical = line.trim_start_matches(is_blank).to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while logical.chars().rev().take_while(|&c| c == '\\').count() % 2 == 1 {
            logical.pop();
            let Some((next, _)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(is_blank));
        }
        let (name, value) = split(&logical);
        let unescape = |text| unescape(text).ok_or(number);
        properties.push((unescape(name)?, Secret::new(unescape(value)?)));
    }
    Ok(properties)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// The name ends at the first `=`, `:` or blank that no `\` stands before.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c| {
        let ends = !escaped && (is_blank(c) || c == '=' || c == ':');
        escaped = c == '\\' && !escaped;
        ends
    });
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    (name, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Option<String> {
    // Pairs of `\u` are UTF-16, so that all is collected before it is read.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut unit = [0; 2];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                Some('u') => {
                    let digits = chars.as_str().get(..4)?;
                    units.push(u16::from_str_radix(digits, 16).ok()?);
                    chars = chars.as_str()[4..].chars();
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some(other) => other,
                None => continue,
            },
            plain => plain,
        };
        units.extend_from_slice(plain.encode_utf16(&mut unit));
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect()
    }

    #[test]
    fn names_and_values_are_parted_as_java_parts_them() {
        for text in ["a.b=c d", "a.b = c d", "  a.b:c d", "a.b c d", "a.b\t=  c d", "a.b : c d\r", "a.b=c\\\n   \\ d"] {
            assert_eq!(pairs(text), [("a.b".to_owned(), "c d".to_owned())], "{text:?}");
        }
        assert_eq!(pairs("a\n# b=1\n ! c=2\n\n=x"), [("a".into(), String::new()), (String::new(), "x".into())]);
        assert_eq!(pairs("a==b"), [("a".into(), "=b".into())]);
        assert_eq!(pairs("a\\=b\\ c=d"), [("a=b c".into(), "d".into())]);
    }

    #[test]
    fn escapes_and_joined_lines_are_understood() {
        assert_eq!(pairs("k=a\\tb\\nc\\\\d\\qe\\u00e4\\ud83d\\ude00"), [("k".into(), "a\tb\nc\\dqeä😀".into())]);
        assert_eq!(pairs("k=a\\\\\nl=b"), [("k".into(), "a\\".into()), ("l".into(), "b".into())]);
        assert_eq!(pairs("k=a\\\n  # no comment\\\n\tb"), [("k".into(), "a# no commentb".into())]);
        assert_eq!(pairs("k=a\\"), [("k".into(), "a".into())]);
        let jaas = "sasl.jaas.config=a.B required \\\n  username=\"u\" \\\n  password=\"p\\\\\"q\";";
        assert_eq!(pairs(jaas)[0].1, "a.B required username=\"u\" password=\"p\\\"q\";");
    }

    #[test]
    fn what_is_no_character_is_refused_with_its_line() {
        assert_eq!(parse("a=1\nb=\\u00z0"), Err(2));
        assert_eq!(parse("b=\\u12"), Err(1));
        assert_eq!(parse("b=\\ud800"), Err(1));
        assert_eq!(parse("b=\\uäää"), Err(1));
    }
}
