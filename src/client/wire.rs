//! Cells to PostgreSQL parameters, and PostgreSQL values to cells.

use crate::report::{Cell, ColumnType};
use bytes::{BufMut, BytesMut};
use std::error::Error;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

/// 2000-01-01, where PostgreSQL's binary time begins, in µs since 1970.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// The type that a parameter is sent as.
pub(super) const fn parameter_type(cell: &Cell) -> Type {
    match cell {
        Cell::Bool(_) => Type::BOOL,
        Cell::Int(_) => Type::INT8,
        Cell::Wide(_) => Type::NUMERIC,
        Cell::Float(_) => Type::FLOAT8,
        Cell::Time(_) => Type::TIMESTAMP,
        Cell::Null | Cell::Text(_) => Type::TEXT,
        Cell::List(_) => Type::TEXT_ARRAY,
    }
}

/// The column type that a value of `kind` comes back as.
pub(super) const fn column_type(kind: &Type) -> ColumnType {
    match *kind {
        Type::BOOL => ColumnType::Bool,
        Type::INT2 | Type::INT4 => ColumnType::Int,
        Type::INT8 => ColumnType::BigInt,
        Type::NUMERIC => ColumnType::HugeInt,
        Type::FLOAT4 | Type::FLOAT8 => ColumnType::Float,
        Type::TIMESTAMP => ColumnType::Time,
        Type::TEXT_ARRAY => ColumnType::TextList,
        _ => ColumnType::Text,
    }
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Sent<'a>(pub(super) &'a Cell);

impl ToSql for Sent<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Cell::Null => return Ok(IsNull::Yes),
            Cell::Bool(value) => out.put_u8(u8::from(*value)),
            Cell::Int(value) => out.put_i64(*value),
            // As text: see `encode_format`.
            Cell::Wide(value) => out.put_slice(value.to_string().as_bytes()),
            Cell::Float(value) => out.put_f64(*value),
            Cell::Time(micros) => out.put_i64(micros.saturating_sub(POSTGRES_EPOCH_US)),
            Cell::Text(text) => out.put_slice(text.as_bytes()),
            Cell::List(_) => return Err("a list cannot be a parameter".into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if matches!(self.0, Cell::Wide(_)) { Format::Text } else { Format::Binary }
    }

    to_sql_checked!();
}

/// A value of an answer.
pub(super) struct Received(pub(super) Cell);

impl<'a> FromSql<'a> for Received {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let cell = match *kind {
            Type::BOOL => Cell::Bool(bool::from_sql(kind, raw)?),
            Type::INT2 => Cell::Int(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Cell::Int(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Cell::Int(i64::from_sql(kind, raw)?),
            Type::NUMERIC => Cell::Wide(whole_number(raw).ok_or("a number with a fraction, or of more than 128 bits")?),
            Type::FLOAT4 => Cell::Float(f32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Cell::Float(f64::from_sql(kind, raw)?),
            Type::TIMESTAMP => Cell::Time(match i64::from_be_bytes(raw.try_into()?) {
                i64::MAX => i64::MAX,
                i64::MIN => -i64::MAX,
                micros => micros.saturating_add(POSTGRES_EPOCH_US),
            }),
            Type::TEXT_ARRAY => {
                let texts = Vec::<Option<String>>::from_sql(kind, raw)?;
                Cell::List(texts.into_iter().map(|text| text.map_or(Cell::Null, Cell::Text)).collect())
            }
            _ => Cell::Text(std::str::from_utf8(raw)?.to_owned()),
        };
        Ok(Self(cell))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Cell::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// PostgreSQL's numeric without a fraction: digits of base 10,000, the greatest first.
fn whole_number(raw: &[u8]) -> Option<i128> {
    let words: Vec<i16> = raw.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, _, digits @ ..] = words.as_slice() else { return None };
    if usize::try_from(*count) != Ok(digits.len()) || (digits.len() as i64) > i64::from(*weight) + 1 {
        return (digits.is_empty() && *count == 0).then_some(0);
    }
    let sign = match sign {
        0 => 1,
        0x4000 => -1,
        _ => return None,
    };
    // The least i128 has no positive twin: digits are added with their sign.
    let mut value = 0_i128;
    for place in 0..=usize::try_from(*weight).ok()? {
        let digit = digits.get(place).copied().unwrap_or_default();
        value = value.checked_mul(10_000)?.checked_add(i128::from(digit) * sign)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::whole_number;

    fn read(words: &[i16]) -> Option<i128> {
        whole_number(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn numerics_are_read_to_the_last_digit() {
        assert_eq!(read(&[0, 0, 0, 0]), Some(0));
        assert_eq!(read(&[2, 1, 0x4000, 0, 1, 2345]), Some(-12_345));
        assert_eq!(read(&[1, 1, 0, 0, 7000]), Some(70_000_000));
        assert_eq!(read(&[2, 0, 0, 2, 1, 5000]), None, "1.5");
        assert_eq!(read(&[1, 30_000, 0, 0, 1]), None, "too great");
        assert_eq!(read(&[0, 0, -0x4000, 0]), None, "not a number");
        assert_eq!(read(&[1, 2]), None);
    }
}
