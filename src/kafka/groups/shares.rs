//! Where share groups stand (KIP-932). They have no committed offsets.

use super::group_id;
use crate::event::{GroupState, ShareOffset};
use crate::kafka::connection::Connection;
use crate::kafka::error::{Error, code};
use crate::kafka::request::{ShareOffsetsRequest, SharePlace};
use kafka_protocol::messages::DescribeShareGroupOffsetsRequest;
use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Writes the start offsets of all topics into `groups`. Where the broker does not offer the question, they have none.
pub(super) fn fetch(link: &mut Connection, groups: &mut [GroupState]) -> Result<BTreeMap<Arc<str>, i16>, Error> {
    let mut refused = BTreeMap::new();
    if groups.is_empty() || link.version_of::<ShareOffsetsRequest>().is_err() {
        return Ok(refused);
    }
    let asked = |state: &GroupState| {
        DescribeShareGroupOffsetsRequestGroup::default().with_group_id(group_id(&state.group)).with_topics(None)
    };
    let request = DescribeShareGroupOffsetsRequest::default().with_groups(groups.iter().map(asked).collect());
    for told in link.call(&ShareOffsetsRequest(request))?.groups {
        let Some(state) = groups.iter_mut().find(|state| *state.group == *told.group) else { continue };
        if told.error == code::NONE || told.error == code::GROUP_ID_NOT_FOUND {
            state.shares = told.places.into_iter().filter_map(stands).collect();
        } else {
            refused.insert(Arc::clone(&state.group), told.error);
        }
    }
    Ok(refused)
}

/// A negative start says that nothing was delivered there yet.
fn stands(place: SharePlace) -> Option<ShareOffset> {
    let SharePlace { topic, partition, start, lag, error } = place;
    (error == code::NONE && start >= 0).then(|| ShareOffset {
        topic,
        partition,
        start,
        waiting: (lag >= 0).then_some(lag),
    })
}
