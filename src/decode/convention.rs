//! Conventions as they are written down: in `conventions/*.toml`, and by users in their configuration.

use super::row::{
    Condition, Convention, Encoding, Failure, Field, Location, MAX_CONDITIONS, Occurrence, Rank, Row, Says, TraceFormat,
};
use crate::event::Kind;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::{Table, Value};

/// Levels of a path into a body: deeper than any framework writes, and each costs the scanner a place.
pub const MAX_PATH: usize = 8;

/// A convention that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("convention `{name}`: {what}")]
pub struct ConventionError {
    name: String,
    what: String,
}

/// Reads the sections `[[convention]]` of a TOML text, strongest first.
///
/// # Errors
/// The first convention that cannot be understood, and why.
pub fn read(text: &str) -> Result<Vec<Convention>, ConventionError> {
    let nameless = |what: String| ConventionError { name: String::new(), what };
    let mut table: Table = toml::from_str(text).map_err(|error| nameless(error.to_string()))?;
    let Some(Value::Array(sections)) = table.remove("convention") else {
        return Err(nameless("no section [[convention]]".into()));
    };
    sections
        .into_iter()
        .map(|section| match section {
            Value::Table(section) => convention(&section, Rank::Framework),
            _ => Err(nameless("not a section".into())),
        })
        .collect()
}

/// Reads a convention of the user's own, which is stronger than all that come with the program.
///
/// # Errors
/// Why it cannot be understood.
pub fn house(section: &Table) -> Result<Convention, ConventionError> {
    convention(section, Rank::House)
}

fn convention(section: &Table, rank: Rank) -> Result<Convention, ConventionError> {
    let name = section.get("name").and_then(Value::as_str).unwrap_or("house").to_owned();
    Section { name: &name, rank, section }.convention().map_err(|what| ConventionError { name: name.clone(), what })
}

struct Section<'a> {
    name: &'a str,
    rank: Rank,
    section: &'a Table,
}

impl Section<'_> {
    fn convention(&self) -> Result<Convention, String> {
        let mut convention = Convention {
            name: self.name.to_owned(),
            rank: self.rank,
            topics: None,
            when: Vec::new(),
            least: 1,
            loose: false,
            failure: Failure::No,
            doubt: None,
            kind: None,
            publish_delay: false,
            rows: Vec::new(),
        };
        for (key, value) in self.section {
            match key.as_str() {
                // Where its fields were read, and whether that was source: for people.
                "name" | "from" | "unverified" => {}
                "rank" => convention.rank = word(key, value)?,
                "failure" => convention.failure = word(key, value)?,
                "topics" => convention.topics = Some(topics(text(key, value)?)?),
                "when" => {
                    convention.when = strings(key, value)?.into_iter().map(conditions).collect::<Result<_, _>>()?
                }
                "least" => convention.least = number(key, value)?,
                "names" => convention.loose = loose(text(key, value)?)?,
                "doubt" => convention.doubt = Some(text(key, value)?.to_owned()),
                "kind" if value.is_str() && !is_location(text(key, value)?) => {
                    convention.kind = Some(kind(text(key, value)?)?);
                }
                "publish_delay" => {
                    convention.publish_delay = value.as_bool().ok_or("publish_delay is true or false")?
                }
                "attributes" | "noted" => labelled(key, value, &mut convention.rows)?,
                field => {
                    let field = Field::named(field).ok_or_else(|| format!("`{field}` is no field; {}", fields()))?;
                    rows(field, "", value, &mut convention.rows)?;
                }
            }
        }
        let others = convention.when.iter().flatten().filter(|one| matches!(one, Condition::There(..))).count();
        if others > MAX_CONDITIONS {
            return Err(format!("more than {MAX_CONDITIONS} conditions"));
        }
        if convention.rows.is_empty() && convention.kind.is_none() {
            return Err("it names no field".into());
        }
        Ok(convention)
    }
}

fn fields() -> String {
    let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    format!("fields are {}", names.join(", "))
}

/// `{ name = location, … }`.
fn labelled(key: &str, value: &Value, into: &mut Vec<Row>) -> Result<(), String> {
    let field = if key == "noted" { Field::Noted } else { Field::Attribute };
    let table = value.as_table().ok_or_else(|| format!("{key} holds names and locations"))?;
    table.iter().try_for_each(|(label, value)| rows(field, label, value, into))
}

/// One row or several, strongest first.
fn rows(field: Field, label: &str, value: &Value, into: &mut Vec<Row>) -> Result<(), String> {
    match value {
        Value::Array(several) => several.iter().try_for_each(|one| rows(field, label, one, into)),
        Value::String(at) => {
            into.push(Row { location: location(at)?, ..plain(field, label) });
            Ok(())
        }
        Value::Table(row) => {
            into.push(detailed(field, label, row)?);
            Ok(())
        }
        _ => Err(format!("`{}` is a location, such as \"header:x-event-id\" or \"body:/meta/id\"", field.name())),
    }
}

