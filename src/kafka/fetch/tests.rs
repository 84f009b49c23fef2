use super::*;
use crate::kafka::batch::build::Build;
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{
    ApiKey, BrokerId, FetchRequest, FetchResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use proptest::prelude::*;

fn partition(topic: &'static str, partition: i32) -> TopicPartition {
    let topic_id = [topic.len() as u8; 16];
    TopicPartition { cluster: "test".into(), topic: topic.into(), topic_id, partition }
}

/// The same request by the protocol crate.
fn by_the_crate(version: i16, session: SessionMark) -> Vec<u8> {
    let wanted = |n: i32, position: i64| {
        let partition = FetchPartition::default().with_partition(n).with_fetch_offset(position);
        let partition = partition.with_log_start_offset(-1).with_partition_max_bytes(PARTITION_BYTES);
        let partition = if version >= FLEXIBLE { partition.with_last_fetched_epoch(n + 30) } else { partition };
        if version >= WITH_LEADER_EPOCH { partition.with_current_leader_epoch(n + 40) } else { partition }
    };
    let topic = |name: &'static str, partitions| {
        let mut topic = FetchTopic::default().with_partitions(partitions);
        if by_topic_id(version) {
            topic.topic_id = id(topic.topic_id, name);
        } else {
            topic.topic = TopicName(StrBytes::from_static_str(name));
        }
        topic
    };
    let mut request = FetchRequest::default()
        .with_max_wait_ms(250)
        .with_min_bytes(PACED_BYTES)
        .with_max_bytes(FETCH_BYTES)
        .with_isolation_level(1)
        .with_topics(vec![topic("aa", vec![wanted(0, 5), wanted(3, 6)]), topic("bbb", vec![wanted(1, 1 << 40)])]);
    if version < WITHOUT_REPLICA_ID {
        request.replica_id = BrokerId(-1);
    }
    if version >= WITH_SESSIONS {
        let mut forgotten = ForgottenTopic::default().with_partitions(vec![9]);
        if by_topic_id(version) {
            forgotten.topic_id = id(forgotten.topic_id, "cccc");
        } else {
            forgotten.topic = TopicName(StrBytes::from_static_str("cccc"));
        }
        request = request.with_session_id(session.id).with_session_epoch(session.epoch);
        request.forgotten_topics_data = vec![forgotten];
    }
    if version >= 11 {
        request.rack_id = StrBytes::from_static_str("east-1");
    }
    let header = RequestHeader::default()
        .with_request_api_key(1)
        .with_request_api_version(version)
        .with_correlation_id(99)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    let mut out = BytesMut::zeroed(4);
    header.encode(&mut out, ApiKey::Fetch.request_header_version(version)).unwrap();
    request.encode(&mut out, version).unwrap();
    let length = out.len() as u32 - 4;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.to_vec()
}

/// The topic id of [`partition`], in the type of the crate's field: the type itself is of a crate that is no dependency.
fn id<T: TryFrom<Vec<u8>>>(_: T, topic: &str) -> T {
    T::try_from(vec![topic.len() as u8; 16]).ok().unwrap()
}

#[test]
fn requests_are_the_bytes_that_the_protocol_crate_writes() {
    let partitions = [partition("aa", 0), partition("aa", 3), partition("bbb", 1), partition("cccc", 9)];
    let wanted: Vec<Wanted<'_>> = partitions
        .iter()
        .zip([5, 6, 1 << 40])
        .map(|(partition, position)| Wanted {
            partition,
            leader_epoch: partition.partition + 40,
            position,
            last_epoch: partition.partition + 30,
        })
        .collect();
    let session = SessionMark { id: 77, epoch: 3 };
    let mut out = Vec::new();
    for version in LEAST..=MOST {
        Request {
            version,
            correlation: 99,
            max_wait: Duration::from_millis(250),
            max_bytes: FETCH_BYTES,
            rack: "east-1",
            behind: false,
            session,
            wanted: &wanted,
            forgotten: &[&partitions[3]],
        }
        .write(&mut out);
        assert_eq!(out, by_the_crate(version, session), "version {version}");
    }
}

