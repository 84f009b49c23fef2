//! Who is in a group, and what its members hold.

use super::group_id;
use super::listing::{CONSUMERS, phase};
use crate::event::{GroupKind, GroupPhase, GroupState};
use crate::kafka::cluster::Way;
use crate::kafka::connection::Connection;
use crate::kafka::error::{Error, code};
use crate::kafka::wire::Cursor;
use kafka_protocol::messages::{ConsumerGroupDescribeRequest, DescribeGroupsRequest, ShareGroupDescribeRequest};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Groups of one request: bounds the answer, which holds every member with its partitions.
const GROUPS_PER_REQUEST: usize = 100;
/// What the members of Kafka Streams agree on by the classic protocol.
const STREAMS: &str = "stream";

/// What one group's broker says of its members.
struct Seats {
    group: String,
    /// Other than 0: nothing else is known.
    error: i16,
    phase: Option<GroupPhase>,
    members: usize,
    assigned: Vec<(Arc<str>, i32)>,
    streams: bool,
}

/// Asks one broker for the members of some groups.
type Ask = fn(&mut Connection, &[Arc<str>]) -> Result<Vec<Seats>, Error>;

/// Writes members and what they hold into `states`. What the broker does not offer, or does not tell, stays unknown.
pub(super) fn describe(way: &mut Way, states: &mut [GroupState]) {
    let mut asked: HashMap<Protocol, Vec<Arc<str>>> = HashMap::new();
    for state in states.iter().filter(|state| state.members.is_none()) {
        if let Some(protocol) = Protocol::of(state.kind) {
            asked.entry(protocol).or_default().push(Arc::clone(&state.group));
        }
    }
    let mut seats: HashMap<String, Seats> = HashMap::new();
    for (protocol, groups) in asked {
        for some in groups.chunks(GROUPS_PER_REQUEST) {
            match way.ask(|link| protocol.ask()(link, some)) {
                Ok(told) => seats.extend(told.into_iter().map(|seats| (seats.group.clone(), seats))),
                Err(error) => {
                    tracing::debug!(%error, ?protocol, "the members of these groups stay unknown");
                    break;
                }
            }
        }
    }
    for state in states {
        let Some(seats) = seats.remove(&*state.group) else { continue };
        if seats.error != code::NONE {
            tracing::debug!(group = %state.group, code = seats.error, "the members of this group stay unknown");
            continue;
        }
        state.phase = seats.phase.or(state.phase);
        state.members = u32::try_from(seats.members).ok();
        state.assigned = seats.assigned;
        if seats.streams {
            state.kind = GroupKind::Streams;
        }
    }
}

/// How the members of a group keep in touch with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Protocol {
    Classic,
    Consumer,
    Share,
}

impl Protocol {
    fn of(kind: GroupKind) -> Option<Self> {
        match kind {
            GroupKind::Classic | GroupKind::Connect | GroupKind::Other => Some(Self::Classic),
            GroupKind::Consumer => Some(Self::Consumer),
            GroupKind::Share => Some(Self::Share),
            // Of Kafka Streams by its own protocol (KIP-1071) the kind and the state are known.
            GroupKind::Simple | GroupKind::Streams | GroupKind::Unknown => None,
        }
    }

    fn ask(self) -> Ask {
        match self {
            Self::Classic => classic,
            Self::Consumer => consumer,
            Self::Share => share,
        }
    }
}

fn classic(link: &mut Connection, groups: &[Arc<str>]) -> Result<Vec<Seats>, Error> {
    let request = DescribeGroupsRequest::default().with_groups(groups.iter().map(group_id).collect());
    let answer = link.call(&request)?;
    let seats = answer.groups.iter().map(|group| {
        let consumers = group.protocol_type.as_str() == CONSUMERS;
        let held = group.members.iter().filter(|_| consumers);
        Seats {
            group: group.group_id.to_string(),
            error: group.error_code,
            phase: phase(&group.group_state),
            members: group.members.len(),
            assigned: held.flat_map(|member| assignment(&member.member_assignment)).collect(),
            streams: consumers && group.protocol_data.as_str() == STREAMS,
        }
    });
    Ok(seats.collect())
}