fn plain(field: Field, label: &str) -> Row {
    Row {
        location: Location::KeyField(0),
        field,
        encoding: field.usual_encoding(),
        occurrence: Occurrence::First,
        only: None,
        ignore: Vec::new(),
        label: label.to_owned(),
    }
}

fn detailed(field: Field, label: &str, table: &Table) -> Result<Row, String> {
    let mut row = plain(field, label);
    let mut placed = false;
    for (key, value) in table {
        match key.as_str() {
            "at" => (row.location, placed) = (location(text(key, value)?)?, true),
            "as" => row.encoding = encoding(text(key, value)?)?,
            "take" => row.occurrence = occurrence(text(key, value)?)?,
            "only" => row.only = Some(only(text(key, value)?)?),
            "ignore" => row.ignore = strings(key, value)?.into_iter().map(str::to_owned).collect(),
            "kinds" => row.encoding = Encoding::Kinds(kinds(value)?),
            "unverified" => {}
            other => return Err(format!("`{other}` says nothing of a row; use at, as, take, only, ignore or kinds")),
        }
    }
    if placed { Ok(row) } else { Err(format!("`{}` says not where it lies: at = \"header:…\"", field.name())) }
}

fn is_location(text: &str) -> bool {
    ["header:", "body:/", "key:"].iter().any(|start| text.starts_with(start))
}

fn location(text: &str) -> Result<Location, String> {
    let spellings = |names: &str| names.split('|').map(str::to_owned).collect::<Vec<_>>();
    if let Some(names) = text.strip_prefix("header:").filter(|names| !names.is_empty()) {
        return Ok(Location::Header(spellings(names)));
    }
    if let Some(path) = text.strip_prefix("body:/").filter(|path| !path.is_empty()) {
        let levels: Vec<_> = path.split('/').map(spellings).collect();
        if levels.len() <= MAX_PATH {
            return Ok(Location::Body(levels));
        }
        return Err(format!("`{text}` is deeper than {MAX_PATH} levels"));
    }
    let number = text.strip_prefix("key:").and_then(|number| number.parse().ok());
    number.map(Location::KeyField).ok_or_else(|| {
        format!("`{text}` is no location; write \"header:NAME\" or \"body:/PATH\", with | between spellings")
    })
}

/// Conditions that all have to hold, with blanks between.
fn conditions(text: &str) -> Result<Vec<Condition>, String> {
    text.split_ascii_whitespace().map(condition).collect()
}

fn condition(text: &str) -> Result<Condition, String> {
    if let Some(field) = Field::named(text) {
        return Ok(Condition::Field(field));
    }
    let (at, says) = match (text.split_once("^="), text.split_once('=')) {
        (Some((at, begins)), _) => (at, Says::Begins(begins.to_owned())),
        (_, Some((at, is))) => (at, Says::Is(is.to_owned())),
        _ => (text, Says::Anything),
    };
    Ok(Condition::There(location(at)?, says))
}

fn encoding(text: &str) -> Result<Encoding, String> {
    let (word, argument) = text.split_once(':').unwrap_or((text, ""));
    Ok(match word {
        "text" => Encoding::Text,
        "number" => Encoding::Number,
        "next_number" => Encoding::NextNumber,
        "time" => Encoding::Time,
        "decimal" => Encoding::Decimal,
        "datadog_tid" => Encoding::DatadogTid,
        "traceparent" => Encoding::Trace(TraceFormat::TraceParent),
        "b3" => Encoding::Trace(TraceFormat::B3),
        "jaeger" => Encoding::Trace(TraceFormat::Jaeger),
        "xray" => Encoding::Trace(TraceFormat::XRay),
        "trace_bytes" => Encoding::Trace(TraceFormat::Binary),
        "sentry" => Encoding::Trace(TraceFormat::Sentry),
        "sw8" => Encoding::Trace(TraceFormat::Sw8),
        "google_cloud" => Encoding::Trace(TraceFormat::GoogleCloud),
        "sw8_service" => Encoding::Sw8Service,
        "base64" => Encoding::Base64,
        "uri_end" => Encoding::UriEnd,
        "prefixed" => Encoding::Prefixed(argument.to_owned()),
        "before" => Encoding::Before(argument.to_owned()),
        "after" => Encoding::After(argument.to_owned()),
        _ => return Err(format!("`{text}` is no way to write a value")),
    })
}

