//! What groups there are, of what kind, and what their members do.

use crate::event::{GroupKind, GroupPhase, GroupState};
use crate::kafka::connection::Connection;
use crate::kafka::error::{Error, code};
use crate::kafka::request::ReadRequest;
use kafka_protocol::messages::ListGroupsRequest;
use kafka_protocol::messages::list_groups_response::ListedGroup;

/// Protocol type of consumers, and of Kafka Streams before KIP-1071.
pub(super) const CONSUMERS: &str = "consumer";
/// Protocol type of the workers of Kafka Connect.
const CONNECT: &str = "connect";

/// The groups that this broker coordinates, sorted; `None` when it does not offer the request.
pub(super) fn list(link: &mut Connection, names: &[String]) -> Result<Option<Vec<GroupState>>, Error> {
    if link.version_of::<ListGroupsRequest>().is_err() {
        return Ok(None);
    }
    let answer = link.call(&ListGroupsRequest::default())?;
    if answer.error_code != code::NONE {
        let (request, code) = (ListGroupsRequest::NAME, answer.error_code);
        return Err(Error::Refused { broker: link.address.clone(), request, code });
    }
    let asked = |name: &str| names.is_empty() || names.iter().any(|asked| asked == name);
    let mut listed: Vec<GroupState> = answer.groups.iter().filter(|group| asked(&group.group_id)).map(state).collect();
    listed.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(Some(listed))
}

fn state(listed: &ListedGroup) -> GroupState {
    let (kind, phase) = (kind(&listed.group_type, &listed.protocol_type), phase(&listed.group_state));
    let memberless = kind == GroupKind::Simple || matches!(phase, Some(GroupPhase::Empty | GroupPhase::Dead));
    GroupState {
        kind,
        phase,
        members: memberless.then_some(0),
        ..GroupState::of(listed.group_id.as_str().into(), Vec::new())
    }
}

/// The type is there from Kafka 3.8 on; before, there is the classic protocol only.
pub(super) fn kind(group_type: &str, protocol_type: &str) -> GroupKind {
    match group_type.to_ascii_lowercase().as_str() {
        "consumer" => GroupKind::Consumer,
        "share" => GroupKind::Share,
        "streams" => GroupKind::Streams,
        "classic" | "" => match protocol_type {
            CONSUMERS => GroupKind::Classic,
            "" => GroupKind::Simple,
            CONNECT => GroupKind::Connect,
            _ => GroupKind::Other,
        },
        _ => GroupKind::Unknown,
    }
}

/// The broker's word for what the members do; it has some for each protocol.
pub(super) fn phase(word: &str) -> Option<GroupPhase> {
    match word {
        "Stable" => Some(GroupPhase::Stable),
        "Empty" => Some(GroupPhase::Empty),
        "Dead" => Some(GroupPhase::Dead),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" | "NotReady" => {
            Some(GroupPhase::Rebalancing)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart_by_type_and_by_protocol() {
        let cases = [
            ("Classic", "consumer", GroupKind::Classic),
            ("", "consumer", GroupKind::Classic),
            ("classic", "", GroupKind::Simple),
            ("Classic", "connect", GroupKind::Connect),
            ("", "sr", GroupKind::Other),
            ("Consumer", "consumer", GroupKind::Consumer),
            ("Share", "share", GroupKind::Share),
            ("Streams", "streams", GroupKind::Streams),
            ("Coven", "consumer", GroupKind::Unknown),
        ];
        for (group_type, protocol_type, expected) in cases {
            assert_eq!(kind(group_type, protocol_type), expected, "{group_type} {protocol_type}");
        }
    }
}
