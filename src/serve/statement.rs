//! Takes a query string apart: where one statement ends, what is for DuckDB and what the door answers itself.
//!
//! This is a lexer of the PostgreSQL dialect that DuckDB reads, not a parser. Where it errs, a statement reaches the
//! reader whole, and the reader refuses what is not one read: the lexer decides nothing about safety.

use super::gate::MESSAGE_LIMIT;
use super::{live, settings};

/// One statement of a query string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statement {
    /// For DuckDB.
    Ask {
        /// Its text.
        sql: String,
        /// The highest `$n` in it.
        parameters: usize,
    },
    /// `SHOW` of a setting that the door answers itself.
    Show(&'static settings::Setting),
    /// `BACKUP TO 'FILE'`: a copy of the database as this file.
    Backup(String),
    /// `SELECT * FROM live_explain('t/p/o')` and its like: about the cluster as it is now.
    Live(live::Question),
    /// `BEGIN`, `START TRANSACTION`. Every statement reads its own snapshot; only the session's status changes.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `DEALLOCATE` of one statement, or of all.
    Deallocate(Option<String>),
    /// `SET name`: accepted without effect, since a setting in DuckDB holds for everyone.
    Set(String),
    /// Accepted without effect, answered with this tag.
    Ignored(&'static str),
}

/// First words of statements that change a session and that a reader has no use for, with the tag that answers them.
const IGNORED: [(&str, &str); 7] = [
    ("reset", "RESET"),
    ("discard", "DISCARD ALL"),
    ("savepoint", "SAVEPOINT"),
    ("release", "RELEASE"),
    ("close", "CLOSE CURSOR ALL"),
    ("unlisten", "UNLISTEN"),
    ("listen", "LISTEN"),
];

/// The pieces of `text` between semicolons; none for blanks, comments and lone semicolons.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut piece: Option<(usize, usize)> = None;
    for token in (Lexer { text, at: 0 }) {
        if &text[token.start..token.end] == ";" {
            pieces.extend(piece.take().map(|(start, end)| &text[start..end]));
        } else {
            piece = Some((piece.map_or(token.start, |(start, _)| start), token.end));
        }
    }
    pieces.extend(piece.map(|(start, end)| &text[start..end]));
    pieces
}

/// What one piece of [`split`] asks for.
pub(super) fn parse(piece: &str) -> Statement {
    let tokens: Vec<Token> = Lexer { text: piece, at: 0 }.collect();
    own(piece, &tokens).unwrap_or_else(|| Statement::Ask {
        sql: piece.to_owned(),
        parameters: tokens.iter().map(|token| token.parameter).max().unwrap_or_default(),
    })
}

/// Longest text that is filled in: one value may stand in many places. The store refuses what is longer than a message.
const FILLED_LIMIT: usize = 2 * MESSAGE_LIMIT;

/// `sql` with what `value` gives in place of every `$n`; it ends early, and is refused for its length, where that grows
/// beyond all questions.
pub(super) fn fill(sql: &str, mut value: impl FnMut(usize) -> String) -> String {
    let mut filled = String::with_capacity(sql.len());
    let mut copied = 0;
    for token in (Lexer { text: sql, at: 0 }).filter(|token| token.parameter > 0) {
        filled.push_str(&sql[copied..token.start]);
        filled.push_str(&value(token.parameter));
        copied = token.end;
        if filled.len() > FILLED_LIMIT {
            return filled;
        }
    }
    filled + &sql[copied..]
}

