//! Cells of an answer as PostgreSQL values, text or binary as the client asks.

use crate::report::{Cell, Column, ColumnType};
use bytes::{BufMut, BytesMut};
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::messages::data::DataRow;
use std::fmt::Write;

/// 2000-01-01, where PostgreSQL's binary time begins, in µs since 1970.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// The type of a column with its width in bytes, -1 where that varies. Real PostgreSQL types only: drivers fail on
/// OIDs that they do not know.
const fn wire_type(kind: ColumnType) -> (Type, i16) {
    match kind {
        ColumnType::Bool => (Type::BOOL, 1),
        ColumnType::Int => (Type::INT4, 4),
        ColumnType::BigInt => (Type::INT8, 8),
        ColumnType::HugeInt => (Type::NUMERIC, -1),
        ColumnType::Float => (Type::FLOAT8, 8),
        ColumnType::Time => (Type::TIMESTAMP, 8),
        ColumnType::Text => (Type::TEXT, -1),
        ColumnType::TextList => (Type::TEXT_ARRAY, -1),
    }
}

/// How the client wants column `n`; text where it does not say.
fn format_of(formats: &Format, n: usize) -> FieldFormat {
    match formats {
        Format::UnifiedText => FieldFormat::Text,
        Format::UnifiedBinary => FieldFormat::Binary,
        Format::Individual(codes) => codes.get(n).map_or(FieldFormat::Text, |code| FieldFormat::from(*code)),
    }
}

/// The row description of `columns`.
pub(super) fn fields(columns: &[Column], formats: &Format) -> Vec<FieldInfo> {
    let field = |(n, column): (usize, &Column)| {
        let (kind, width) = wire_type(column.kind);
        FieldInfo::new(column.name.clone(), None, None, kind, format_of(formats, n)).with_type_size(width)
    };
    columns.iter().enumerate().map(field).collect()
}

/// One row as `columns` describe it; `None` when a cell does not fit what the client was told.
pub(super) fn row(cells: &[Cell], columns: &[Column], formats: &Format) -> Option<DataRow> {
    let mut out = BytesMut::with_capacity(16 * cells.len());
    for (n, column) in columns.iter().enumerate() {
        let cell = cells.get(n)?;
        if *cell == Cell::Null {
            out.put_i32(-1);
            continue;
        }
        let start = out.len();
        out.put_i32(0);
        match format_of(formats, n) {
            FieldFormat::Text => put_text(&mut out, cell, column.kind)?,
            FieldFormat::Binary => put_binary(&mut out, cell, column.kind)?,
        }
        let length = i32::try_from(out.len() - start - 4).ok()?;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
    Some(DataRow::new(out, i16::try_from(columns.len()).ok()?))
}

fn put_text(out: &mut BytesMut, cell: &Cell, kind: ColumnType) -> Option<()> {
    match (kind, cell) {
        (ColumnType::Bool, Cell::Bool(_))
        | (ColumnType::Int | ColumnType::BigInt | ColumnType::HugeInt, Cell::Int(_))
        | (ColumnType::HugeInt, Cell::Wide(_))
        | (ColumnType::Float, Cell::Float(_) | Cell::Int(_))
        | (ColumnType::Time, Cell::Time(_))
        | (ColumnType::TextList, Cell::List(_))
        | (ColumnType::Text, _) => write_text(out, cell).ok(),
        _ => None,
    }
}

fn write_text(out: &mut BytesMut, cell: &Cell) -> std::fmt::Result {
    match cell {
        Cell::Null => out.write_str("NULL"),
        Cell::Bool(value) => out.write_str(if *value { "t" } else { "f" }),
        Cell::Int(value) => write!(out, "{value}"),
        Cell::Wide(value) => write!(out, "{value}"),
        Cell::Float(value) => write_float(out, *value),
        Cell::Time(micros) => write_time(out, *micros),
        Cell::Text(text) => out.write_str(text),
        Cell::List(cells) => write_list(out, cells),
    }
}

fn write_float(out: &mut BytesMut, value: f64) -> std::fmt::Result {
    match value.abs() {
        _ if value.is_nan() => out.write_str("NaN"),
        _ if value.is_infinite() => out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" }),
        // Outside of these, plain digits would be a long row of zeros.
        size if size != 0.0 && !(1e-5..1e15).contains(&size) => write!(out, "{value:e}"),
        _ => write!(out, "{value}"),
    }
}

/// `2026-01-31 23:59:59.000001`, as DateStyle ISO has it. DuckDB keeps infinity as the greatest number.
fn write_time(out: &mut BytesMut, micros: i64) -> std::fmt::Result {
    match micros {
        i64::MAX => return out.write_str("infinity"),
        _ if micros <= -i64::MAX => return out.write_str("-infinity"),
        _ => {}
    }
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (year, month, day) = civil(days);
    let (shown, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(out, "{shown:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")?;
    if fraction > 0 {
        write!(out, ".{}", format!("{fraction:06}").trim_end_matches('0'))?;
    }
    out.write_str(era)
}

/// Year, month and day of the proleptic Gregorian calendar, `days` after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years that begin in March put the leap day last; 400 of them are an era.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// `{a,"b c",NULL}`: every text is quoted that could be read as something else.
fn write_list(out: &mut BytesMut, cells: &[Cell]) -> std::fmt::Result {
    out.put_u8(b'{');
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            out.put_u8(b',');
        }
        let Some(text) = element(cell) else {
            out.write_str("NULL")?;
            continue;
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/') || b >= 0x80;
        if !text.is_empty() && text.bytes().all(plain) && !text.eq_ignore_ascii_case("null") {
            out.write_str(&text)?;
        } else {
            write!(out, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))?;
        }
    }
    out.put_u8(b'}');
    Ok(())
}

