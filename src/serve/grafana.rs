//! Questions that Grafana's PostgreSQL data source asks about the database: its version, and what its query builder
//! offers. They rest on functions that DuckDB lacks, so they are known by what is always in them.

use crate::report::Cell;

const VERSION: &str = include_str!("../../queries/door/grafana_version.sql");
const TIMESCALEDB: &str = include_str!("../../queries/door/grafana_timescaledb.sql");
const SCHEMAS: &str = include_str!("../../queries/door/grafana_schemas.sql");
const TABLES: &str = include_str!("../../queries/door/grafana_tables.sql");
const COLUMNS: &str = include_str!("../../queries/door/grafana_columns.sql");

/// What stands before the name of the schema whose tables are wanted.
const OF_SCHEMA: &str = "quote_ident(table_schema) = ";

/// What stands before the name of the table whose columns are wanted.
const OF_TABLE: &str = "ELSE quote_ident(table_name) = ";

/// The question to ask in place of Grafana's, with its parameters.
pub(super) fn translate(sql: &str) -> Option<(&'static str, Vec<Cell>)> {
    match sql {
        _ if sql.contains("current_setting('server_version_num')") && sql.contains("as version") => {
            Some((VERSION, Vec::new()))
        }
        _ if sql.contains("FROM pg_extension") && sql.contains("'timescaledb'") => Some((TIMESCALEDB, Vec::new())),
        _ if sql.contains("FROM information_schema.schemata") && sql.contains("'_timescaledb_cache'") => {
            Some((SCHEMAS, Vec::new()))
        }
        _ if sql.contains("quote_ident(column_name) AS \"column\"") => {
            Some((COLUMNS, vec![Cell::Text(last_name(&literal(sql, OF_TABLE)?))]))
        }
        _ if sql.contains("quote_ident(table_name) AS \"table\"")
            || sql.contains("FROM information_schema.tables") && sql.contains("END AS \"table\"") =>
        {
            Some((TABLES, vec![literal(sql, OF_SCHEMA).map_or(Cell::Null, Cell::Text)]))
        }
        _ => None,
    }
}

/// The quoted text behind `mark`; a doubled quote stands for one.
fn literal(sql: &str, mark: &str) -> Option<String> {
    let mut rest = sql.split_once(mark)?.1.strip_prefix('\'')?;
    let mut text = String::new();
    loop {
        let (before, after) = rest.split_once('\'')?;
        text.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                text.push('\'');
                rest = more;
            }
            None => return Some(text),
        }
    }
}

/// `event` of `main.event` or `"main"."event"`.
fn last_name(name: &str) -> String {
    name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_grafana_writes_them() {
        let columns = |name: &str| {
            let sql =
                format!("SELECT quote_ident(column_name) AS \"column\" … ELSE quote_ident(table_name) = '{name}'\n");
            translate(&sql).map(|(_, values)| values)
        };
        for name in ["event", "main.event", "\"main\".\"event\""] {
            assert_eq!(columns(name), Some(vec![Cell::Text("event".into())]), "{name}");
        }
        assert_eq!(columns("it''s"), Some(vec![Cell::Text("it's".into())]));
        assert_eq!(translate("SELECT quote_ident(column_name) AS \"column\""), None);
        assert_eq!(translate("SELECT table_name FROM information_schema.tables"), None);
    }
}
