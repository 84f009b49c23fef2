//! How long topics keep their records. Optional: it needs DESCRIBE_CONFIGS.

use super::checkup::Held;
use super::cluster::{Cluster, Led};
use super::connection::Connection;
use super::error::{Error, code};
use crate::event::{LogPolicy, Timestamp};
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A topic is asked for again after this: settings change rarely, and nobody counts on the minute.
const ASK_AGAIN_MS: i64 = 600_000;
/// Topics of one request; bounds the answer.
const TOPICS_PER_REQUEST: usize = 500;
/// Resource type of a topic.
const TOPIC: i8 = 2;
const RETENTION_MS: &str = "retention.ms";
const RETENTION_BYTES: &str = "retention.bytes";
const CLEANUP_POLICY: &str = "cleanup.policy";

/// What is known of the topics of a cluster.
#[derive(Default)]
pub(super) struct Policies {
    topics: HashMap<Arc<str>, Known>,
    /// That it may not be seen was said.
    told: bool,
}

struct Known {
    /// A topic that was created again may keep its records for another time.
    id: [u8; 16],
    asked: Timestamp,
    answer: Answer,
}

#[derive(PartialEq, Eq)]
enum Answer {
    Told(LogPolicy),
    Denied,
    Nothing,
}

impl Policies {
    /// Asks for the topics of `wanted` that are new, or were not asked for in a while. Gives what is new or has changed.
    /// Brokers that do not answer are asked again with the next sample.
    pub(super) fn ask(
        &mut self,
        cluster: &mut Cluster,
        wanted: &[Led],
        at: Timestamp,
    ) -> Result<Vec<LogPolicy>, Error> {
        let present: BTreeMap<&Arc<str>, [u8; 16]> =
            wanted.iter().map(|led| (&led.identity.topic, led.identity.topic_id)).collect();
        self.topics.retain(|name, known| present.get(name) == Some(&known.id));
        let due =
            |name: &Arc<str>| self.topics.get(name).is_none_or(|known| at.since(known.asked) / 1000 >= ASK_AGAIN_MS);
        let due: Vec<(Arc<str>, [u8; 16])> =
            present.into_iter().filter(|(name, _)| due(name)).map(|(name, id)| (Arc::clone(name), id)).collect();
        let mut news = Vec::new();
        for some in due.chunks(TOPICS_PER_REQUEST) {
            let Some(told) = ask_any(cluster, some)? else { break };
            for ((name, id), answer) in some.iter().zip(told) {
                let before = self.topics.get(name);
                if let Answer::Told(policy) = &answer
                    && before.is_none_or(|known| known.answer != answer)
                {
                    news.push(policy.clone());
                }
                self.topics.insert(Arc::clone(name), Known { id: *id, asked: at, answer });
            }
        }
        self.tell_denied();
        Ok(news)
    }

    fn tell_denied(&mut self) {
        if self.held() == Held::No && !std::mem::replace(&mut self.told, true) {
            tracing::info!(
                "not allowed to see how long topics keep their records: what retention is about to delete unread stays \
                 unknown; grant DESCRIBE_CONFIGS on topics to change that"
            );
        }
    }

    /// Whether the user may see how long topics keep their records, all of them.
    pub(super) fn held(&self) -> Held {
        let any = |what: fn(&Answer) -> bool| self.topics.values().any(|known| what(&known.answer));
        if any(|answer| *answer == Answer::Denied) {
            Held::No
        } else if any(|answer| matches!(answer, Answer::Told(_))) {
            Held::Yes
        } else {
            Held::Unknown
        }
    }
}

/// Any broker knows. One answer a topic, in their order; `None` when no broker answers.
fn ask_any(cluster: &mut Cluster, topics: &[(Arc<str>, [u8; 16])]) -> Result<Option<Vec<Answer>>, Error> {
    for broker in cluster.brokers() {
        match cluster.on(broker, |link| describe(link, topics)) {
            Ok(told) => return Ok(Some(told)),
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(Error::Unsupported { .. }) => return Ok(Some(topics.iter().map(|_| Answer::Nothing).collect())),
            Err(error) => tracing::debug!(%error, broker, "how long topics keep their records stays unknown"),
        }
    }
    Ok(None)
}

fn describe(link: &mut Connection, topics: &[(Arc<str>, [u8; 16])]) -> Result<Vec<Answer>, Error> {
    let keys = [RETENTION_MS, RETENTION_BYTES, CLEANUP_POLICY].map(StrBytes::from_static_str);
    let resource = |(name, _): &(Arc<str>, [u8; 16])| {
        DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(StrBytes::from_string(name.to_string()))
            .with_configuration_keys(Some(keys.to_vec()))
    };
    let answer = link.call(&DescribeConfigsRequest::default().with_resources(topics.iter().map(resource).collect()))?;
    let told: BTreeMap<&str, &DescribeConfigsResult> =
        answer.results.iter().map(|result| (result.resource_name.as_str(), result)).collect();
    Ok(topics.iter().map(|(name, _)| told.get(&**name).map_or(Answer::Nothing, |told| read(name, told))).collect())
}

fn read(topic: &Arc<str>, told: &DescribeConfigsResult) -> Answer {
    match told.error_code {
        code::NONE => {}
        code::TOPIC_AUTHORIZATION_FAILED | code::CLUSTER_AUTHORIZATION_FAILED => return Answer::Denied,
        _ => return Answer::Nothing,
    }
    let value = |name: &str| {
        let config = told.configs.iter().find(|config| config.name.as_str() == name)?;
        config.value.as_ref().map(|value| value.as_str())
    };
    policy(topic, [RETENTION_MS, RETENTION_BYTES, CLEANUP_POLICY].map(value)).map_or(Answer::Nothing, Answer::Told)
}

/// A log that is only compacted loses nothing by age or size. Negative numbers say that there is no limit.
fn policy(topic: &Arc<str>, [ms, bytes, cleanup]: [Option<&str>; 3]) -> Option<LogPolicy> {
    let cleanup: BTreeSet<&str> = cleanup?.split(',').map(str::trim).collect();
    let limit = |text: Option<&str>| {
        text.and_then(|text| text.parse::<i64>().ok()).filter(|&limit| limit >= 0 && cleanup.contains("delete"))
    };
    Some(LogPolicy {
        topic: Arc::clone(topic),
        retention_ms: limit(ms),
        retention_bytes: limit(bytes),
        compacted: cleanup.contains("compact"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_deletes_is_a_limit() {
        let read = |ms, bytes, cleanup| {
            let policy = policy(&"t".into(), [Some(ms), Some(bytes), Some(cleanup)]).unwrap();
            (policy.retention_ms, policy.retention_bytes, policy.compacted)
        };
        assert_eq!(read("604800000", "-1", "delete"), (Some(604_800_000), None, false));
        assert_eq!(read("-1", "1048576", "delete"), (None, Some(1_048_576), false));
        assert_eq!(read("1000", "1000", "compact"), (None, None, true));
        assert_eq!(read("1000", "soon", "compact, delete"), (Some(1000), None, true));
        assert_eq!(read("1000", "1000", ""), (None, None, false));
        assert!(policy(&"t".into(), [Some("1"), Some("1"), None]).is_none());
    }
}
