//! What librdkafka does not send: members by other protocols, and commits of groups that nobody joins, many of them.

use super::poll_until;
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiKey, FindCoordinatorRequest, FindCoordinatorResponse, GroupId, JoinGroupRequest, JoinGroupResponse,
    OffsetCommitRequest, OffsetCommitResponse, RequestHeader, ResponseHeader, SyncGroupRequest, SyncGroupResponse,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// One commit: topic, partition, offset, and what stands beside it.
pub type Commit = (String, i32, i64, String);

/// A member of a group by the classic protocol.
pub struct Member<'a> {
    pub group: &'a str,
    /// Protocol type, and the one protocol that the member knows.
    pub protocol: (&'a str, &'a str),
    pub metadata: &'a [u8],
    /// What it gives itself.
    pub assignment: &'a [u8],
    /// It says nothing more: after this the broker takes it for gone.
    pub session: Duration,
}

/// A connection to the only broker of a cluster.
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// Connects, and asks for a coordinator: where nobody did, a cluster has no place for commits yet.
    pub fn connect(bootstrap: &str) -> Self {
        let mut raw = Self { stream: TcpStream::connect(bootstrap).unwrap() };
        let request = FindCoordinatorRequest::default().with_key(StrBytes::from_static_str("raw"));
        poll_until("a coordinator", PATIENCE, || {
            let found: FindCoordinatorResponse = raw.call(ApiKey::FindCoordinator, 3, &request);
            (found.error_code == 0).then_some(())
        });
        raw
    }

    fn call<Q: Encodable, A: Decodable>(&mut self, key: ApiKey, version: i16, request: &Q) -> A {
        let header = RequestHeader::default()
            .with_request_api_key(key as i16)
            .with_request_api_version(version)
            .with_client_id(Some(StrBytes::from_static_str("raw")));
        let mut frame = BytesMut::zeroed(4);
        header.encode(&mut frame, key.request_header_version(version)).unwrap();
        request.encode(&mut frame, version).unwrap();
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&frame).unwrap();
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; length.as_slice().get_u32() as usize];
        self.stream.read_exact(&mut answer).unwrap();
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, key.response_header_version(version)).unwrap();
        A::decode(&mut answer, version).unwrap()
    }

    /// Joins a group as its only member.
    pub fn join(&mut self, member: &Member<'_>) {
        let Member { group, protocol, metadata, assignment, session } = *member;
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_session_timeout_ms(session.as_millis() as i32)
            .with_rebalance_timeout_ms(session.as_millis() as i32)
            .with_protocol_type(text(protocol.0))
            .with_protocols(vec![
                JoinGroupRequestProtocol::default()
                    .with_name(text(protocol.1))
                    .with_metadata(Bytes::copy_from_slice(metadata)),
            ]);
        // The first group of a cluster waits for its coordinator.
        let joined: JoinGroupResponse = poll_until("a member", PATIENCE, || {
            let joined: JoinGroupResponse = self.call(ApiKey::JoinGroup, 3, &request);
            (joined.error_code == 0).then_some(joined)
        });
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone())
            .with_assignments(vec![
                SyncGroupRequestAssignment::default()
                    .with_member_id(joined.member_id)
                    .with_assignment(Bytes::copy_from_slice(assignment)),
            ]);
        let synced: SyncGroupResponse = self.call(ApiKey::SyncGroup, 2, &request);
        assert_eq!(synced.error_code, 0, "{group}");
    }

    /// Commits for a group that nobody joined.
    pub fn commit(&mut self, group: &str, commits: &[Commit]) {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for (topic, partition, offset, metadata) in commits {
            topics.entry(topic).or_default().push(
                OffsetCommitRequestPartition::default()
                    .with_partition_index(*partition)
                    .with_committed_offset(*offset)
                    .with_committed_metadata(Some(text(metadata))),
            );
        }
        let topic = |(name, partitions): (&str, Vec<OffsetCommitRequestPartition>)| {
            OffsetCommitRequestTopic::default().with_name(TopicName(text(name))).with_partitions(partitions)
        };
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(topics.into_iter().map(topic).collect());
        poll_until("commits", PATIENCE, || {
            let answer: OffsetCommitResponse = self.call(ApiKey::OffsetCommit, 8, &request);
            let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.all(|partition| partition.error_code == 0).then_some(())
        });
    }
}
