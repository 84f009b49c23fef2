//! Which questions are let through.
//!
//! A question is one statement that reads. DuckDB's own parser is asked, not a copy of it: bound through its table
//! function `query`, a text must be exactly one SELECT (WITH, FROM, VALUES, DESCRIBE, SHOW and SUMMARIZE are such). That
//! matters, because preparing several statements at once would run all but the last one. The transaction then refuses
//! writes, and the locked configuration refuses files and settings. What is left are a few functions that a SELECT may
//! call and that change the engine; they are named here.

use super::Error;
use super::query::ask;
use duckdb::Connection;
use regex::Regex;
use std::sync::LazyLock;

/// Longest question in bytes: the longest dashboard panel has some 4 KB, and the parser's memory grows with the text.
const MAX_QUESTION: usize = 1 << 20;

/// Functions that a SELECT can call and that change the engine for everybody, or that run a text and so hide a call.
/// Comments and quotes between name and parenthesis do not hide one.
static ENGINE_FUNCTION: LazyLock<Result<Regex, regex::Error>> = LazyLock::new(|| {
    Regex::new(
        r#"(?is)\b(force_checkpoint|checkpoint|enable_logging|disable_logging|truncate_duckdb_logs|write_log|enable_profiling|disable_profiling|json_execute_serialized_sql|query|query_table|nextval)"?(?:\s|/\*.*?\*/|--[^\n]*(?:\n|$))*\("#,
    )
});

/// A question that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Answers with the rows of a SELECT.
    Rows,
    /// Answers with a plan.
    Plan,
}

/// Lets `sql` through if it is one statement that reads. Runs nothing of it.
pub(super) fn check(conn: &Connection, sql: &str) -> Result<Shape, Error> {
    let refused = |reason: &str| Err(Error::Refused { reason: reason.to_owned() });
    if sql.len() > MAX_QUESTION {
        return refused(&format!("the question is longer than {MAX_QUESTION} bytes"));
    }
    match &*ENGINE_FUNCTION {
        Ok(function) => {
            if let Some(found) = function.captures(sql).and_then(|found| found.get(1)) {
                return refused(&format!("function `{}` changes the engine or hides a call", found.as_str()));
            }
        }
        Err(_) => return refused("the list of forbidden functions cannot be read"),
    }
    let (shape, select) = match explained(sql) {
        Some(select) => (Shape::Plan, select),
        None => (Shape::Rows, sql),
    };
    match conn.prepare(&as_one_select(select)) {
        Ok(_) => Ok(shape),
        Err(source) => {
            let message = source.to_string();
            if message.contains("Expected a single SELECT statement") {
                refused("this is not one statement that only reads")
            } else {
                Err(Error::Question { message: own_words(&message) })
            }
        }
    }
}

/// The question to ask in place of a list of tables: those are private, the views are what there is to be asked.
pub(super) fn in_views(sql: &str) -> &str {
    let words: Vec<&str> = sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).split_whitespace().collect();
    let says = |wanted: &[&str]| {
        words.len() == wanted.len() && words.iter().zip(wanted).all(|(word, wanted)| word.eq_ignore_ascii_case(wanted))
    };
    match says(&["show", "tables"]) || says(&["show", "views"]) {
        true => ask::VIEWS.sql,
        false => sql,
    }
}

/// `select` inside DuckDB's table function `query`. Its argument is a literal, so that it is parsed when this is
/// prepared and parameters inside stay parameters; in such a literal only the quote itself has a meaning.
pub(super) fn as_one_select(select: &str) -> String {
    ask::IS_ONE_SELECT.sql.replacen("$1", &format!("'{}'", select.replace('\'', "''")), 1)
}

/// What follows EXPLAIN or EXPLAIN ANALYZE.
fn explained(sql: &str) -> Option<&str> {
    let rest = word(sql, "explain")?;
    Some(word(rest, "analyze").unwrap_or(rest))
}

fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let text = text.trim_start();
    let (head, rest) = text.split_at_checked(word.len())?;
    (head.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace)).then_some(rest)
}

/// DuckDB's message without what only programmers of DuckDB and of headwater can use: the line of headwater's own
/// statement that it points at, and stack traces.
pub(super) fn own_words(message: &str) -> String {
    let excerpt = message.find("\n\nLINE 1: ").filter(|&at| message[at..].contains(" query('"));
    let stack = message.find("\n\nStack Trace:");
    let end = excerpt.into_iter().chain(stack).min().unwrap_or(message.len());
    message[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{ask, in_views, own_words};

    #[test]
    fn lists_of_tables_are_lists_of_views() {
        assert_eq!(in_views(" show\nTABLES ; "), ask::VIEWS.sql);
        assert_eq!(in_views("SHOW ALL TABLES"), "SHOW ALL TABLES");
        assert_eq!(in_views("select 1"), "select 1");
    }

    #[test]
    fn people_do_not_see_statements_and_stacks_of_others() {
        assert_eq!(own_words("Binder Error: no x\n\nLINE 1: SELECT * FROM query('x')\n  ^"), "Binder Error: no x");
        assert_eq!(own_words("INTERNAL Error: y\n\nStack Trace:\n\nf()"), "INTERNAL Error: y");
        assert_eq!(own_words("Parser Error: z\n\nLINE 1: SELEC 1"), "Parser Error: z\n\nLINE 1: SELEC 1");
    }
}
