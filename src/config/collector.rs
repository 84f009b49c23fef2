//! Addresses of OTLP collectors.

use super::{ConfigError, word};

/// `http://HOST:PORT` or `https://HOST:PORT`. A scheme has to be said: what is meant without one differs from tool to
/// tool, and spans name business events.
pub(super) fn collector(name: &'static str, url: String) -> Result<String, ConfigError> {
    let expected = "an address such as http://127.0.0.1:4317 or https://collector.example:4317";
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Err(word(name, &url, "it begins with neither http:// nor https://", expected));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        return Err(word(name, &url, "the host is missing", expected));
    }
    if host.contains('@') {
        return Err(ConfigError::Word {
            name,
            // A secret is not repeated.
            word: "…".into(),
            reason: "it holds a name or password; OTEL_EXPORTER_OTLP_HEADERS takes them".into(),
            expected,
        });
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_a_scheme_and_a_host_and_no_secret() {
        for url in ["http://127.0.0.1:4317", "https://c.example", "http://[::1]:4317/"] {
            assert_eq!(collector("otlp", url.into()).unwrap(), url);
        }
        for url in ["127.0.0.1:4317", "grpc://h:1", "http://", "http://:4317", "http:///x"] {
            assert!(collector("otlp", url.into()).is_err(), "{url}");
        }
        let refusal = collector("otlp", "https://me:secret@h:1".into()).unwrap_err().to_string();
        assert!(refusal.contains("OTEL_EXPORTER_OTLP_HEADERS") && !refusal.contains("secret@"), "{refusal}");
    }
}
