//! What the door says about itself when a PostgreSQL client asks with `SHOW` or at the start of a session.

use pgwire::api::ClientInfo;
use pgwire::api::auth::ServerParameterProvider;
use std::collections::HashMap;

/// The PostgreSQL version whose catalogue questions clients should ask: psql picks its own questions by it.
const POSTGRES_VERSION: &str = "15.0 (headwater)";

/// One setting of the door. None can be changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Name as PostgreSQL spells it.
    pub(super) name: &'static str,
    /// Its value.
    pub(super) value: &'static str,
    /// True when a session starts with it.
    reported: bool,
}

const fn reported(name: &'static str, value: &'static str) -> Setting {
    Setting { name, value, reported: true }
}

const fn shown(name: &'static str, value: &'static str) -> Setting {
    Setting { name, value, reported: false }
}

static SETTINGS: [Setting; 17] = [
    reported("server_version", POSTGRES_VERSION),
    reported("server_encoding", "UTF8"),
    reported("client_encoding", "UTF8"),
    reported("DateStyle", "ISO, YMD"),
    reported("IntervalStyle", "postgres"),
    reported("TimeZone", "UTC"),
    reported("integer_datetimes", "on"),
    reported("standard_conforming_strings", "on"),
    reported("default_transaction_read_only", "on"),
    reported("in_hot_standby", "on"),
    reported("is_superuser", "off"),
    shown("server_version_num", "150000"),
    shown("search_path", "main"),
    shown("transaction_isolation", "repeatable read"),
    shown("transaction_read_only", "on"),
    shown("max_identifier_length", "63"),
    shown("extra_float_digits", "1"),
];

/// Settings that drivers send without being asked: accepting them needs no remark.
const USUAL: [&str; 10] = [
    "application_name",
    "bytea_output",
    "client_min_messages",
    "constraint_exclusion",
    "lock_timeout",
    "names",
    "row_security",
    "statement_timeout",
    "time",
    "transaction",
];

/// The setting that `SHOW name` asks for; `SHOW TRANSACTION ISOLATION LEVEL` and `SHOW TIME ZONE` by their first word.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    let name = match name {
        "transaction" => "transaction_isolation",
        "time" => "timezone",
        other => other,
    };
    SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name))
}

/// True when a client sets `name` by habit and nothing is lost by not obeying.
pub(super) fn is_usual(name: &str) -> bool {
    USUAL.contains(&name) || find(name).is_some()
}

/// What a session is told at its start.
#[derive(Debug)]
pub(super) struct Reported;

impl ServerParameterProvider for Reported {
    fn server_parameters<C: ClientInfo>(&self, _client: &C) -> Option<HashMap<String, String>> {
        let reported = SETTINGS.iter().filter(|setting| setting.reported);
        Some(reported.map(|setting| (setting.name.to_owned(), setting.value.to_owned())).collect())
    }
}