fn only(text: &str) -> Result<Says, String> {
    match (text, text.strip_prefix("^=")) {
        ("uuid", _) => Ok(Says::Uuid),
        (_, Some(begins)) => Ok(Says::Begins(begins.to_owned())),
        _ => Err(format!("only is \"uuid\" or \"^=\" and how the value begins, not `{text}`")),
    }
}

fn kinds(value: &Value) -> Result<Vec<(String, Kind)>, String> {
    let table = value.as_table().ok_or("kinds holds words and kinds")?;
    table.iter().map(|(word, value)| Ok((word.clone(), kind(text(word, value)?)?))).collect()
}

fn kind(text: &str) -> Result<Kind, String> {
    let usual = [Kind::Event, Kind::Command, Kind::Reply, Kind::Change, Kind::Fault, Kind::Internal];
    let known = usual.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| format!("`{text}` is no kind; kinds are event, command, reply, change, fault, internal"))
}

fn topics(text: &str) -> Result<String, String> {
    regex::Regex::new(text).map(|_| text.to_owned()).map_err(|error| format!("topics: {error}"))
}

fn loose(text: &str) -> Result<bool, String> {
    match text {
        "loose" => Ok(true),
        "exact" => Ok(false),
        other => Err(format!("names are exact or loose, not `{other}`")),
    }
}

fn occurrence(text: &str) -> Result<Occurrence, String> {
    match text {
        "first" => Ok(Occurrence::First),
        "last" => Ok(Occurrence::Last),
        other => Err(format!("take is first or last, not `{other}`")),
    }
}

fn word<T: for<'de> Deserialize<'de>>(key: &str, value: &Value) -> Result<T, String> {
    let word = text(key, value)?;
    T::deserialize(word.into_deserializer()).map_err(|error: serde::de::value::Error| format!("{key}: {error}"))
}

fn text<'v>(key: &str, value: &'v Value) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| format!("{key} is a text"))
}

fn number(key: &str, value: &Value) -> Result<u32, String> {
    value.as_integer().and_then(|number| number.try_into().ok()).ok_or_else(|| format!("{key} is a small number"))
}

/// A text, or several.
fn strings<'v>(key: &str, value: &'v Value) -> Result<Vec<&'v str>, String> {
    match value {
        Value::Array(several) => several.iter().map(|one| text(key, one)).collect(),
        one => Ok(vec![text(key, one)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_reads_as_its_rows() {
        let read = read(
            r#"
            [[convention]]
            name = "shop"
            topics = "^shop\\."
            when = ["header:x-shop^=v2 id", "body:/meta/kind"]
            id = "header:x-id|x-event-id"
            origin_partition = { at = "header:x-partition", take = "last" }
            type = ["body:/meta|metadata/kind", "header:x-kind"]
            attributes = { order_value = "body:/data/total" }
            "#,
        )
        .unwrap();
        let [shop] = &read[..] else { panic!("{read:?}") };
        assert_eq!((shop.name.as_str(), shop.rank, shop.rows.len()), ("shop", Rank::Framework, 5));
        assert_eq!(shop.when.len(), 2);
        assert_eq!(
            shop.when[0],
            [
                Condition::There(Location::Header(vec!["x-shop".into()]), Says::Begins("v2".into())),
                Condition::Field(Field::Id)
            ]
        );
        let partition = shop.rows.iter().find(|row| row.field == Field::OriginPartition).unwrap();
        assert_eq!((&partition.encoding, partition.occurrence), (&Encoding::Number, Occurrence::Last));
        let kinds: Vec<_> = shop.rows.iter().filter(|row| row.field == Field::Type).map(|row| &row.location).collect();
        let path = vec![vec!["meta".to_owned(), "metadata".to_owned()], vec!["kind".to_owned()]];
        assert_eq!(kinds, [&Location::Body(path), &Location::Header(vec!["x-kind".into()])]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (section, expected) in [
            ("ids = \"header:x\"", "convention `x`: `ids` is no field"),
            ("id = \"x-id\"", "`x-id` is no location"),
            ("id = { as = \"text\" }", "`id` says not where it lies"),
            ("id = { at = \"header:x\", as = \"base32\" }", "`base32` is no way to write a value"),
            ("topics = \"(\"\nid = \"header:x\"", "topics: "),
            ("kind = \"deed\"", "`deed` is no kind"),
            ("rank = \"first\"\nid = \"header:x\"", "rank: "),
            ("", "it names no field"),
            ("id = \"body:/a/b/c/d/e/f/g/h/i\"", "deeper than 8 levels"),
        ] {
            let error = read(&format!("[[convention]]\nname = \"x\"\n{section}")).unwrap_err().to_string();
            assert!(error.contains(expected), "{section}: {error}");
        }
    }
}