fn consumer(link: &mut Connection, groups: &[Arc<str>]) -> Result<Vec<Seats>, Error> {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(groups.iter().map(group_id).collect());
    let answer = link.call(&request)?;
    let seats = answer.groups.iter().map(|group| {
        let held = group.members.iter().flat_map(|member| &member.assignment.topic_partitions);
        Seats {
            group: group.group_id.to_string(),
            error: group.error_code,
            phase: phase(&group.group_state),
            members: group.members.len(),
            assigned: held.flat_map(|held| partitions(&held.topic_name, &held.partitions)).collect(),
            streams: false,
        }
    });
    Ok(seats.collect())
}

fn share(link: &mut Connection, groups: &[Arc<str>]) -> Result<Vec<Seats>, Error> {
    let request = ShareGroupDescribeRequest::default().with_group_ids(groups.iter().map(group_id).collect());
    let answer = link.call(&request)?;
    let seats = answer.groups.iter().map(|group| {
        let held = group.members.iter().flat_map(|member| &member.assignment.topic_partitions);
        // Its members share partitions.
        let assigned: BTreeSet<(Arc<str>, i32)> =
            held.flat_map(|held| partitions(&held.topic_name, &held.partitions)).collect();
        Seats {
            group: group.group_id.to_string(),
            error: group.error_code,
            phase: phase(&group.group_state),
            members: group.members.len(),
            assigned: assigned.into_iter().collect(),
            streams: false,
        }
    });
    Ok(seats.collect())
}

fn partitions(topic: &str, numbers: &[i32]) -> Vec<(Arc<str>, i32)> {
    let topic: Arc<str> = topic.into();
    numbers.iter().map(|&number| (Arc::clone(&topic), number)).collect()
}

/// What a member holds by the classic protocol (ConsumerProtocolAssignment). Clients write these bytes, so they are read
/// as far as they make sense.
fn assignment(bytes: &[u8]) -> Vec<(Arc<str>, i32)> {
    let mut held = Vec::new();
    let mut cursor = Cursor::new(bytes);
    let _version = cursor.i16();
    for _ in 0..cursor.length(false).unwrap_or(0) {
        let Some((topic, count)) = topic_and_count(&mut cursor) else { break };
        for _ in 0..count {
            let Some(number) = cursor.i32() else { return held };
            held.push((Arc::clone(&topic), number));
        }
    }
    held
}

fn topic_and_count(cursor: &mut Cursor<'_>) -> Option<(Arc<str>, usize)> {
    let length = usize::try_from(cursor.i16()?).ok()?;
    let topic = std::str::from_utf8(cursor.take(length)?).ok()?.into();
    Some((topic, cursor.length(false)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(bytes: &[u8]) -> Vec<(String, i32)> {
        assignment(bytes).into_iter().map(|(topic, number)| (topic.to_string(), number)).collect()
    }

    #[test]
    fn assignments_read_as_far_as_they_make_sense() {
        let whole =
            [&[0, 1, 0, 0, 0, 2, 0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3][..], &[0, 1, b'b', 0, 0, 0, 1]]
                .concat();
        let whole = [&whole[..], &[0, 0, 0, 7], &[0xff; 4]].concat();
        let all = [("a".to_owned(), 0), ("a".to_owned(), 3), ("b".to_owned(), 7)];
        assert_eq!(held(&whole), all);
        for cut in 0..whole.len() {
            let some = held(&whole[..cut]);
            assert!(all.starts_with(&some), "cut at {cut}: {some:?}");
        }
        assert!(held(&[]).is_empty());
        // Two thousand million topics, or partitions, of which none is there.
        assert!(held(&[0, 1, 0x7f, 0xff, 0xff, 0xff]).is_empty());
        assert!(held(&[0, 1, 0, 0, 0, 1, 0, 1, b'a', 0x7f, 0xff, 0xff, 0xff]).is_empty());
    }
}
