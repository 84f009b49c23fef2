//! Known reasons why a hop breaks the trace, and what to do: `fixes.toml`.

use serde::Deserialize;
use std::sync::LazyLock;

/// What a new trace was begun for, as far as the records tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sees {
    /// Effects of several causes share it: for a batch.
    Batch,
    /// Several effects of one cause share it: for the handling of a record.
    Record,
    /// Each effect has its own: for sending it.
    Send,
    /// Effects have none.
    None,
}

impl Sees {
    /// Its name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Record => "record",
            Self::Send => "send",
            Self::None => "none",
        }
    }
}

/// One client that breaks the trace, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// The client, and its instrumentation.
    pub client: String,
    /// What it can look like.
    pub sees: Vec<Sees>,
    /// It adds its header to those that are there.
    pub appends: bool,
    /// How the client ids begin that its members have by default.
    pub names: Vec<String>,
    /// The libraries that its members look like, where that can be told.
    pub libraries: Vec<String>,
    /// The language that it is for; empty for any.
    pub language: String,
    /// Why it breaks the trace.
    pub tell: String,
    /// What to do.
    #[serde(rename = "do")]
    pub remedy: String,
}

/// Conventions that only services in one language write.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    language: String,
    conventions: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    fix: Vec<Fix>,
    family: Vec<Family>,
}

/// What is known; that it can be read is a test.
static KNOWN: LazyLock<Known> = LazyLock::new(|| toml::from_str(include_str!("fixes.toml")).unwrap_or_default());

/// What can be seen of whoever makes a hop.
#[derive(Debug, Clone, Default)]
pub struct Seen<'a> {
    /// What the new trace may have been begun for.
    pub sees: Vec<Sees>,
    /// Whether it adds trace headers to those that are there.
    pub appends: bool,
    /// What the members of its group call themselves.
    pub clients: &'a [String],
    /// The libraries that they look like.
    pub libraries: &'a [String],
    /// Conventions of what it writes.
    pub conventions: Vec<&'a str>,
}

/// The clients that it can be, by everything that is seen. What fits no known client narrows nothing.
pub fn candidates(seen: &Seen<'_>) -> Vec<&'static Fix> {
    let fits: Vec<&Fix> = KNOWN.fix.iter().filter(|fix| fix.sees.iter().any(|sees| seen.sees.contains(sees))).collect();
    let named = |fix: &&&Fix| seen.clients.iter().any(|client| fix.names.iter().any(|name| client.starts_with(name)));
    let language = KNOWN
        .family
        .iter()
        .find(|family| family.conventions.iter().any(|convention| seen.conventions.contains(&convention.as_str())));
    let spoken = |fix: &&&Fix| language.is_none_or(|of| fix.language == of.language || fix.language.is_empty());
    let adds = |fix: &&&Fix| !seen.appends || fix.appends;
    let built =
        |fix: &&&Fix| seen.libraries.is_empty() || fix.libraries.iter().any(|library| seen.libraries.contains(library));
    narrowed(narrowed(narrowed(narrowed(fits, spoken), adds), built), named)
}

/// Those of `fixes` that `fit`; all when none does.
fn narrowed(fixes: Vec<&'static Fix>, fit: impl Fn(&&&'static Fix) -> bool) -> Vec<&'static Fix> {
    let fitting: Vec<&Fix> = fixes.iter().filter(|fix| fit(fix)).copied().collect();
    if fitting.is_empty() { fixes } else { fitting }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(seen: &Seen<'_>) -> Vec<&'static str> {
        candidates(seen).iter().map(|fix| fix.client.split([',', ' ']).next().unwrap_or_default()).collect()
    }

    #[test]
    fn every_way_to_break_has_a_fix() {
        for sees in [Sees::Batch, Sees::Record, Sees::Send, Sees::None] {
            assert!(!clients(&Seen { sees: vec![sees], ..Seen::default() }).is_empty(), "{sees:?}");
        }
        assert!(KNOWN.fix.iter().all(|fix| !fix.tell.is_empty() && !fix.remedy.is_empty() && !fix.sees.is_empty()));
    }

    #[test]
    fn what_is_seen_narrows_and_what_fits_nothing_does_not() {
        let record = Seen { sees: vec![Sees::Record], appends: true, ..Seen::default() };
        assert_eq!(clients(&record), ["confluent-kafka", "Confluent.Kafka"]);
        let java = Seen { sees: vec![Sees::Batch], conventions: vec!["spring-kafka"], ..Seen::default() };
        assert_eq!(clients(&java), ["batch"]);
        let named = ["aiokafka-0.14.0".to_owned()];
        let send = Seen { sees: vec![Sees::Record, Sees::Send], clients: &named, ..Seen::default() };
        assert_eq!(clients(&send), ["aiokafka"]);
        let kafkajs = ["kafkajs".to_owned()];
        let batch = Seen { sees: vec![Sees::Batch], libraries: &kafkajs, ..Seen::default() };
        assert_eq!(clients(&batch), ["kafkajs"]);
        let own = ["our-own".to_owned()];
        let unknown = Seen { sees: vec![Sees::Batch], clients: &own, ..Seen::default() };
        assert!(clients(&unknown).len() > 1);
    }
}
