//! Bound parameters of a client as cells.

use crate::report::Cell;
use pgwire::api::Type;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::stmt::StoredStatement;
use pgwire::error::{PgWireError, PgWireResult};
use regex::Regex;
use std::sync::LazyLock;
use tokio_postgres::types::FromSql;

use super::refusal;
use super::statement::fill;

/// 2000-01-01, where PostgreSQL's binary time begins, in µs since 1970.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// The type that a client is told for a parameter whose type neither it nor the question says.
pub(super) const OPEN: Type = Type::TEXT;

/// Parameters of one question whose types are looked for; those behind that are text. Each costs a bind.
const PROBE_LIMIT: usize = 32;

/// A value that cannot stand beside anything. DuckDB does not tell what type it gives a parameter, but when it refuses
/// this one it says what it stands beside.
const PROBE: &str = "union_value(headwater := {'a': 1})";

/// How the probe shows in messages.
const PROBED: &str = "UNION(headwater STRUCT(a INTEGER))";

/// `$1::BIGINT`: the question says it itself.
static CAST: LazyLock<Result<Regex, regex::Error>> = LazyLock::new(|| Regex::new(r"\$(\d+)\s*::\s*(\w+)"));

/// Questions that show the types of the first `parameters` of `sql`, one each.
pub(super) fn probes(sql: &str, parameters: usize) -> Vec<String> {
    let probe = |n| fill(sql, |m| if m == n { PROBE.to_owned() } else { "NULL".to_owned() });
    (1..=parameters.min(PROBE_LIMIT)).map(probe).collect()
}

/// The types that a client is told for the parameters of `sql`, by what DuckDB said against its probes.
pub(super) fn told(sql: &str, objections: &[String]) -> Vec<Type> {
    let mut types: Vec<Type> = objections.iter().map(|said| beside(said).map_or(OPEN, named)).collect();
    let casts = CAST.as_ref().ok().into_iter().flat_map(|cast| cast.captures_iter(sql));
    for (n, name) in casts.map(|found| found.extract().1).map(|[n, name]| (n.parse().unwrap_or(0), name)) {
        if let Some(kind) = usize::checked_sub(n, 1).and_then(|at| types.get_mut(at)) {
            *kind = named(&name.to_uppercase());
        }
    }
    types
}

/// The type that the probe stands beside, in words such as `Type A can't be cast as B. …`, `Cannot compare values of type
/// A and type B - …`, `Cannot mix values of type A and B in …` and `Unimplemented type for cast (B -> A)`.
fn beside(said: &str) -> Option<&str> {
    let (before, after) = said.split_once(PROBED)?;
    if let Some(before) = before.strip_suffix(" can't be cast as ") {
        return before.rsplit("Type ").next();
    }
    let after = after.strip_prefix(" and ").or(after.strip_prefix(" -> "));
    if let Some(after) = after {
        let name = after.strip_prefix("type ").unwrap_or(after);
        return name.split([')', '\n']).next()?.split(" - ").next()?.split(" in ").next();
    }
    let before = before.strip_suffix(" and type ").or(before.strip_suffix(" and "))?;
    before.rsplit("values of type ").next()
}

/// The type that a client is told for what DuckDB calls `name`.
fn named(name: &str) -> Type {
    match name.trim() {
        "BOOLEAN" | "BOOL" => Type::BOOL,
        "TINYINT" | "SMALLINT" | "INTEGER" | "INT" | "INT4" | "UTINYINT" | "USMALLINT" => Type::INT4,
        // A sum is wider than what anybody compares it with.
        "BIGINT" | "INT8" | "UINTEGER" | "UBIGINT" | "HUGEINT" | "UHUGEINT" => Type::INT8,
        "FLOAT" | "DOUBLE" | "FLOAT4" | "FLOAT8" | "REAL" => Type::FLOAT8,
        name if name.starts_with("DECIMAL(") => Type::FLOAT8,
        name if name.starts_with("TIMESTAMP") => Type::TIMESTAMP,
        _ => OPEN,
    }
}

/// The type of parameter `n`, counted from 0, as the client gave it.
pub(super) fn given<S>(statement: &StoredStatement<S>, n: usize) -> Option<&Type> {
    statement.parameter_types.get(n)?.as_ref().filter(|kind| **kind != Type::UNKNOWN)
}

