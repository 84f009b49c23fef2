//! `sasl.jaas.config`: the one line in which Java clients hold name and password.

use crate::event::Secret;

/// A login module and its options.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    /// The last part of its class name, such as `ScramLoginModule`.
    pub module: String,
    /// Its options, in order.
    pub options: Vec<(String, Secret)>,
}

/// `CLASS FLAG name=value name="value";`: one entry, as Java's clients take no more. `None` for anything else; the
/// text itself is never repeated, since it holds the password.
pub(super) fn parse(text: &str) -> Option<Login> {
    let mut rest = text.trim();
    let class = word(&mut rest)?;
    let flag = word(&mut rest)?;
    if !["required", "requisite", "sufficient", "optional"].iter().any(|known| flag.eq_ignore_ascii_case(known)) {
        return None;
    }
    let module = class.rsplit('.').next().filter(|name| !name.is_empty())?.to_owned();
    let mut options = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(';') {
            return after.trim().is_empty().then_some(Login { module, options });
        }
        let name = word(&mut rest)?;
        rest = rest.trim_start().strip_prefix('=')?;
        options.push((name, Secret::new(word(&mut rest)?)));
    }
}

/// The next word: quoted, with `\` before a quote, or up to a blank, `=` or `;`.
fn word(rest: &mut &str) -> Option<String> {
    let text = rest.trim_start();
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = text.find(|c: char| c.is_whitespace() || matches!(c, '=' | ';')).unwrap_or(text.len());
        let (word, after) = text.split_at(end);
        *rest = after;
        return (!word.is_empty()).then(|| word.to_owned());
    };
    let mut word = String::new();
    let mut chars = text[1..].chars();
    loop {
        match chars.next()? {
            c if c == quote => break,
            '\\' => word.push(match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            c => word.push(c),
        }
    }
    *rest = chars.as_str();
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_read_with_or_without_quotes() {
        let text = "org.apache.kafka.common.security.scram.ScramLoginModule required username=tap \
                    password=\"a\\\"b;c=d \\\\e\" ;";
        let login = parse(text).unwrap();
        assert_eq!(login.module, "ScramLoginModule");
        let options: Vec<_> = login.options.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(options, [("username", "tap"), ("password", "a\"b;c=d \\e")]);
        assert!(parse("a.B required;").unwrap().options.is_empty());
        assert!(parse("a.B required x='';").is_some());
    }

    #[test]
    fn what_is_no_login_is_none() {
        for text in
            ["", "a.B", "a.B maybe x=y;", "a.B required x=y", "a.B required x;", "a.B required x=\"y;", "a. required;"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("a.B required x=y; c.D required;"), None);
    }
}