/// The statement if the door answers it itself.
fn own(text: &str, tokens: &[Token]) -> Option<Statement> {
    let word = |n: usize| -> String {
        let token = tokens.get(n).filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted));
        token.map(|token| text[token.start..token.end].trim_matches('"').to_lowercase()).unwrap_or_default()
    };
    if tokens.first()?.kind != Kind::Word {
        return None;
    }
    Some(match (word(0).as_str(), word(1).as_str()) {
        ("select" | "from", _) => Statement::Live(live_question(text, tokens)?),
        ("begin", _) | ("start", "transaction") => Statement::Begin,
        ("commit" | "end", _) => Statement::Commit,
        ("rollback", "to") => Statement::Ignored("ROLLBACK"),
        ("rollback" | "abort", _) => Statement::Rollback,
        ("deallocate", second) => {
            let name = if second == "prepare" { word(2) } else { second.to_owned() };
            Statement::Deallocate((name != "all").then_some(name))
        }
        ("backup", "to") => {
            let file = tokens.get(2).filter(|token| token.kind == Kind::Quoted && tokens.len() == 3)?;
            let quoted = text[file.start..file.end].strip_prefix('\'')?.strip_suffix('\'')?;
            Statement::Backup(quoted.replace("''", "'"))
        }
        ("set", "session" | "local") => Statement::Set(word(2)),
        ("set", name) => Statement::Set(name.to_owned()),
        ("show", name) => Statement::Show(settings::find(name)?),
        (name, _) => Statement::Ignored(IGNORED.iter().find(|(word, _)| *word == name)?.1),
    })
}

