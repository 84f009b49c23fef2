//! Who is in a group, as the group coordinator writes it: what members call themselves, and which library they look like.
//!
//! `GroupMetadataValue.json`, `ConsumerGroupMemberMetadataValue.json` and `ConsumerProtocolSubscription.json` of Apache
//! Kafka 4.1. Libraries by what confluent-kafka 2.16, kafka-clients 3.9, kafkajs 2.2 and aiokafka 0.14 wrote to a real broker.

use super::offsets::{Fields, RecordType};
use crate::event::{Library, clip};

/// Members of one record that are kept: those of a group mostly share one client id, or differ in a number.
const MAX_KEPT: usize = 8;

/// Members of one record that are looked at for them.
const MAX_MEMBERS: usize = 1_000;

/// Topics of one subscription that are skipped to what stands behind them.
const MAX_TOPICS: i32 = 10_000;

/// Bytes of a client id that are kept: its beginning names the client.
const MAX_CLIENT_BYTES: usize = 64;

/// The only assignor of kafkajs, by the name that nobody else gives it.
const KAFKAJS: &[u8] = b"RoundRobinAssigner";

/// What the members of Kafka Streams agree on.
const STREAMS: &[u8] = b"stream";

/// Time that the Go clients give members to join again, ms; Java gives them the time between two polls.
const GO_REBALANCE_MS: i32 = 60_000;

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it calls itself.
    pub client: String,
    /// The library that it looks like.
    pub library: Option<Library>,
}

/// The group and its members that a record of this kind tells of.
pub(super) fn members(kind: RecordType, mut key: Fields<'_>, value: Option<&[u8]>) -> Option<(String, Vec<Member>)> {
    let group = key.string()?.to_owned();
    let mut value = Fields(value?);
    let version = value.int16()?;
    let mut members = Kept(Vec::new());
    match kind {
        RecordType::GroupMetadata if (0..=3).contains(&version) => classic(value, version, &mut members)?,
        RecordType::ConsumerGroupMemberMetadata if version == 0 => {
            value.compact_or_null()?; // instance id
            value.compact_or_null()?; // rack id
            members.keep(value.compact_bytes()?, None);
        }
        _ => return None,
    }
    Some((group, members.0))
}

struct Kept(Vec<Member>);

impl Kept {
    fn keep(&mut self, client: &[u8], library: Option<Library>) {
        let member = Member { client: clip(client, MAX_CLIENT_BYTES), library };
        if !member.client.is_empty() && self.0.len() < MAX_KEPT && !self.0.contains(&member) {
            self.0.push(member);
        }
    }
}

/// `GroupMetadataValue`, versions 0 to 3.
fn classic(mut value: Fields<'_>, version: i16, members: &mut Kept) -> Option<()> {
    value.bytes()?; // protocol type
    value.int32()?; // generation
    let protocol = value.or_null()?;
    value.or_null()?; // leader
    if version >= 2 {
        value.int64()?; // time of the state
    }
    let count = usize::try_from(value.int32()?).ok()?;
    for _ in 0..count.min(MAX_MEMBERS) {
        value.bytes()?; // member id
        if version >= 3 {
            value.or_null()?; // instance id
        }
        let client = value.bytes()?;
        value.bytes()?; // host
        let rebalance_ms = if version >= 1 { Some(value.int32()?) } else { None };
        let session_ms = value.int32()?;
        let len = usize::try_from(value.int32()?).ok()?;
        let subscription = value.take(len)?;
        let len = usize::try_from(value.int32()?).ok()?;
        value.take(len)?; // assignment
        let times = rebalance_ms.map(|rebalance| (rebalance, session_ms));
        members.keep(client, library(protocol, subscription, times));
    }
    Some(())
}

/// The library that writes this protocol, subscription and (rebalance, session) timeouts.
fn library(protocol: &[u8], subscription: &[u8], times: Option<(i32, i32)>) -> Option<Library> {
    match protocol {
        KAFKAJS => return Some(Library::Kafkajs),
        STREAMS => return Some(Library::Java),
        _ => {}
    }
    let (rebalance_ms, session_ms) = times?;
    let subscription = Subscription::read(Fields(subscription))?;
    match subscription {
        // Java writes a null rack, librdkafka an empty one.
        Subscription { rack: Some(None), .. } if rebalance_ms != GO_REBALANCE_MS => Some(Library::Java),
        Subscription { rack: Some(Some(0)), user: Some(0), .. } => Some(Library::Librdkafka),
        // It has no timeout of its own for joining again.
        Subscription { version: 0, user: Some(0), .. } if rebalance_ms == session_ms => Some(Library::Aiokafka),
        _ => None,
    }
}

/// What tells libraries apart in a `ConsumerProtocolSubscription`: lengths, `None` for null.
struct Subscription {
    version: i16,
    user: Option<usize>,
    /// From version 3 on.
    rack: Option<Option<usize>>,
}

impl Subscription {
    fn read(mut from: Fields<'_>) -> Option<Self> {
        let version = from.int16()?;
        for _ in 0..from.int32().filter(|topics| *topics <= MAX_TOPICS)? {
            from.bytes()?;
        }
        let user = match from.int32()? {
            -1 => None,
            len => Some(from.take(usize::try_from(len).ok()?)?.len()),
        };
        let rack = match version >= 3 {
            true => Some(Self::rack(&mut from)?),
            false => None,
        };
        Some(Self { version, user, rack })
    }

