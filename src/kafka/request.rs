//! The closed list of requests that the tap can send besides ApiVersions and Fetch. None of them writes.

use super::wire::Cursor;
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribeConfigsRequest,
    DescribeConfigsResponse, DescribeGroupsRequest, DescribeGroupsResponse, DescribeLogDirsRequest,
    DescribeLogDirsResponse, DescribeShareGroupOffsetsRequest, ListGroupsRequest, ListGroupsResponse,
    ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetFetchRequest,
    OffsetFetchResponse, ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable};

/// A request that the tap may send besides ApiVersions and Fetch. The list is closed, and none of them writes.
pub(super) trait ReadRequest {
    const KEY: ApiKey;
    const NAME: &'static str;
    /// Versions that the tap speaks.
    const LEAST: i16;
    const MOST: i16;
    /// What is sent.
    type Words: Encodable;
    type Answer;

    fn words(&self) -> &Self::Words;

    /// The version of the form in which a question of `version` is written.
    fn form(version: i16) -> i16 {
        version
    }

    /// Reads the body of an answer, or says what is wrong with it.
    fn read(body: &mut Bytes, version: i16) -> Result<Self::Answer, String>;

    /// How long the broker's quota asks to wait before the next request, in ms.
    fn throttle(answer: &Self::Answer) -> i32;
}

macro_rules! read_request {
    ($request:ty => $answer:ty, $key:ident, $least:literal..=$most:literal) => {
        impl ReadRequest for $request {
            const KEY: ApiKey = ApiKey::$key;
            const NAME: &'static str = stringify!($key);
            const LEAST: i16 = $least;
            const MOST: i16 = $most;
            type Words = Self;
            type Answer = $answer;

            fn words(&self) -> &Self {
                self
            }

            fn read(body: &mut Bytes, version: i16) -> Result<$answer, String> {
                <$answer>::decode(body, version).map_err(|error| error.to_string())
            }

            fn throttle(answer: &$answer) -> i32 {
                answer.throttle_time_ms
            }
        }
    };
}

// From v4 on the request can say that no topic may be created (KIP-204 era brokers, 0.11); topic ids from v10.
read_request!(MetadataRequest => MetadataResponse, Metadata, 4..=12);
// Isolation levels from v2 on. Beyond v9 there is only a timeout for remote storage.
read_request!(ListOffsetsRequest => ListOffsetsResponse, ListOffsets, 2..=9);
// States of groups from v4 on, their types from v5 on.
read_request!(ListGroupsRequest => ListGroupsResponse, ListGroups, 0..=5);
// All topics of a group can be asked for from v2 on, several groups at once from v8 on; v10 names topics by id only.
read_request!(OffsetFetchRequest => OffsetFetchResponse, OffsetFetch, 2..=9);
// Members by the classic protocol.
read_request!(DescribeGroupsRequest => DescribeGroupsResponse, DescribeGroups, 0..=6);
// Members by the protocol of KIP-848.
read_request!(ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse, ConsumerGroupDescribe, 0..=1);
// Members of share groups; v0 was that of a preview.
read_request!(ShareGroupDescribeRequest => ShareGroupDescribeResponse, ShareGroupDescribe, 1..=1);
// Retention and compaction of topics.
read_request!(DescribeConfigsRequest => DescribeConfigsResponse, DescribeConfigs, 1..=4);
// Sizes of logs. Topics can be chosen in all versions.
read_request!(DescribeLogDirsRequest => DescribeLogDirsResponse, DescribeLogDirs, 1..=4);

/// Where share groups stand; from v1 on how many records they have yet to be given (KIP-1226). The protocol crate knows
/// version 0 only, and version 1 asks in the same words.
pub(super) struct ShareOffsetsRequest(pub(super) DescribeShareGroupOffsetsRequest);

impl ReadRequest for ShareOffsetsRequest {
    const KEY: ApiKey = ApiKey::DescribeShareGroupOffsets;
    const NAME: &'static str = "DescribeShareGroupOffsets";
    const LEAST: i16 = 0;
    const MOST: i16 = 1;
    type Words = DescribeShareGroupOffsetsRequest;
    type Answer = ShareOffsetsAnswer;

