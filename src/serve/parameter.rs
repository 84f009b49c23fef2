//! Bound parameters of a client as cells.

use crate::report::Cell;
use pgwire::api::Type;
use pgwire::api::portal::{Format, Portal};
use pgwire::error::{PgWireError, PgWireResult};
use tokio_postgres::types::FromSql;

use super::refusal;

/// 2000-01-01, where PostgreSQL's binary time begins, in µs since 1970.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// The type a parameter is read as when the client leaves it open: text, which DuckDB casts to what it is compared with.
pub(super) const OPEN: Type = Type::TEXT;

/// The cells that `portal` was bound with.
///
/// # Errors
/// A value that is not of its type, or a binary value of a type that this door does not read.
pub(super) fn cells<S: Clone>(portal: &Portal<S>) -> PgWireResult<Vec<Cell>> {
    let cell = |(n, value): (usize, &Option<bytes::Bytes>)| {
        let Some(bytes) = value else { return Ok(Cell::Null) };
        let kind = portal.statement.parameter_types.get(n).cloned().flatten().unwrap_or(OPEN);
        let read = if is_binary(&portal.parameter_format, n) { binary(&kind, bytes) } else { text(&kind, bytes) };
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
        _ => Some(Cell::Text(text.to_owned())),
    }
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
            std::str::from_utf8(bytes).ok().map(|text| Cell::Text(text.to_owned()))
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
    fn binary_of_the_wrong_length_is_refused() {
        assert_eq!(binary(&Type::INT8, &[0; 7]), None);
        assert_eq!(binary(&Type::INT8, &7_i64.to_be_bytes()), Some(Cell::Int(7)));
        assert_eq!(binary(&Type::TIMESTAMP, &0_i64.to_be_bytes()), Some(Cell::Time(POSTGRES_EPOCH_US)));
        assert_eq!(binary(&Type::UUID, &[0; 16]), None);
    }
}
