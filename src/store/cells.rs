//! DuckDB's Arrow columns as the cells of an answer.

use crate::report::{Cell, Column, ColumnType};
use duckdb::Statement;
use duckdb::arrow::array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use duckdb::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use duckdb::arrow::datatypes::{
    DataType, Decimal128Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use duckdb::arrow::util::display::{ArrayFormatter, FormatOptions};
use duckdb::types::Value;

/// The columns of an executed statement.
pub(super) fn columns(statement: &Statement<'_>) -> Vec<Column> {
    let schema = statement.schema();
    schema.fields().iter().map(|f| Column { name: f.name().clone(), kind: kind(f.data_type()) }).collect()
}

fn kind(of: &DataType) -> ColumnType {
    match of {
        DataType::Boolean => ColumnType::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => ColumnType::Int,
        DataType::Int64 | DataType::UInt32 => ColumnType::BigInt,
        // DuckDB hands HUGEINT over as DECIMAL(38, 0).
        DataType::UInt64 | DataType::Decimal128(38, 0) => ColumnType::HugeInt,
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => ColumnType::Float,
        DataType::Timestamp(_, _) => ColumnType::Time,
        DataType::List(_) | DataType::LargeList(_) => ColumnType::TextList,
        _ => ColumnType::Text,
    }
}

/// The type that DuckDB calls `name`.
pub(super) fn kind_named(name: &str) -> ColumnType {
    match name {
        "BOOLEAN" => ColumnType::Bool,
        "TINYINT" | "SMALLINT" | "INTEGER" | "UTINYINT" | "USMALLINT" => ColumnType::Int,
        "BIGINT" | "UINTEGER" => ColumnType::BigInt,
        "UBIGINT" | "HUGEINT" | "UHUGEINT" | "DECIMAL(38,0)" => ColumnType::HugeInt,
        "FLOAT" | "DOUBLE" => ColumnType::Float,
        _ if name.ends_with("[]") => ColumnType::TextList,
        _ if name.starts_with("DECIMAL(") => ColumnType::Float,
        _ if name.starts_with("TIMESTAMP") => ColumnType::Time,
        _ => ColumnType::Text,
    }
}

/// The cell in `row` of `array`. What has no cell of its own becomes text.
pub(super) fn cell(array: &ArrayRef, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Cell::Int(i64::from(value::<Int8Type>(array, row))),
        DataType::Int16 => Cell::Int(i64::from(value::<Int16Type>(array, row))),
        DataType::Int32 => Cell::Int(i64::from(value::<Int32Type>(array, row))),
        DataType::Int64 => Cell::Int(value::<Int64Type>(array, row)),
        DataType::UInt8 => Cell::Int(i64::from(value::<UInt8Type>(array, row))),
        DataType::UInt16 => Cell::Int(i64::from(value::<UInt16Type>(array, row))),
        DataType::UInt32 => Cell::Int(i64::from(value::<UInt32Type>(array, row))),
        DataType::UInt64 => Cell::Wide(i128::from(value::<UInt64Type>(array, row))),
        DataType::Float32 => Cell::Float(f64::from(value::<Float32Type>(array, row))),
        DataType::Float64 => Cell::Float(value::<Float64Type>(array, row)),
        DataType::Decimal128(38, 0) => Cell::Wide(value::<Decimal128Type>(array, row)),
        DataType::Timestamp(unit, _) => timestamp(array, row, *unit),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::Decimal128(..) => match text(array, row).parse() {
            Ok(number) => Cell::Float(number),
            Err(_) => Cell::Text(text(array, row)),
        },
        _ => Cell::Text(text(array, row)),
    }
}

fn value<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn timestamp(array: &ArrayRef, row: usize, unit: TimeUnit) -> Cell {
    Cell::Time(match unit {
        TimeUnit::Second => value::<TimestampSecondType>(array, row).saturating_mul(1_000_000),
        TimeUnit::Millisecond => value::<TimestampMillisecondType>(array, row).saturating_mul(1_000),
        TimeUnit::Microsecond => value::<TimestampMicrosecondType>(array, row),
        TimeUnit::Nanosecond => value::<TimestampNanosecondType>(array, row).div_euclid(1_000),
    })
}

/// A list of text, whatever it held: clients of the door get `text[]`.
fn list(items: &ArrayRef) -> Cell {
    let item = |row| match cell(items, row) {
        item @ (Cell::Null | Cell::Text(_)) => item,
        _ => Cell::Text(text(items, row)),
    };
    Cell::List((0..items.len()).map(item).collect())
}

fn text(array: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(array.as_ref(), &options) {
        Ok(formatter) => formatter.value(row).try_to_string().unwrap_or_else(|error| error.to_string()),
        Err(error) => error.to_string(),
    }
}

/// A cell as the value of a parameter.
pub(super) fn parameter(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(b) => Value::Boolean(*b),
        Cell::Int(n) => Value::BigInt(*n),
        Cell::Wide(n) => Value::HugeInt(*n),
        Cell::Float(n) => Value::Double(*n),
        Cell::Time(micros) => Value::Timestamp(duckdb::types::TimeUnit::Microsecond, *micros),
        Cell::Text(text) => Value::Text(text.clone()),
        Cell::List(cells) => Value::List(cells.iter().map(parameter).collect()),
    }
}
