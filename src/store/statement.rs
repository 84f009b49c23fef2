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
    match bind(conn, select) {
        Ok(()) => Ok(shape),
        Err(source) => {
            let message = source.to_string();
            // The text was parsed as one SELECT, and misses only the values of its parameters.
            if message.contains("Could not find parameter with identifier")
                || message.contains("Parameter argument/count mismatch")
            {
                Ok(shape)
            } else if message.contains("Expected a single SELECT statement") {
                refused("this is not one statement that only reads")
            } else {
                Err(Error::Question { message: own_words(&message) })
            }
        }
    }
}

fn bind(conn: &Connection, select: &str) -> duckdb::Result<()> {
    conn.prepare(ask::IS_ONE_SELECT.sql)?.query([select])?;
    Ok(())
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

/// DuckDB's message without the line of headwater's own statement that it points at.
pub(super) fn own_words(message: &str) -> String {
    match message.split_once("\n\nLINE 1: SELECT * FROM query($1)") {
        Some((head, _)) => head.to_owned(),
        None => message.to_owned(),
    }
}