/// The text of a list's element; absent for NULL.
fn element(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text.clone()),
        other => {
            let mut out = BytesMut::new();
            write_text(&mut out, other).ok()?;
            String::from_utf8(out.to_vec()).ok()
        }
    }
}

fn put_binary(out: &mut BytesMut, cell: &Cell, kind: ColumnType) -> Option<()> {
    match (kind, cell) {
        (ColumnType::Bool, Cell::Bool(value)) => out.put_u8(u8::from(*value)),
        (ColumnType::Int, Cell::Int(value)) => out.put_i32(i32::try_from(*value).ok()?),
        (ColumnType::BigInt, Cell::Int(value)) => out.put_i64(*value),
        (ColumnType::HugeInt, Cell::Int(value)) => put_numeric(out, i128::from(*value)),
        (ColumnType::HugeInt, Cell::Wide(value)) => put_numeric(out, *value),
        (ColumnType::Float, Cell::Float(value)) => out.put_f64(*value),
        (ColumnType::Float, Cell::Int(value)) => out.put_f64(*value as f64),
        (ColumnType::Time, Cell::Time(micros)) => out.put_i64(match *micros {
            i64::MAX => i64::MAX,
            micros => micros.saturating_sub(POSTGRES_EPOCH_US),
        }),
        (ColumnType::Text, _) => write_text(out, cell).ok()?,
        (ColumnType::TextList, Cell::List(cells)) => put_list(out, cells)?,
        _ => return None,
    }
    Some(())
}

/// PostgreSQL's numeric: digits of base 10,000, the greatest first, without zeros at the end.
fn put_numeric(out: &mut BytesMut, value: i128) {
    let mut digits = Vec::with_capacity(10);
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        digits.push((rest % 10_000) as i16);
        rest /= 10_000;
    }
    let weight = digits.len().saturating_sub(1) as i16;
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    out.put_i16((digits.len() - zeros) as i16);
    out.put_i16(weight);
    out.put_i16(if value < 0 { 0x4000 } else { 0 });
    out.put_i16(0);
    for digit in digits[zeros..].iter().rev() {
        out.put_i16(*digit);
    }
}

/// PostgreSQL's one-dimensional `text[]`.
fn put_list(out: &mut BytesMut, cells: &[Cell]) -> Option<()> {
    out.put_i32(i32::from(!cells.is_empty()));
    out.put_i32(i32::from(cells.contains(&Cell::Null)));
    out.put_u32(Type::TEXT.oid());
    if !cells.is_empty() {
        out.put_i32(i32::try_from(cells.len()).ok()?);
        out.put_i32(1);
    }
    for cell in cells {
        match element(cell) {
            None => out.put_i32(-1),
            Some(text) => {
                out.put_i32(i32::try_from(text.len()).ok()?);
                out.put_slice(text.as_bytes());
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cell: &Cell) -> String {
        let mut out = BytesMut::new();
        write_text(&mut out, cell).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn numeric(value: i128) -> Vec<i16> {
        let mut out = BytesMut::new();
        put_numeric(&mut out, value);
        out.chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn times_read_as_postgres_writes_them() {
        assert_eq!(text(&Cell::Time(0)), "1970-01-01 00:00:00");
        assert_eq!(text(&Cell::Time(1_767_225_600_123_400)), "2026-01-01 00:00:00.1234");
        assert_eq!(text(&Cell::Time(951_782_400_000_000)), "2000-02-29 00:00:00");
        assert_eq!(text(&Cell::Time(-1)), "1969-12-31 23:59:59.999999");
        assert_eq!(text(&Cell::Time(-62_135_596_800_000_001)), "0001-12-31 23:59:59.999999 BC");
        assert_eq!(text(&Cell::Time(i64::MAX)), "infinity");
        assert_eq!(text(&Cell::Time(-i64::MAX)), "-infinity");
    }

    #[test]
    fn floats_stay_short_and_exact() {
        for (value, shown) in [(0.1, "0.1"), (-0.0, "-0"), (1e300, "1e300"), (1.5e-7, "1.5e-7"), (3.0, "3")] {
            assert_eq!(text(&Cell::Float(value)), shown);
        }
        assert_eq!(text(&Cell::Float(f64::NEG_INFINITY)), "-Infinity");
    }

    #[test]
    fn lists_quote_what_could_be_read_otherwise() {
        let cells = ["a", "", "NULL", "x,y", "q\"\\"].map(|text| Cell::Text(text.into()));
        let list = Cell::List([&cells[..], &[Cell::Null]].concat());
        assert_eq!(text(&list), r#"{a,"","NULL","x,y","q\"\\",NULL}"#);
    }

    #[test]
    fn numerics_carry_every_digit() {
        assert_eq!(numeric(0), [0, 0, 0, 0]);
        assert_eq!(numeric(-12_345), [2, 1, 0x4000, 0, 1, 2345]);
        assert_eq!(numeric(70_000_000), [1, 1, 0, 0, 7000]);
        assert_eq!(numeric(i128::MAX)[..2], [10, 9]);
    }

    #[test]
    fn a_cell_that_does_not_fit_the_description_is_refused() {
        let column = |kind| [Column { name: "x".into(), kind }];
        let binary = Format::UnifiedBinary;
        assert!(row(&[Cell::Int(1 << 40)], &column(ColumnType::Int), &binary).is_none());
        assert!(row(&[Cell::Text("a".into())], &column(ColumnType::BigInt), &binary).is_none());
        assert!(row(&[Cell::Int(1)], &column(ColumnType::Text), &binary).is_some());
        // Fewer format codes than columns must not be fatal.
        assert!(row(&[Cell::Int(1)], &column(ColumnType::Int), &Format::Individual(vec![])).is_some());
    }
}