/// `SELECT * FROM name('text', …)`, or DuckDB's short form without the first two words, where the name is that of a live question. All else is for DuckDB.
fn live_question(text: &str, tokens: &[Token]) -> Option<live::Question> {
    let raw: Vec<&str> = tokens.iter().map(|token| &text[token.start..token.end]).collect();
    let called = match raw.as_slice() {
        [_, "*", from, called @ ..] if from.eq_ignore_ascii_case("from") => called,
        [from, called @ ..] if from.eq_ignore_ascii_case("from") => called,
        _ => return None,
    };
    let [name, "(", arguments @ .., ")"] = called else { return None };
    let literal = |word: &str| Some(word.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"));
    let commas = arguments.iter().skip(1).step_by(2).all(|word| *word == ",");
    let given: Option<Vec<String>> = arguments.iter().step_by(2).map(|word| literal(word)).collect();
    live::Question::named(&name.to_lowercase(), &given?).filter(|_| commas)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Quoted,
    Parameter,
    Symbol,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
    /// n of `$n`, else 0.
    parameter: usize,
}

/// Tokens of a text; blanks and comments are passed over. What does not end goes to the end of the text.
struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Goes behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, end: &str) {
        self.at = self.text[self.at..].find(end).map_or(self.text.len(), |found| self.at + found + end.len());
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            match (self.byte(0), self.byte(1)) {
                (Some(b'-'), Some(b'-')) => self.skip_past("\n"),
                (Some(b'/'), Some(b'*')) => self.skip_block_comment(),
                (Some(b), _) if b.is_ascii_whitespace() || b == 0x0b || b == 0 => self.at += 1,
                _ => return,
            }
        }
    }

    /// Block comments nest in this dialect.
    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.byte(0) {
            match (byte, self.byte(1)) {
                (b'/', Some(b'*')) => (depth, self.at) = (depth + 1, self.at + 2),
                (b'*', Some(b'/')) => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Goes behind the closing quote; a doubled quote, and with `escapes` a quote after a backslash, does not close.
    fn skip_quoted(&mut self, quote: u8, escapes: bool) {
        self.at += 1;
        while let Some(byte) = self.byte(0) {
            self.at += 1;
            if byte == b'\\' && escapes {
                self.at = (self.at + 1).min(self.text.len());
            } else if byte == quote {
                if self.byte(0) != Some(quote) {
                    return;
                }
                self.at += 1;
            }
        }
    }

    fn skip_word(&mut self) {
        while self.byte(0).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80) {
            self.at += 1;
        }
    }

    /// `$1`, `$tag$ … $tag$`, or a lone `$`.
    fn dollar(&mut self) -> (Kind, usize) {
        let rest = &self.text[self.at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            self.at += 1 + digits;
            return (Kind::Parameter, rest[..digits].parse().unwrap_or(usize::MAX));
        }
        let tag = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80).count();
        if rest.as_bytes().get(tag) == Some(&b'$') {
            let delimiter = &self.text[self.at..self.at + tag + 2];
            self.at += delimiter.len();
            self.skip_past(delimiter);
            return (Kind::Quoted, 0);
        }
        self.at += 1;
        (Kind::Symbol, 0)
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blanks_and_comments();
        let start = self.at;
        let (kind, parameter) = match self.byte(0)? {
            b'\'' => {
                self.skip_quoted(b'\'', false);
                (Kind::Quoted, 0)
            }
            b'"' => {
                self.skip_quoted(b'"', false);
                (Kind::Quoted, 0)
            }
            b'e' | b'E' if self.byte(1) == Some(b'\'') => {
                self.at += 1;
                self.skip_quoted(b'\'', true);
                (Kind::Quoted, 0)
            }
            b'$' => self.dollar(),
            b if b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80 => {
                self.skip_word();
                (Kind::Word, 0)
            }
            _ => {
                self.at += 1;
                (Kind::Symbol, 0)
            }
        };
        // An escape can end inside a character: a token never does.
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        Some(Token { kind, start, end: self.at, parameter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pings_are_no_statement() {
        for empty in ["", ";", " ;; ", "-- ping", "-- ping\n", "/* a /* b */ ; */", "\u{0};"] {
            assert!(split(empty).is_empty(), "{empty:?}");
        }
    }

    #[test]
    fn semicolons_split_only_outside_quotes_and_comments() {
        assert_eq!(split("select 1; select 2;"), ["select 1", "select 2"]);
        assert_eq!(split("select ';' -- ; x\n, \";\""), ["select ';' -- ; x\n, \";\""]);
        assert_eq!(split("select 'it''s;', E'\\';', $a$;$a$, $$;$$; select 2").len(), 2);
        assert_eq!(split("select '\\'; select 2"), ["select '\\'", "select 2"]);
        assert_eq!(split("select 1 /* ; /* ; */ ; */ ; select 2"), ["select 1", "select 2"]);
        assert_eq!(split("-- a comment first\nselect 1 -- and last"), ["select 1"]);
    }

    #[test]
    fn parameters_are_counted_outside_quotes() {
        let Statement::Ask { parameters, .. } = parse("select $2, '$7', $1, a$9, \"$8\" -- $6") else {
            panic!("a question")
        };
        assert_eq!(parameters, 2);
    }

    #[test]
    fn parameters_are_filled_in_where_they_stand() {
        let value = |n| if n == 1 { "NULL::BIGINT".to_owned() } else { "NULL".to_owned() };
        assert_eq!(fill("f($1, '$1') + $2 -- $1", value), "f(NULL::BIGINT, '$1') + NULL -- $1");
        assert_eq!(fill("$0", value), "$0");
    }

    /// Scenario: a long value that stands in very many places.
    /// Guarantees: what is built is bounded, and longer than any question that is answered.
    #[test]
    fn a_value_in_many_places_stays_bounded() {
        let value = "x".repeat(MESSAGE_LIMIT);
        let filled = fill(&"$1,".repeat(300_000), |_| value.clone());
        assert!(filled.len() > FILLED_LIMIT && filled.len() <= FILLED_LIMIT + MESSAGE_LIMIT + 3, "{}", filled.len());
    }

    #[test]
    fn session_statements_are_known_in_any_dress() {
        assert_eq!(parse("/* x */ BEGIN ISOLATION LEVEL SERIALIZABLE"), Statement::Begin);
        assert_eq!(parse("start transaction"), Statement::Begin);
        assert_eq!(parse("End"), Statement::Commit);
        assert_eq!(parse("SET SESSION threads = 1"), Statement::Set("threads".into()));
        assert_eq!(parse("set \"threads\" to 1"), Statement::Set("threads".into()));
        assert_eq!(parse("DEALLOCATE PREPARE \"s1\""), Statement::Deallocate(Some("s1".into())));
        assert_eq!(parse("deallocate all"), Statement::Deallocate(None));
        assert_eq!(parse("backup TO '/a''b/c'"), Statement::Backup("/a'b/c".into()));
        for asked in ["backup to x", "backup to 'x' y", "show tables", "\"set\" x", "settle", "(begin)"] {
            assert_eq!(parse(asked), Statement::Ask { sql: asked.into(), parameters: 0 });
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart(text in "(?s)[-'\"$;/*e\\\\a1é ]{0,40}") {
            let pieces = split(&text);
            prop_assert!(pieces.iter().all(|piece| split(piece).len() == 1 && text.contains(piece)));
        }
    }
}