    fn words(&self) -> &Self::Words {
        &self.0
    }

    fn form(_version: i16) -> i16 {
        0
    }

    fn read(body: &mut Bytes, version: i16) -> Result<ShareOffsetsAnswer, String> {
        share_offsets(&mut Cursor::new(body), version).ok_or_else(|| "it is cut short".to_owned())
    }

    fn throttle(answer: &ShareOffsetsAnswer) -> i32 {
        answer.throttle_time_ms
    }
}

/// What it is answered with.
#[derive(Debug, Default)]
pub(super) struct ShareOffsetsAnswer {
    throttle_time_ms: i32,
    pub(super) groups: Vec<ShareGroup>,
}

/// One share group of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShareGroup {
    pub(super) group: String,
    pub(super) error: i16,
    pub(super) places: Vec<SharePlace>,
}

/// One partition of a share group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SharePlace {
    pub(super) topic: std::sync::Arc<str>,
    pub(super) partition: i32,
    pub(super) start: i64,
    /// Negative where the broker does not tell.
    pub(super) lag: i64,
    pub(super) error: i16,
}

/// Lists grow by what was read, never by what is claimed.
fn share_offsets(cursor: &mut Cursor<'_>, version: i16) -> Option<ShareOffsetsAnswer> {
    let mut answer = ShareOffsetsAnswer { throttle_time_ms: cursor.i32()?, groups: Vec::new() };
    for _ in 0..cursor.length(true)? {
        let group = text(cursor)?;
        let mut places = Vec::new();
        for _ in 0..cursor.length(true)? {
            let topic: std::sync::Arc<str> = text(cursor)?.into();
            cursor.take(16)?;
            for _ in 0..cursor.length(true)? {
                let (partition, start, _epoch) = (cursor.i32()?, cursor.i64()?, cursor.i32()?);
                let lag = if version >= 1 { cursor.i64()? } else { -1 };
                let error = cursor.i16()?;
                text(cursor)?;
                cursor.skip_tags(true)?;
                places.push(SharePlace { topic: topic.clone(), partition, start, lag, error });
            }
            cursor.skip_tags(true)?;
        }
        let error = cursor.i16()?;
        text(cursor)?;
        cursor.skip_tags(true)?;
        answer.groups.push(ShareGroup { group, error, places });
    }
    cursor.skip_tags(true)?;
    Some(answer)
}

fn text(cursor: &mut Cursor<'_>) -> Option<String> {
    let length = cursor.length(true)?;
    Some(String::from_utf8_lossy(cursor.take(length)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One group on one partition; `lag` is the field that version 1 brings.
    fn answer(lag: &[u8]) -> Vec<u8> {
        let front = [&[0, 0, 0, 7, 2, 2, b'g', 2, 2, b't'][..], &[9; 16], &[2]].concat();
        let place = [&[0, 0, 0, 3][..], &42_i64.to_be_bytes(), &[0, 0, 0, 1], lag, &[0, 0, 0, 0]].concat();
        [&front[..], &place, &[0, 0, 0, 0, 0, 0]].concat()
    }

    #[test]
    fn share_offsets_read_in_both_versions() {
        for (version, lag, bytes) in [(0, -1, answer(&[])), (1, 5, answer(&5_i64.to_be_bytes()))] {
            let told = ShareOffsetsRequest::read(&mut Bytes::from(bytes.clone()), version).unwrap();
            let place = SharePlace { topic: "t".into(), partition: 3, start: 42, lag, error: 0 };
            assert_eq!(told.groups, [ShareGroup { group: "g".into(), error: 0, places: vec![place] }]);
            assert_eq!(told.throttle_time_ms, 7);
            for cut in 0..bytes.len() {
                let mut short = Bytes::from(bytes[..cut].to_vec());
                assert!(ShareOffsetsRequest::read(&mut short, version).is_err(), "cut at {cut}");
            }
        }
    }
}
