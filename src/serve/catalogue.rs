//! psql's questions about the catalogue, known by what is always in them. DuckDB lacks half of the functions in them,
//! and the tables behind the views are nobody's business: the answers list the views.

use crate::report::Cell;

const RELATIONS: &str = include_str!("../../queries/door/psql_relations.sql");
const NAMED: &str = include_str!("../../queries/door/psql_named.sql");
const RELATION: &str = include_str!("../../queries/door/psql_relation.sql");
const COLUMNS: &str = include_str!("../../queries/door/psql_columns.sql");
const DEFINITION: &str = include_str!("../../queries/door/psql_definition.sql");

/// What stands before a pattern for names.
const PATTERN: &str = "c.relname OPERATOR(pg_catalog.~) ";

/// The question to ask in place of psql's, with its parameters.
pub(super) fn translate(sql: &str) -> Option<(&'static str, Vec<Cell>)> {
    if !sql.contains("pg_catalog.") {
        return None;
    }
    let number = |mark: &str| literal(sql, mark)?.parse().ok().map(|oid| vec![Cell::Int(oid)]);
    let pattern = || vec![Cell::Text(literal(sql, PATTERN).unwrap_or_default())];
    if sql.contains("FROM pg_catalog.pg_attribute a") {
        return Some((COLUMNS, number("a.attrelid = ")?));
    }
    if sql.contains("pg_catalog.pg_get_viewdef(") {
        return Some((DEFINITION, number("pg_catalog.pg_get_viewdef(")?));
    }
    if !sql.contains("FROM pg_catalog.pg_class c") {
        return None;
    }
    match sql {
        _ if sql.contains("c.relchecks") => Some((RELATION, number("c.oid = ")?)),
        _ if sql.starts_with("SELECT c.oid,") && sql.contains(PATTERN) => Some((NAMED, pattern())),
        _ if sql.contains("as \"Owner\"") && sql.contains("c.relkind IN (") => Some((RELATIONS, pattern())),
        _ => None,
    }
}

/// The quoted text behind `mark`.
fn literal(sql: &str, mark: &str) -> Option<String> {
    let (_, rest) = sql.split_once(mark)?;
    let quoted = rest.strip_prefix('E').unwrap_or(rest).strip_prefix('\'')?;
    // Names of views hold no quotes, so a doubled one need not be undone.
    quoted.split_once('\'').map(|(text, _)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_questions_of_psql_are_translated() {
        let named = "SELECT c.oid,\n  n.nspname\nFROM pg_catalog.pg_class c\nWHERE c.relname OPERATOR(pg_catalog.~) \
                     '^(event)$' COLLATE pg_catalog.default";
        assert_eq!(translate(named), Some((NAMED, vec![Cell::Text("^(event)$".into())])));
        let columns = "SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = '1703' AND a.attnum > 0";
        assert_eq!(translate(columns), Some((COLUMNS, vec![Cell::Int(1703)])));
        assert_eq!(translate("SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'x'"), None);
        assert_eq!(translate("SELECT count(*) FROM pg_catalog.pg_class c"), None);
        assert_eq!(translate("SELECT 1"), None);
    }
}
