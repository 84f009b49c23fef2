//! `[[business_flow]]`: which events start and complete what the business counts.

use super::{ConfigError, duration, word};
use crate::event::BusinessFlow;
use serde::Deserialize;
use std::time::Duration;

/// Flows beyond this would make a board that nobody reads; each is one more pass over the events that it asks for.
const FLOWS_MAX: usize = 100;
/// Names stand in titles and legends.
const FLOW_NAME_MAX: usize = 100;
/// Older starts are looked for in every answer.
const WITHIN_MAX: Duration = Duration::from_secs(366 * 86_400);

/// One `[[business_flow]]` as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowWords {
    /// What people call it.
    pub name: String,
    /// Type of the event that starts one.
    pub started_by: String,
    /// Type of the event that completes it.
    pub completed_by: String,
    /// How long one may take: `30m`.
    pub within: String,
}

/// The flows that are meant, each name once.
///
/// # Errors
/// A word that means nothing, a name that stands twice, or too many flows.
pub fn business_flows(words: Vec<FlowWords>) -> Result<Vec<BusinessFlow>, ConfigError> {
    if words.len() > FLOWS_MAX {
        let count = words.len().to_string();
        return Err(word("business_flow", &count, "there are too many", "at most 100 business flows"));
    }
    let mut flows: Vec<BusinessFlow> = Vec::new();
    for words in words {
        let name = flow_name(words.name)?;
        if flows.iter().any(|flow| flow.name == name) {
            return Err(word("business_flow name", &name, "it stands twice", "each flow a name of its own"));
        }
        flows.push(BusinessFlow {
            name,
            started_by: event_type("started_by", words.started_by)?,
            completed_by: event_type("completed_by", words.completed_by)?,
            within_ms: within(&words.within)?,
        });
    }
    Ok(flows)
}

fn flow_name(name: String) -> Result<String, ConfigError> {
    let expected = "a short name such as orders";
    match name.trim() {
        "" => Err(word("business_flow name", &name, "it is empty", expected)),
        _ if name.chars().count() > FLOW_NAME_MAX => {
            Err(word("business_flow name", &name, format!("it is longer than {FLOW_NAME_MAX} characters"), expected))
        }
        _ if name.chars().any(char::is_control) => {
            Err(word("business_flow name", &name.escape_debug().to_string(), "it holds control characters", expected))
        }
        trimmed => Ok(trimmed.to_owned()),
    }
}

fn event_type(key: &'static str, text: String) -> Result<String, ConfigError> {
    match text.trim() {
        "" => Err(word(key, &text, "it is empty", "an event type as the records name it, such as order.placed")),
        _ => Ok(text),
    }
}

fn within(text: &str) -> Result<i64, ConfigError> {
    let expected = "a duration such as 90s, 30m or 2d";
    match duration(text) {
        None => Err(word("within", text, "it is not a duration", expected)),
        Some(Duration::ZERO) => Err(word("within", text, "everything would be stuck at once", expected)),
        Some(long) if long > WITHIN_MAX => Err(word("within", text, "it is longer than a year", expected)),
        Some(time) => Ok(time.as_millis() as i64),
    }
}
