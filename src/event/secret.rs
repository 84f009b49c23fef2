//! Words that nobody may read over somebody's shoulder.

use std::collections::BTreeMap;
use std::fmt;

/// A password, a token or a key. It prints as `…`, wherever it is printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The words themselves: for whoever sends them, and for nobody who prints.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What a Kafka client is told of its cluster, under the names of librdkafka. A value may be a secret, so all print as
/// secrets do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientProperties(BTreeMap<String, Secret>);

impl ClientProperties {
    /// The value of `name`, if it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }

    /// Gives `name` a value, in place of the one that it had.
    pub fn set(&mut self, name: &str, value: Secret) {
        self.0.insert(name.to_owned(), value);
    }

    /// Takes the value of `name` away.
    pub fn remove(&mut self, name: &str) -> Option<Secret> {
        self.0.remove(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Secret)> for ClientProperties {
    fn from_iter<I: IntoIterator<Item = (String, Secret)>>(properties: I) -> Self {
        Self(properties.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_by_its_name_only() {
        let mut properties = ClientProperties::default();
        properties.set("sasl.password", Secret::new("hunter2"));
        let printed = format!("{properties:?} {:?}", Secret::new("hunter2"));
        assert!(printed.contains("sasl.password") && !printed.contains("hunter2"), "{printed}");
        assert_eq!(properties.get("sasl.password"), Some("hunter2"));
    }
}
