//! Committed offsets.

use super::group_id;
use crate::event::{CommittedOffset, GroupState};
use crate::kafka::cluster::{Led, topic_name};
use crate::kafka::connection::Connection;
use crate::kafka::error::{Error, code};
use kafka_protocol::messages::OffsetFetchRequest;
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// First version of OffsetFetch that asks for several groups at once (KIP-709).
const SEVERAL_GROUPS: i16 = 8;
/// Groups of one OffsetFetch request; bounds the answer, which holds every committed partition of each.
pub(super) const GROUPS_PER_REQUEST: usize = 50;

type Topics = BTreeMap<Arc<str>, Vec<i32>>;
type Refused = BTreeMap<Arc<str>, i16>;

/// Committed offsets of `groups` on all topics.
pub(super) fn of_all(link: &mut Connection, groups: &mut [GroupState]) -> Result<Refused, Error> {
    fetch(link, groups, None)
}

/// Writes the committed offsets on all topics, or on those of `wanted`, into `groups`. Gives the groups of which the
/// broker tells none, with its reason.
pub(super) fn fetch(
    link: &mut Connection,
    groups: &mut [GroupState],
    wanted: Option<&[Led]>,
) -> Result<Refused, Error> {
    if groups.is_empty() {
        return Ok(Refused::new());
    }
    let topics = wanted.map(by_topic);
    if link.version_of::<OffsetFetchRequest>()? >= SEVERAL_GROUPS {
        return fetch_together(link, groups, topics.as_ref());
    }
    let mut refused = Refused::new();
    for state in groups {
        let topics = topics.as_ref().map(|topics| {
            let topic = |(name, numbers): (&Arc<str>, &Vec<i32>)| {
                OffsetFetchRequestTopic::default().with_name(topic_name(name)).with_partition_indexes(numbers.clone())
            };
            topics.iter().map(topic).collect()
        });
        let request = OffsetFetchRequest::default().with_group_id(group_id(&state.group)).with_topics(topics);
        let answer = link.call(&request)?;
        if answer.error_code != code::NONE {
            refused.insert(Arc::clone(&state.group), answer.error_code);
            continue;
        }
        let group = Arc::clone(&state.group);
        state.commits = (answer.topics.iter())
            .flat_map(|topic| {
                let place = Place { group: &group, topic: topic.name.as_str().into() };
                let commit =
                    move |p: &kafka_protocol::messages::offset_fetch_response::OffsetFetchResponsePartition| {
                        place.committed((p.partition_index, p.error_code), p.committed_offset, p.metadata.as_ref())
                    };
                topic.partitions.iter().filter_map(commit).collect::<Vec<_>>()
            })
            .collect();
    }
    Ok(refused)
}

fn fetch_together(link: &mut Connection, groups: &mut [GroupState], topics: Option<&Topics>) -> Result<Refused, Error> {
    let topics = topics.map(|topics| {
        let topic = |(name, numbers): (&Arc<str>, &Vec<i32>)| {
            OffsetFetchRequestTopics::default().with_name(topic_name(name)).with_partition_indexes(numbers.clone())
        };
        topics.iter().map(topic).collect::<Vec<_>>()
    });
    let group = |state: &GroupState| {
        OffsetFetchRequestGroup::default().with_group_id(group_id(&state.group)).with_topics(topics.clone())
    };
    let answer = link.call(&OffsetFetchRequest::default().with_groups(groups.iter().map(group).collect()))?;
    let mut refused = Refused::new();
    for told in &answer.groups {
        let Some(state) = groups.iter_mut().find(|state| *state.group == *told.group_id.as_str()) else { continue };
        // A group of another kind is listed and has no committed offsets: it stays, with none.
        if told.error_code != code::NONE && told.error_code != code::GROUP_ID_NOT_FOUND {
            refused.insert(Arc::clone(&state.group), told.error_code);
            continue;
        }
        let mut commits = Vec::new();
        for topic in &told.topics {
            let place = Place { group: &state.group, topic: topic.name.as_str().into() };
            commits.extend(topic.partitions.iter().filter_map(|p| {
                place.committed((p.partition_index, p.error_code), p.committed_offset, p.metadata.as_ref())
            }));
        }
        state.commits = commits;
    }
    Ok(refused)
}

struct Place<'a> {
    group: &'a Arc<str>,
    topic: Arc<str>,
}

impl Place<'_> {
    /// -1 says that nothing was ever committed there.
    fn committed(
        &self,
        (partition, error): (i32, i16),
        offset: i64,
        metadata: Option<&StrBytes>,
    ) -> Option<CommittedOffset> {
        let commit = (error == code::NONE && offset >= 0)
            .then(|| CommittedOffset::new(self.group, &self.topic, partition, Some(offset)))?;
        Some(match metadata {
            Some(text) if !text.is_empty() => CommittedOffset { metadata: text.as_str().into(), ..commit },
            _ => commit,
        })
    }
}

fn by_topic(wanted: &[Led]) -> Topics {
    let mut topics = Topics::new();
    for led in wanted {
        topics.entry(Arc::clone(&led.identity.topic)).or_default().push(led.identity.partition);
    }
    topics
}
