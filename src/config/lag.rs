//! `[lag]`: what is summed up over the events that wait for a group.

use super::{ConfigError, word};
use serde::Deserialize;

/// Names stand in the head of a column.
const FIELD_MAX: usize = 100;

/// `[lag]` as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LagWords {
    /// Name of a number among the `attributes` of a convention.
    pub value: Option<String>,
}

/// The field that is meant, if one is.
///
/// # Errors
/// A name that cannot be one.
pub fn lag_value(words: LagWords) -> Result<Option<String>, ConfigError> {
    let Some(name) = words.value else { return Ok(None) };
    let expected = "the name of an attribute that a [[convention]] keeps, such as order_value";
    match name.trim() {
        "" => Err(word("[lag] value", &name, "it is empty", expected)),
        _ if name.chars().count() > FIELD_MAX => {
            Err(word("[lag] value", &name, format!("it is longer than {FIELD_MAX} characters"), expected))
        }
        _ if name.chars().any(char::is_control) => {
            Err(word("[lag] value", &name.escape_debug().to_string(), "it holds control characters", expected))
        }
        trimmed => Ok(Some(trimmed.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_or_none_is() {
        let read = |text: &str| lag_value(toml::from_str(text).unwrap());
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("value = ' order_value '").unwrap().as_deref(), Some("order_value"));
        for wrong in
            ["value = ''".to_owned(), "value = \"a\\u001b\"".to_owned(), format!("value = '{}'", "x".repeat(101))]
        {
            let said = read(&wrong).unwrap_err().to_string();
            assert!(said.contains("[[convention]]"), "{said}");
        }
        assert!(toml::from_str::<LagWords>("field = 'x'").is_err());
    }
}
