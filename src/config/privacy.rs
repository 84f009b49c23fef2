//! What may leave the cluster: `[privacy]`, `--failure-text`.

use super::{ConfigError, word};
use crate::event::FailureText;
use serde::Deserialize;

/// `[privacy]`, before it means anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacyWords {
    /// Whether the door may hand out whole records.
    pub payloads: Option<bool>,
    /// How much of the words of errors is kept.
    pub failure_text: Option<String>,
}

impl PrivacyWords {
    /// `self`, and what it leaves open as `written` says.
    pub(super) fn over(self, written: Self) -> Self {
        Self { payloads: self.payloads.or(written.payloads), failure_text: self.failure_text.or(written.failure_text) }
    }
}

/// How much of the words of errors is kept; secrets in them are masked where nothing is said.
pub(super) fn failure_text(text: Option<&str>) -> Result<FailureText, ConfigError> {
    match text {
        None | Some("masked") => Ok(FailureText::Masked),
        Some("none") => Ok(FailureText::None),
        Some("full") => Ok(FailureText::Full),
        Some(text) => Err(word("failure-text", text, "there is none of this name", "none, masked or full")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_where_nothing_is_said() {
        let read = |text| failure_text(text).unwrap();
        assert_eq!(read(None), FailureText::Masked);
        assert_eq!([read(Some("none")), read(Some("full"))], [FailureText::None, FailureText::Full]);
        let told = failure_text(Some("some")).unwrap_err().to_string();
        assert!(told.contains("none, masked or full"), "{told}");
    }

    #[test]
    fn what_was_typed_stands_above_the_file() {
        let of = |payloads, text: Option<&str>| PrivacyWords { payloads, failure_text: text.map(Into::into) };
        assert_eq!(of(None, Some("none")).over(of(Some(true), Some("full"))), of(Some(true), Some("none")));
    }
}