/// NULLs in the place of the parameters of `sql`: a description needs their types, not their values. `open` stands for
/// those whose type the client left open.
pub(super) fn unbound<S>(sql: &str, statement: &StoredStatement<S>, open: &str) -> String {
    fill(sql, |n| {
        let null = match given(statement, n - 1) {
            None => open,
            Some(&Type::BOOL) => "NULL::BOOLEAN",
            Some(&Type::INT2 | &Type::INT4 | &Type::INT8) => "NULL::BIGINT",
            Some(&Type::FLOAT4 | &Type::FLOAT8 | &Type::NUMERIC) => "NULL::DOUBLE",
            Some(&Type::TIMESTAMP | &Type::TIMESTAMPTZ) => "NULL::TIMESTAMP",
            Some(_) => "NULL::VARCHAR",
        };
        null.to_owned()
    })
}

/// `sql` and what is left to bind, after texts whose type the client left open were put in as literals: like
/// PostgreSQL, DuckDB reads a literal, and only a literal, as whatever type it is compared with.
///
/// # Errors
/// Fewer values than parameters.
pub(super) fn bound<S>(
    sql: &str,
    statement: &StoredStatement<S>,
    cells: Vec<Cell>,
) -> PgWireResult<(String, Vec<Cell>)> {
    let mut missing = None;
    let mut kept: Vec<usize> = Vec::new();
    let sql = fill(sql, |n| match (cells.get(n - 1), given(statement, n - 1)) {
        (None, _) => {
            missing = Some(n);
            String::new()
        }
        (Some(Cell::Null), None) => "NULL".to_owned(),
        (Some(Cell::Text(text)), None) => format!("'{}'", text.replace('\'', "''")),
        _ => {
            let place = kept.iter().position(|other| *other == n).unwrap_or_else(|| {
                kept.push(n);
                kept.len() - 1
            });
            format!("${}", place + 1)
        }
    });
    match missing {
        Some(n) => Err(refusal("08P01", format!("no value was bound for parameter ${n}"))),
        None => Ok((sql, kept.iter().map(|n| cells[n - 1].clone()).collect())),
    }
}

/// True when `portal` was bound with binary of a type that the client left open: only the question says what it is.
pub(super) fn is_open_binary<S: Clone>(portal: &Portal<S>) -> bool {
    let open = |n| given(&portal.statement, n).is_none() && is_binary(&portal.parameter_format, n);
    (0..portal.parameters.len()).any(open)
}

/// The cells that `portal` was bound with. Where the client left a type open, text stays text and binary is what the
/// client was `told`.
///
/// # Errors
/// A value that is not of its type, or a binary value of a type that this door does not read.
pub(super) fn cells<S: Clone>(portal: &Portal<S>, told: &[Type]) -> PgWireResult<Vec<Cell>> {
    let cell = |(n, value): (usize, &Option<bytes::Bytes>)| {
        let Some(bytes) = value else { return Ok(Cell::Null) };
        let is_binary = is_binary(&portal.parameter_format, n);
        let open = if is_binary { told.get(n).cloned().unwrap_or(OPEN) } else { OPEN };
        let kind = given(&portal.statement, n).cloned().unwrap_or(open);
        let read = if is_binary { binary(&kind, bytes) } else { text(&kind, bytes) };
        read.ok_or_else(|| wrong(n, &kind))
    };
    portal.parameters.iter().enumerate().map(cell).collect()
}

fn is_binary(formats: &Format, n: usize) -> bool {
    match formats {
        Format::UnifiedText => false,
        Format::UnifiedBinary => true,
        Format::Individual(codes) => codes.get(n) == Some(&1),
    }
}

fn wrong(n: usize, kind: &Type) -> PgWireError {
    refusal("22P02", format!("parameter ${} is no {kind} that this door reads; send it as text", n + 1))
}

fn text(kind: &Type, bytes: &[u8]) -> Option<Cell> {
    let text = std::str::from_utf8(bytes).ok()?;
    match *kind {
        Type::BOOL => match text.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "on" | "yes" | "1" => Some(Cell::Bool(true)),
            "f" | "false" | "off" | "no" | "0" => Some(Cell::Bool(false)),
            _ => None,
        },
        Type::INT2 | Type::INT4 | Type::INT8 => text.trim().parse().ok().map(Cell::Int),
        Type::FLOAT4 | Type::FLOAT8 => text.trim().parse().ok().map(Cell::Float),
        Type::NUMERIC => {
            let whole = text.trim().parse().ok().map(integer);
            whole.or_else(|| text.trim().parse().ok().map(Cell::Float))
        }
        _ => without_nul(text),
    }
}

/// PostgreSQL has no text with a zero byte, and a statement cannot hold one.
fn without_nul(text: &str) -> Option<Cell> {
    (!text.contains('\0')).then(|| Cell::Text(text.to_owned()))
}

fn integer(value: i128) -> Cell {
    i64::try_from(value).map_or(Cell::Wide(value), Cell::Int)
}