/// An answer of one topic with two partitions, as a broker writes it.
fn answer(version: i16) -> Vec<u8> {
    let flexible = version >= FLEXIBLE;
    let tags = |out: &mut Vec<u8>| {
        if flexible {
            // One unknown tagged field: newer brokers may send any.
            out.extend([1, 90, 2, 0xaa, 0xbb]);
        }
    };
    let mut out = 99i32.to_be_bytes().to_vec();
    tags(&mut out);
    out.extend(120i32.to_be_bytes());
    if version >= WITH_SESSIONS {
        out.extend(0i16.to_be_bytes());
        out.extend(77i32.to_be_bytes());
    }
    put_length(&mut out, 1, flexible, Width::Four);
    if by_topic_id(version) {
        out.extend([2; 16]);
    } else {
        put_length(&mut out, 2, flexible, Width::Two);
        out.extend(b"aa");
    }
    put_length(&mut out, 2, flexible, Width::Four);
    for (index, error) in [(0i32, 0i16), (3, 6)] {
        out.extend(index.to_be_bytes());
        out.extend(error.to_be_bytes());
        out.extend(1000i64.to_be_bytes());
        out.extend(900i64.to_be_bytes());
        if version >= WITH_LOG_START {
            out.extend(1i64.to_be_bytes());
        }
        put_length(&mut out, 2, flexible, Width::Four);
        for (producer, first) in [(8i64, 30i64), (7, 20)] {
            out.extend(producer.to_be_bytes());
            out.extend(first.to_be_bytes());
            tags(&mut out);
        }
        if version >= WITH_RACK {
            out.extend((-1i32).to_be_bytes());
        }
        let records = if error == 0 { Build::plain(20, 3).bytes() } else { Vec::new() };
        put_length(&mut out, records.len(), flexible, Width::Four);
        out.extend(records);
        if flexible && index == 3 {
            // Where the log diverges (tag 0: epoch 7 ends at 19), and who leads now (tag 1).
            out.extend([2, 0, 13, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 19, 0, 1, 9, 0, 0, 0, 2, 0, 0, 0, 8, 0]);
        } else {
            tags(&mut out);
        }
    }
    tags(&mut out);
    tags(&mut out);
    out
}

#[test]
fn answers_read_as_the_protocol_crate_reads_them() {
    for version in LEAST..=MOST {
        let bytes = answer(version);
        let ours = Answer::read(&bytes, version).expect("an answer");
        let mut rest = Bytes::from(bytes.clone());
        ResponseHeader::decode(&mut rest, ApiKey::Fetch.response_header_version(version)).unwrap();
        let theirs = FetchResponse::decode(&mut rest, version).unwrap();
        assert!(rest.is_empty(), "version {version}");
        assert_eq!((ours.correlation, ours.throttle.as_millis(), ours.error), (99, 120, 0));
        assert_eq!((theirs.throttle_time_ms, theirs.session_id), (120, ours.session));
        let theirs = &theirs.responses[0].partitions;
        assert_eq!((ours.parts.len(), theirs.len()), (2, 2));
        for (ours, theirs) in ours.parts.iter().zip(theirs) {
            assert_eq!(ours.topic, if by_topic_id(version) { &[2; 16][..] } else { b"aa" });
            assert_eq!((ours.partition, ours.error), (theirs.partition_index, theirs.error_code));
            let diverging = ours.diverging.map_or((-1, -1), |from| (from.epoch, from.end_offset));
            assert_eq!(diverging, (theirs.diverging_epoch.epoch, theirs.diverging_epoch.end_offset));
            assert_eq!(diverging.0 == 7, version >= FLEXIBLE && ours.partition == 3);
            assert_eq!((ours.high_watermark, ours.last_stable), (theirs.high_watermark, theirs.last_stable_offset));
            assert_eq!(ours.records, theirs.records.as_deref().unwrap_or_default());
            let aborted: Vec<_> = ours.aborted.iter().map(|a| (a.producer_id, a.first_offset)).collect();
            assert_eq!(aborted, [(7, 20), (8, 30)]);
        }
        for cut in 0..bytes.len() {
            assert!(Answer::read(&bytes[..cut], version).is_none(), "version {version} cut at {cut}");
            if let Some(part) = Answer::overflowing(&bytes[..cut], version) {
                assert_eq!((part.partition, part.records), (0, &ours.parts[0].records[..part.records.len()]));
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_read_to_something_or_nothing(version in LEAST..=MOST, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Answer::read(&bytes, version);
    }

    #[test]
    fn mutated_answers_read_to_something_or_nothing(
        version in LEAST..=MOST,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = answer(version);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(answer) = Answer::read(&bytes, version) {
            prop_assert!(answer.parts.len() <= bytes.len() / 16);
        }
    }
}
