//! Secrets in the words of an error, made unreadable. All patterns run in time linear in the text.

use regex::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// What stands for a secret.
const MASK: &str = "***";

/// What kind of test a match still has to pass.
#[derive(Clone, Copy)]
enum Test {
    /// None.
    Sure,
    /// It looks like no word of a language.
    Random,
    /// The check digit of payment cards.
    Luhn,
    /// The check digits of bank accounts.
    Iban,
}

use Test::{Iban, Luhn, Random, Sure};

/// Patterns, in the order in which they are tried. Group `keep` stays before the mask, `tail` behind it.
const PATTERNS: &[(Test, &str)] = &[
    (Sure, r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)"),
    (Sure, r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?"),
    (Random, r"(?i)(?<keep>\b(?:bearer|basic|negotiate)\s+)[a-z0-9._~+/=-]{8,}"),
    (Sure, r"(?<keep>\b[A-Za-z][A-Za-z0-9+.-]{1,30}://)[^\s/@]{0,256}:[^\s@]{0,256}(?<tail>@)"),
    // `name=value`, `"name":"value"`, the same with its quotes escaped, and `name: value`.
    (
        Sure,
        concat!(
            r#"(?i)(?<keep>[a-z0-9_.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|"#,
            r#"private[_-]?key|credentials?|authorization|session[_-]?id|set-cookie|cookie)[a-z0-9_.-]*"#,
            r#"[\\"']{0,4}\s{0,4}[=:]\s{0,4})"#,
            r#"(?:\\{0,3}"[^"]*"?|'[^']*'?|(?:bearer|basic|negotiate|digest)\s+[^\s,;&"'}\])]+|[^\s,;&"'}\])]+)"#,
        ),
    ),
    (Sure, r"\b(?:AKIA|ASIA|AIDA|AROA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    (Sure, r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bAIza[A-Za-z0-9_-]{35}"),
    (Sure, r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}"),
    (Luhn, r"\b[2-6][0-9](?:[ -]?[0-9]){10,16}[0-9]\b"),
    (Iban, r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
];

/// The patterns that compiled; that all do is a test.
static COMPILED: LazyLock<Vec<(Test, Regex)>> = LazyLock::new(|| {
    let compile = |&(test, pattern): &(Test, &str)| Some((test, Regex::new(pattern).ok()?));
    PATTERNS.iter().filter_map(compile).collect()
});

/// `text` without its secrets, and how many there were.
pub fn mask(text: &str) -> (Cow<'_, str>, usize) {
    let (mut text, mut masked) = (Cow::Borrowed(text), 0);
    for (test, pattern) in COMPILED.iter() {
        let found = pattern.replace_all(&text, |found: &Captures<'_>| {
            let part = |name| found.name(name).map_or("", |part| part.as_str());
            let (all, keep, tail) = (&found[0], part("keep"), part("tail"));
            let secret = &all[keep.len()..all.len() - tail.len()];
            if secret == MASK || !passes(*test, secret) {
                return all.to_owned();
            }
            masked += 1;
            format!("{keep}{MASK}{tail}")
        });
        if let Cow::Owned(found) = found {
            text = Cow::Owned(found);
        }
    }
    (text, masked)
}

fn passes(test: Test, found: &str) -> bool {
    match test {
        Sure => true,
        Random => found.bytes().any(|byte| byte.is_ascii_digit() || byte == b'=') || has_humps(found),
        Luhn => is_card(found),
        Iban => is_account(found),
    }
}

/// Upper-case letters behind the first that are not all.
fn has_humps(word: &str) -> bool {
    word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase()) && word.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// The lengths that the big card schemes use, and the check digit of ISO/IEC 7812.
fn is_card(found: &str) -> bool {
    let digits: Vec<u32> = found.chars().filter_map(|c| c.to_digit(10)).collect();
    let fits = matches!(
        (digits.len(), digits.first(), digits.get(1)),
        (16, ..)
            | (19, Some(4 | 6), _)
            | (13, Some(4), _)
            | (15, Some(3), Some(4 | 7))
            | (14, Some(3), Some(0 | 6 | 8))
    );
    let weighed = digits.iter().rev().enumerate().map(|(at, digit)| match at % 2 {
        1 if digit * 2 > 9 => digit * 2 - 9,
        1 => digit * 2,
        _ => *digit,
    });
    fits && weighed.sum::<u32>() % 10 == 0
}

/// The check digits of ISO 13616.
fn is_account(found: &str) -> bool {
    let plain: Vec<char> = found.chars().filter(|c| *c != ' ').collect();
    if !(15..=34).contains(&plain.len()) {
        return false;
    }
    let turned = plain[4..].iter().chain(&plain[..4]);
    let rest = turned.filter_map(|c| c.to_digit(36)).fold(0, |rest, value| {
        let shift = if value > 9 { 100 } else { 10 };
        (rest * shift + value) % 97
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_patterns_compile() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
    }

    #[test]
    fn secrets_are_masked() {
        for (text, masked) in [
            ("Authorization: Bearer abc123def456ghi", "Authorization: ***"),
            ("sent Bearer abc123def456ghi to x", "sent Bearer *** to x"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl bad", "jwt *** bad"),
            ("password=hunter2, user=ann", "password=***, user=ann"),
            ("db.password: hunter2", "db.password: ***"),
            (r#"{"user":"ann","api_key":"k-1 2"}"#, r#"{"user":"ann","api_key":***}"#),
            (r#"{\"client_secret\":\"x y\",\"a\":1}"#, r#"{\"client_secret\":***,\"a\":1}"#),
            ("pwd='x y' and token=abc", "pwd=*** and token=***"),
            ("https://ann:hunter2@db.example/x", "https://***@db.example/x"),
            ("jdbc:postgresql://ann:p/w@db/x", "jdbc:postgresql://***@db/x"),
            ("https://db.example:5432/x", "https://db.example:5432/x"),
            ("key AKIAIOSFODNN7EXAMPLE refused", "key *** refused"),
            ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key=***"),
            ("ghp_abcdefghijklmnopqrstuvwxyz012345", "***"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", "*** x"),
            ("-----BEGIN PRIVATE KEY-----\nMIIE", "***"),
            ("card 4111 1111 1111 1111 refused", "card *** refused"),
            ("card 4111-1111-1111-1111", "card ***"),
            ("card 378282246310005", "card ***"),
            ("account DE89 3704 0044 0532 0130 00 closed", "account *** closed"),
            ("account GB82WEST12345698765432", "account ***"),
        ] {
            assert_eq!(mask(text).0, masked);
            assert_eq!(mask(masked).1, 0, "masked once: {masked}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "card reported stolen",
            "no account for customer 4711",
            "Unexpected token < in JSON at position 0",
            "the token expired",
            "basic validation failed",
            "bearer authentication failed",
            "card 4111 1111 1111 1112 refused",
            "timestamp 1763772965000",
            "order 8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e",
            "offset 123456789012 of orders-2",
            "DE00 3704 0044 0532 0130 00",
            "org.apache.kafka.common.errors.TimeoutException: Expiring 1 record(s) for orders-0:120000 ms has passed",
        ] {
            assert_eq!(mask(text), (Cow::Borrowed(text), 0));
        }
    }
}