    fn rack(from: &mut Fields<'_>) -> Option<Option<usize>> {
        for _ in 0..from.int32().filter(|topics| *topics <= MAX_TOPICS)? {
            from.bytes()?;
            let partitions = usize::try_from(from.int32()?).ok()?;
            from.take(partitions.checked_mul(4)?)?;
        }
        from.int32()?; // generation
        Some(match from.int16()? {
            -1 => None,
            len => Some(from.take(usize::try_from(len).ok()?)?.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::offsets::{CoordinatorRecord, offset_commit};

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat()
    }

    fn key(kind: i16) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &text("billing"), &text("member-1")].concat()
    }

    fn value(version: i16, protocol: &str, members: &[(&str, Vec<u8>, [i32; 2])]) -> Vec<u8> {
        let head = [&version.to_be_bytes()[..], &text("consumer"), &[0, 0, 0, 7], &text(protocol), &[0xff; 2]];
        let mut value = head.concat();
        if version >= 2 {
            value.extend(0i64.to_be_bytes());
        }
        value.extend((members.len() as i32).to_be_bytes());
        for (client, subscription, times) in members {
            value.extend(text("member-1"));
            if version >= 3 {
                value.extend([0xff; 2]);
            }
            value.extend([text(client), text("/10.0.0.1")].concat());
            let times = if version >= 1 { &times[..] } else { &times[1..] };
            value.extend(times.iter().flat_map(|time| time.to_be_bytes()));
            value.extend((subscription.len() as i32).to_be_bytes());
            value.extend([&subscription[..], &[0; 4]].concat());
        }
        value
    }

    fn subscription(version: i16, tail: &[u8]) -> Vec<u8> {
        [&version.to_be_bytes()[..], &[0, 0, 0, 1], &text("orders"), tail].concat()
    }

    fn read(kind: i16, value: &[u8]) -> (String, Vec<Member>) {
        match offset_commit(Some(&key(kind)), Some(value)) {
            CoordinatorRecord::Members { group, members } => (group, members),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn members_say_what_they_call_themselves() {
        let of = |client: &'static str| (client, Vec::new(), [300_000, 45_000]);
        for version in 0..=3 {
            let (group, members) = read(2, &value(version, "range", &[of("a"), of("a"), of("b-1")]));
            let names: Vec<&str> = members.iter().map(|member| &*member.client).collect();
            assert_eq!((group.as_str(), names), ("billing", vec!["a", "b-1"]), "version {version}");
        }
        let member = [&[0, 0][..], &[0], &[5], b"rack", &[8], b"kafkajs", &[0; 9]].concat();
        assert_eq!(read(5, &member).1, [Member { client: "kafkajs".into(), library: None }]);
    }

    #[test]
    fn libraries_are_told_by_what_they_wrote_to_a_real_broker() {
        let none: &[u8] = &[0xff; 4];
        let empty: &[u8] = &[0; 4];
        let java = [none, empty, none, &[0xff; 2]].concat();
        let librdkafka = [empty, empty, none, &[0; 2]].concat();
        for (protocol, version, tail, times, library) in [
            ("range", 3, &java[..], [300_000, 45_000], Some(Library::Java)),
            ("range", 3, &java, [60_000, 45_000], None),
            ("stream", 9, &[], [300_000, 45_000], Some(Library::Java)),
            ("range", 3, &librdkafka, [300_000, 45_000], Some(Library::Librdkafka)),
            ("RoundRobinAssigner", 0, empty, [60_000, 10_000], Some(Library::Kafkajs)),
            ("roundrobin", 0, empty, [10_000, 10_000], Some(Library::Aiokafka)),
            ("roundrobin", 0, empty, [300_000, 10_000], None),
            ("range", 3, &java[..9], [300_000, 45_000], None),
        ] {
            let members = [("client", subscription(version, tail), times)];
            let told = read(2, &value(3, protocol, &members)).1;
            assert_eq!(told[0].library, library, "{protocol} {version} {times:?}");
        }
    }

    #[test]
    fn members_are_bounded_and_what_is_cut_is_not_read() {
        let names: Vec<String> = (0..100).map(|n| format!("{n}{}", "x".repeat(200))).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), Vec::new(), [0, 0])).collect();
        let kept = read(2, &value(3, "range", &many)).1;
        assert!(kept.len() == MAX_KEPT && kept.iter().all(|member| member.client.len() == MAX_CLIENT_BYTES));
        let whole = value(3, "range", &many[..1]);
        for cut in [&whole[..whole.len() - 1], &[0, 4, 1][..], &[]] {
            let told = offset_commit(Some(&key(2)), Some(cut));
            assert_eq!(told, CoordinatorRecord::Other(RecordType::GroupMetadata));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_subscription_is_read(subscription: Vec<u8>, protocol: Vec<u8>, times: [i32; 2]) {
            let _ = library(&protocol, &subscription, Some((times[0], times[1])));
        }
    }
}
