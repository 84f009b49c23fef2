//! Questions of tools about the catalogue: Grafana's, and those that psql's backslash commands ask, known by what is always in them. DuckDB lacks half of the functions in them,
//! and the tables behind the views are nobody's business: the answers list the views.

use crate::report::Cell;

use super::grafana;

const DATABASES: &str = include_str!("../../queries/door/psql_databases.sql");
const SCHEMAS: &str = include_str!("../../queries/door/psql_schemas.sql");
const FUNCTIONS: &str = include_str!("../../queries/door/psql_functions.sql");
const ROLES: &str = include_str!("../../queries/door/psql_roles.sql");
const NOTHING: &str = include_str!("../../queries/door/psql_nothing.sql");
const RELATIONS: &str = include_str!("../../queries/door/psql_relations.sql");
const NAMED: &str = include_str!("../../queries/door/psql_named.sql");
const RELATION: &str = include_str!("../../queries/door/psql_relation.sql");
const COLUMNS: &str = include_str!("../../queries/door/psql_columns.sql");
const DEFINITION: &str = include_str!("../../queries/door/psql_definition.sql");

/// What stands before a pattern for names.
const PATTERN: &str = "c.relname OPERATOR(pg_catalog.~) ";

/// What stands before a pattern for names of functions.
const FUNCTION_PATTERN: &str = "p.proname OPERATOR(pg_catalog.~) ";

/// A pattern that no name matches.
const NO_NAME: &str = "^$";

/// Lists of things that are not here, by what psql asks for them with.
const ABSENT: [&str; 9] = [
    "FROM pg_catalog.pg_extension e",
    "FROM pg_catalog.pg_tablespace",
    "FROM pg_catalog.pg_policy pol",
    "FROM pg_catalog.pg_publication",
    "FROM pg_catalog.pg_subscription",
    "FROM pg_catalog.pg_event_trigger",
    "FROM pg_catalog.pg_foreign_server",
    "FROM pg_catalog.pg_language",
    "t.typtype = 'd'",
];

/// The question to ask in place of a tool's, with its parameters.
pub(super) fn translate(sql: &str) -> Option<(&'static str, Vec<Cell>)> {
    if !sql.contains("pg_catalog.") {
        return grafana::translate(sql);
    }
    let number = |mark: &str| literal(sql, mark)?.parse().ok().map(|oid| vec![Cell::Int(oid)]);
    let pattern = |mark: &str| vec![Cell::Text(literal(sql, mark).unwrap_or_default())];
    if let Some((_, kinds)) = sql.split_once("c.relkind IN (").filter(|_| sql.contains("as \"Owner\"")) {
        let kinds = kinds.split(')').next().unwrap_or_default();
        let listed = kinds.contains("'v'") || kinds.contains("'r'");
        return Some((RELATIONS, if listed { pattern(PATTERN) } else { vec![Cell::Text(NO_NAME.into())] }));
    }
    match sql {
        _ if ABSENT.iter().any(|mark| sql.contains(mark)) => Some((NOTHING, Vec::new())),
        _ if sql.contains("FROM pg_catalog.pg_attribute a") => Some((COLUMNS, number("a.attrelid = ")?)),
        _ if sql.contains("pg_catalog.pg_get_viewdef(") => Some((DEFINITION, number("pg_catalog.pg_get_viewdef(")?)),
        _ if sql.contains("FROM pg_catalog.pg_database d") => Some((DATABASES, Vec::new())),
        _ if sql.contains("FROM pg_catalog.pg_roles r") => Some((ROLES, Vec::new())),
        _ if sql.contains("FROM pg_catalog.pg_proc p") => Some((FUNCTIONS, pattern(FUNCTION_PATTERN))),
        _ if sql.contains("FROM pg_catalog.pg_class c") && sql.contains("c.relchecks") => {
            Some((RELATION, number("c.oid = ")?))
        }
        _ if sql.starts_with("SELECT c.oid,") && sql.contains(PATTERN) => Some((NAMED, pattern(PATTERN))),
        _ if sql.contains("FROM pg_catalog.pg_namespace n") && sql.contains("n.nspname AS \"Name\"") => {
            Some((SCHEMAS, Vec::new()))
        }
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
