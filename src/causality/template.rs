//! What the messages of one failure have in common under other ids.

/// Longest template that takes part in a signature; what follows rarely tells failures apart.
const TEMPLATE_CHARS: usize = 200;

/// Longer words are no words of any language: names of classes reach some sixty letters.
const LONGEST_WORD: usize = 64;

/// Words from this length on are looked at for the changes of case that random letters have.
const SHORTEST_RANDOM: usize = 16;

/// Letters alone are hexadecimal from this length on: no longer word is made of `a` to `f`.
const SHORTEST_HEX: usize = 8;

/// What stands for whatever names one case.
const ANY: char = '#';

/// Quotes as they open and close.
const QUOTES: &[(char, char)] = &[('\'', '\''), ('"', '"'), ('`', '`'), ('“', '”'), ('‘', '’'), ('«', '»')];

/// `message` with everything that names one case replaced by `#`: numbers, ids, times, quoted text, paths, addresses.
pub fn template(message: &str) -> String {
    let mut out = Out::default();
    let mut rest = message;
    while let Some(c) = rest.chars().next() {
        if out.text.len() >= TEMPLATE_CHARS {
            break;
        }
        let begins = out.before.is_none_or(|before| !before.is_alphanumeric());
        let len = if begins { quoted(rest).or_else(|| place(rest)) } else { None };
        if let Some(len) = len {
            out.any();
            rest = &rest[len..];
        } else if is_of_word(c) {
            let len = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            out.word(&rest[..len]);
            rest = &rest[len..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out.text
}

#[derive(Default)]
struct Out {
    text: String,
    /// The character of the message before this one.
    before: Option<char>,
}

impl Out {
    fn push(&mut self, c: char) {
        self.text.push(c);
        self.before = Some(c);
    }

    /// A run of cases is one: lists have any length, and times many parts.
    fn any(&mut self) {
        let parted = self.text.trim_end_matches([' ', ',', ':', '.', ';', '/', '+', '|']);
        if parted.ends_with(ANY) {
            self.text.truncate(parted.len());
        } else {
            self.text.push(ANY);
        }
        self.before = Some(ANY);
    }

    fn word(&mut self, word: &str) {
        if names_a_case(word) {
            self.any();
        } else {
            self.text.push_str(word);
        }
        self.before = word.chars().next_back();
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

/// Length of the quoted text that `rest` begins with.
fn quoted(rest: &str) -> Option<usize> {
    let open = rest.chars().next()?;
    let (_, close) = QUOTES.iter().find(|(quote, _)| *quote == open)?;
    let inner = &rest[open.len_utf8()..];
    let mut ends = inner.match_indices(*close).map(|(at, close)| (at, at + close.len()));
    // An apostrophe within a word closes nothing.
    let end = ends.find(|(_, end)| !inner[*end..].chars().next().is_some_and(char::is_alphanumeric))?;
    Some(open.len_utf8() + end.1)
}

/// Length of the address, path or e-mail address that `rest` begins with.
fn place(rest: &str) -> Option<usize> {
    let word = rest.split(|c: char| c.is_whitespace() || "\"'`<>()[]{},;".contains(c)).next()?;
    let word = word.trim_end_matches(['.', ':', '!', '?']);
    let is_path = word.starts_with('/') && word.len() > 1 || word.get(1..3) == Some(":\\");
    let mail = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    (is_path || mail || word.contains("://")).then_some(word.len())
}

fn names_a_case(word: &str) -> bool {
    let letters = word.len();
    let is_number = word.chars().any(|c| c.is_ascii_digit());
    let is_hex = letters >= SHORTEST_HEX && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_number || is_hex || letters > LONGEST_WORD || is_random(word)
}

/// Random letters change their case at every second one, names of classes at most at every third.
fn is_random(word: &str) -> bool {
    let pairs = word.as_bytes().windows(2);
    let changes = pairs.filter(|pair| pair[0].is_ascii_lowercase() != pair[1].is_ascii_lowercase()).count();
    word.len() >= SHORTEST_RANDOM && word.bytes().all(|b| b.is_ascii_alphabetic()) && changes * 5 > word.len() * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_become_one() {
        for (message, expected) in [
            ("card reported stolen", "card reported stolen"),
            ("no account for customer 4711", "no account for customer #"),
            ("order ord-17 of c_9 failed", "order # of # failed"),
            ("id 8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e is unknown", "id # is unknown"),
            ("id 01ARZ3NDEKTSV4RRFFQ69G5FAV is unknown", "id # is unknown"),
            ("hash deadbeef and DEADBEEF", "hash # and #"),
            ("no account for 'Ann O.' here", "no account for # here"),
            ("can't read \"x y\", isn't \u{201c}z\u{201d}", "can't read #, isn't #"),
            ("can't parse 'it''s' now", "can't parse # now"),
            ("an open 'quote stays", "an open 'quote stays"),
            ("at 2026-11-22T10:42:03.123Z: late", "at #: late"),
            ("ids 1, 2, 3, 4 missing", "ids # missing"),
            ("host 10.0.0.7:9092 down", "host # down"),
            ("GET https://api.example.com/v1/x?y=abc failed.", "GET # failed."),
            ("no /var/lib/kafka/data here", "no # here"),
            (r"no C:\temp\x here", "no # here"),
            ("mail ann.o@example.com, bounced", "mail #, bounced"),
            ("application/json and/or x", "application/json and/or x"),
            ("org.apache.kafka.common.errors.TimeoutException", "org.apache.kafka.common.errors.TimeoutException"),
            ("ListenerExecutionFailedException", "ListenerExecutionFailedException"),
            ("key aGVsbG8gd29ybGQgdGhpcyBpcyBsb25n used", "key # used"),
            ("key aGVsbGgdGhpcyBpcyBsbncWxYz used", "key # used"),
            ("", ""),
        ] {
            assert_eq!(template(message), expected, "{message}");
        }
        assert_eq!(template(&"x".repeat(70)), "#");
    }

    #[test]
    fn templates_are_bounded() {
        for message in ["a ", "'", "x", "\u{201c}", "é'"].map(|part| part.repeat(500)) {
            assert!(template(&message).len() <= TEMPLATE_CHARS + LONGEST_WORD, "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_bounded_template(message in ".{0,600}") {
            proptest::prop_assert!(template(&message).len() <= TEMPLATE_CHARS + 4 * LONGEST_WORD);
        }
    }
}
