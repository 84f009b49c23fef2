//! The SQLSTATE of an error: PostgreSQL clients decide by it, people read DuckDB's own words.

use crate::store::Error;

/// DuckDB's kinds of error, as its messages begin, with the SQLSTATE that says the same.
const KINDS: [(&str, &str); 16] = [
    ("Parser Error", "42601"),
    ("Syntax Error", "42601"),
    ("Binder Error", "42P10"),
    ("Conversion Error", "22P02"),
    ("Out of Range Error", "22003"),
    ("Invalid Input Error", "22023"),
    ("Invalid type Error", "42804"),
    ("Mismatch Type Error", "42804"),
    ("Parameter Not Resolved Error", "42P18"),
    ("Permission Error", "42501"),
    ("TransactionContext Error", "25000"),
    ("Not implemented Error", "0A000"),
    ("Out of Memory Error", "53200"),
    ("IO Error", "58030"),
    ("INTERRUPT Error", "57014"),
    ("Catalog Error", "42704"),
];

/// The SQLSTATE of `error`.
pub(super) fn of(error: &Error) -> &'static str {
    match error {
        Error::Refused { .. } => "25006",
        Error::Deadline { .. } | Error::Interrupted => "57014",
        Error::Busy { .. } => "53000",
        Error::File { .. } => "58030",
        Error::Exists { .. } => "58P02",
        Error::BackupBusy | Error::NoWriter => "55006",
        Error::Away => "57P03",
        Error::Question { message } => of_message(message),
        _ => "XX000",
    }
}

fn of_message(message: &str) -> &'static str {
    match message {
        m if m.contains("read-only") || m.contains("read only") => "25006",
        m if m.starts_with("Catalog Error: Table with name") => "42P01",
        m if m.starts_with("Catalog Error") && m.contains("Function with name") => "42883",
        m if m.starts_with("Binder Error: Referenced column") => "42703",
        m => KINDS.iter().find(|(kind, _)| m.starts_with(kind)).map_or("XX000", |(_, state)| state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_say_what_the_message_says() {
        let golden = [
            ("Catalog Error: Table with name x does not exist!", "42P01"),
            ("Catalog Error: Scalar Function with name x does not exist!", "42883"),
            ("Binder Error: Referenced column \"x\" not found in FROM clause!", "42703"),
            ("Parser Error: syntax error at or near \"x\"", "42601"),
            ("something new", "XX000"),
        ];
        for (message, state) in golden {
            assert_eq!(of(&Error::Question { message: message.into() }), state, "{message}");
        }
        assert_eq!(of(&Error::Interrupted), "57014");
    }
}
