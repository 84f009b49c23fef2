//! Which schema registry is asked, and as whom.
//!
//! It is told as Confluent's clients are, under their names, beside the settings of the cluster; `--registry` and
//! `[registry]` are shorter words for the same.

use crate::event::{ClientProperties, Secret};
use serde::Deserialize;

/// `HEADWATER_REGISTRY_TOKEN` stands for `token` of `[registry]`.
pub(super) const VARIABLE: &str = "HEADWATER_REGISTRY_";

const URL: &str = "schema.registry.url";
const USER: &str = "basic.auth.user.info";
const SOURCE: &str = "basic.auth.credentials.source";

/// The short words, and what they stand for.
const SHORT: &[(&str, &str)] =
    &[("url", URL), ("user-info", USER), ("token", "bearer.auth.token"), ("ca", "schema.registry.ssl.ca.location")];

/// How the settings of a registry begin, among those of a cluster.
const OURS: &[&str] = &["schema.registry.", "basic.auth.", "bearer.auth."];

/// `[registry]` of `headwater.toml`. It may hold secrets, so it prints nothing.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RegistryWords {
    url: Option<Addresses>,
    user_info: Option<String>,
    token: Option<String>,
    ca: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Addresses {
    One(String),
    Several(Vec<String>),
}

impl std::fmt::Debug for RegistryWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl RegistryWords {
    /// The same under the names of Confluent's clients.
    pub fn settings(self) -> impl Iterator<Item = (String, Secret)> {
        let url = self.url.map(|url| match url {
            Addresses::One(url) => url,
            Addresses::Several(urls) => urls.join(","),
        });
        let values = [url, self.user_info, self.token, self.ca];
        let names = SHORT.iter().map(|(_, name)| (*name).to_owned());
        names.zip(values).filter_map(|(name, value)| Some((name, Secret::new(value?))))
    }
}

/// The setting that a short word stands for.
pub(super) fn setting(short: &str) -> Option<&'static str> {
    SHORT.iter().find(|(known, _)| *known == short).map(|(_, name)| *name)
}

/// What `--registry` says: one address, or several with commas between.
pub fn registry_url(urls: &[String]) -> Option<(String, Secret)> {
    (!urls.is_empty()).then(|| (URL.to_owned(), Secret::new(urls.join(","))))
}

/// Takes the settings of the registry out of those of the cluster, which no broker shall see.
pub(super) fn parted(cluster: &mut ClientProperties) -> ClientProperties {
    let ours = |name: &str| OURS.iter().any(|begin| name.starts_with(begin));
    let names: Vec<String> = cluster.iter().map(|(name, _)| name.to_owned()).filter(|name| ours(name)).collect();
    let mut registry: ClientProperties =
        names.into_iter().filter_map(|name| cluster.remove(&name).map(|value| (name, value))).collect();
    let inherits = registry.get(SOURCE) == Some("SASL_INHERIT") && registry.get(USER).is_none();
    if inherits && let (Some(user), Some(password)) = (cluster.get("sasl.username"), cluster.get("sasl.password")) {
        registry.set(USER, Secret::new(format!("{user}:{password}")));
    }
    registry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_told_apart_from_the_cluster() {
        let mut cluster = ClientProperties::default();
        for (name, value) in [
            ("sasl.username", "u"),
            ("sasl.password", "hunter2"),
            ("schema.registry.url", "http://a"),
            ("basic.auth.credentials.source", "SASL_INHERIT"),
        ] {
            cluster.set(name, Secret::new(value));
        }
        let registry = parted(&mut cluster);
        assert_eq!((registry.get(URL), registry.get(USER)), (Some("http://a"), Some("u:hunter2")));
        let left: Vec<&str> = cluster.iter().map(|(name, _)| name).collect();
        assert_eq!(left, ["sasl.password", "sasl.username"]);
    }

    #[test]
    fn the_short_words_are_those_of_the_table() {
        let text = "url = ['http://a', 'http://b']\nuser-info = 'u:hunter2'\ntoken = 't'\nca = '/ca'";
        let words: RegistryWords = toml::from_str(text).unwrap();
        assert_eq!(format!("{words:?}"), "…");
        let settings: ClientProperties = words.settings().collect();
        assert_eq!(settings.get(URL), Some("http://a,http://b"));
        for (short, value) in [("user-info", "u:hunter2"), ("token", "t"), ("ca", "/ca")] {
            assert_eq!(settings.get(setting(short).unwrap()), Some(value));
        }
        assert_eq!(setting("password"), None);
        assert!(toml::from_str::<RegistryWords>("password = 'x'").is_err());
    }
}