fn binary(kind: &Type, bytes: &[u8]) -> Option<Cell> {
    match *kind {
        Type::BOOL => bool::from_sql(kind, bytes).ok().map(Cell::Bool),
        Type::INT2 => i16::from_sql(kind, bytes).ok().map(|value| Cell::Int(value.into())),
        Type::INT4 => i32::from_sql(kind, bytes).ok().map(|value| Cell::Int(value.into())),
        Type::INT8 => i64::from_sql(kind, bytes).ok().map(Cell::Int),
        Type::FLOAT4 => f32::from_sql(kind, bytes).ok().map(|value| Cell::Float(value.into())),
        Type::FLOAT8 => f64::from_sql(kind, bytes).ok().map(Cell::Float),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let since_2000 = i64::from_be_bytes(bytes.try_into().ok()?);
            Some(Cell::Time(since_2000.saturating_add(POSTGRES_EPOCH_US)))
        }
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
            std::str::from_utf8(bytes).ok().and_then(without_nul)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_by_its_type() {
        assert_eq!(text(&Type::INT8, b" 42 "), Some(Cell::Int(42)));
        assert_eq!(text(&Type::INT8, b"4x"), None);
        assert_eq!(text(&Type::BOOL, b"T"), Some(Cell::Bool(true)));
        assert_eq!(text(&Type::NUMERIC, b"18446744073709551616"), Some(Cell::Wide(1 << 64)));
        assert_eq!(text(&Type::UUID, b"a-b"), Some(Cell::Text("a-b".into())));
        assert_eq!(text(&Type::TEXT, b"\xff"), None);
    }

    #[test]
    fn open_texts_become_literals_and_the_rest_keeps_its_order() {
        let types = vec![None, Some(Type::INT8), Some(Type::TEXT)];
        let statement = StoredStatement::new(String::new(), (), types);
        let cells = vec![Cell::Text("it's".into()), Cell::Int(2), Cell::Text("x".into())];
        let (sql, kept) = bound("f($3, $1, $2, $3, '$1')", &statement, cells).unwrap();
        assert_eq!(sql, "f($1, 'it''s', $2, $1, '$1')");
        assert_eq!(kept, [Cell::Text("x".into()), Cell::Int(2)]);
        assert!(bound("$2", &statement, vec![Cell::Null]).is_err());
        assert_eq!(unbound("$1, $2", &statement, "NULL"), "NULL, NULL::BIGINT");
    }

    #[test]
    fn types_are_read_out_of_what_is_said_against_a_probe() {
        for (said, kind) in [
            (
                "Cannot compare values of type BIGINT and type UNION(headwater STRUCT(a INTEGER)) - an explicit",
                Type::INT8,
            ),
            (
                "Cannot compare values of type UNION(headwater STRUCT(a INTEGER)) and type TIMESTAMP - an",
                Type::TIMESTAMP,
            ),
            ("Cannot mix values of type DOUBLE and UNION(headwater STRUCT(a INTEGER)) in BETWEEN clause", Type::FLOAT8),
            ("Cannot mix values of type UNION(headwater STRUCT(a INTEGER)) and INTEGER in CASE expression", Type::INT4),
            ("Conversion Error: Type INTEGER can't be cast as UNION(headwater STRUCT(a INTEGER)). INTEGER", Type::INT4),
            ("Unimplemented type for cast (UNION(headwater STRUCT(a INTEGER)) -> BIGINT)", Type::INT8),
            ("No function matches 'upper(UNION(headwater STRUCT(a INTEGER)))'. You might", OPEN),
            ("Table with name x does not exist!", OPEN),
            ("", OPEN),
        ] {
            assert_eq!(told("", &[said.to_owned()]), [kind], "{said}");
        }
        let nothing = [String::new(), String::new()];
        assert_eq!(told("f($2 :: bool, $1::timestamp, $9::int)", &nothing), [Type::TIMESTAMP, Type::BOOL]);
        assert_eq!(
            probes("n < $1 AND t > $2", 2),
            [format!("n < {PROBE} AND t > NULL"), format!("n < NULL AND t > {PROBE}")]
        );
        assert_eq!(probes("$1", usize::MAX).len(), PROBE_LIMIT);
    }

    #[test]
    fn binary_of_the_wrong_length_is_refused() {
        assert_eq!(binary(&Type::INT8, &[0; 7]), None);
        assert_eq!(binary(&Type::INT8, &7_i64.to_be_bytes()), Some(Cell::Int(7)));
        assert_eq!(binary(&Type::TIMESTAMP, &0_i64.to_be_bytes()), Some(Cell::Time(POSTGRES_EPOCH_US)));
        assert_eq!(binary(&Type::UUID, &[0; 16]), None);
    }
}
