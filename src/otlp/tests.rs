//! Spans from facts, and the exporter against a sink that can be told what to answer.

use super::exporter::{Ended, Progress, Work};
use super::ids::{Place, Places, event_span, pass_span, trace_id};
use super::names;
use super::sink::{Refusal, SpanSink, Taken, headers, judge};
use super::spans::{REQUEST_BYTES, ServiceSpan, requests, resource_spans, spans};
use crate::event::{
    Changes, EventRef, EventRow, Evidence, FailureKind, Kind, Ordinal, OrphanReason, OutboxCursor, PartitionRow,
    ProfileRow, Resolution, Timestamp, TopicClass, TopicPartition, TraceContext,
};
use crate::store::{OutboxEntry, OutboxLink, OutboxPart, Settings, ToldEvent, ToldFailure, Writer};
use crate::telemetry::{Counter, Counters};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

fn partition(ordinal: u32, topic: &str) -> PartitionRow {
    PartitionRow {
        ordinal: Ordinal(ordinal),
        partition: Arc::new(TopicPartition {
            cluster: "c".into(),
            topic: topic.into(),
            topic_id: [0; 16],
            partition: 3,
        }),
        incarnation: 0,
        base: 0,
        class: TopicClass::Business,
    }
}

fn places() -> Places {
    Places::new([partition(0, "orders"), partition(1, "orders.dlt")], 7)
}

fn told() -> ToldEvent {
    ToldEvent {
        time: Timestamp(5_000_000),
        record_time: Timestamp(5_002_000),
        kind: Kind::Event,
        tombstone: false,
        value_bytes: 12,
        id: Some("order-1".into()),
        correlation: None,
        trace: None,
        event_type: Some("order.placed".into()),
        source: Some("shop".into()),
        version: None,
        failure: None,
    }
}

fn event(parent: Option<i64>) -> OutboxEntry {
    OutboxEntry {
        seq: 1,
        reference: EventRef(7),
        seed: EventRef(5),
        part: OutboxPart::Event { parent: parent.map(EventRef), resolution: Resolution::Caused, orphan_reason: None },
        event: told(),
        links: Vec::new(),
    }
}

fn passed(not_before: Option<i64>, not_after: i64) -> OutboxEntry {
    let part = OutboxPart::Pass {
        group: "kitchen".into(),
        not_before: not_before.map(Timestamp),
        not_after: Timestamp(not_after),
    };
    OutboxEntry { part, ..event(None) }
}

fn one(entry: &OutboxEntry) -> ServiceSpan {
    let mut all = spans(std::slice::from_ref(entry), &places());
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn attributes(span: &Span) -> HashMap<&str, Value> {
    let of = |a| -> Option<Value> { a };
    span.attributes.iter().map(|a| (a.key.as_str(), of(a.value.clone().and_then(|v| v.value)).unwrap())).collect()
}

fn words(text: &str) -> Value {
    Value::StringValue(text.into())
}

#[test]
fn an_event_is_a_producer_span_below_its_cause_in_its_conversations_trace() {
    let ServiceSpan { service, span, .. } = one(&event(Some(5)));
    assert_eq!((service.as_str(), span.name.as_str(), span.kind), ("shop", "send orders order.placed", 4));
    assert_eq!(span.trace_id, trace_id(&places().place(EventRef(5))));
    assert_eq!(span.parent_span_id, event_span(&places().place(EventRef(5))));
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (5_000_000_000, 5_002_000_000));
    let attributes = attributes(&span);
    assert_eq!(attributes[names::OPERATION_TYPE], words("send"));
    assert_eq!(attributes[names::PARTITION], words("3"));
    assert_eq!(attributes[names::OFFSET], Value::IntValue(7));
    assert_eq!(attributes[names::COORDINATES], words("orders/3/7"));
    assert_eq!(attributes[names::SYNTHESIZED], Value::BoolValue(true));
    assert_eq!(span.status, None);
    assert!(attributes.keys().all(|key| !key.contains("key")), "record keys stay");
}

#[test]
fn a_passage_is_a_consumer_span_from_its_bracket_and_never_speaks_of_processing() {
    let ServiceSpan { service, span, .. } = one(&passed(Some(5_500_000), 6_000_000));
    assert_eq!((service.as_str(), span.name.as_str(), span.kind), ("kitchen", "pass orders", 5));
    assert_eq!(span.parent_span_id, event_span(&places().place(EventRef(7))));
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (5_500_000_000, 6_000_000_000));
    assert_eq!(attributes(&span)[names::OPERATION_TYPE], words("settle"));
    assert!(!format!("{span:?}").contains("process"));
    // The event was not there before its own time, and a clock that is ahead does not turn the bracket round.
    let times = |not_before, not_after| {
        let span = one(&passed(not_before, not_after)).span;
        (span.start_time_unix_nano, span.end_time_unix_nano)
    };
    assert_eq!(times(Some(1), 6_000_000), (5_000_000_000, 6_000_000_000));
    assert_eq!(times(None, 6_000_000), (5_000_000_000, 6_000_000_000));
    assert_eq!(times(None, 4_000_000), (4_000_000_000, 4_000_001_000));
}

#[test]
fn a_failure_is_an_error_of_the_group_that_failed() {
    let mut entry = event(Some(5));
    entry.event.failure = Some(ToldFailure {
        kind: FailureKind::DeadLetter,
        group: Some("payment".into()),
        attempt: Some(3),
        class: Some("CardDeclined".into()),
        message: Some("no money".into()),
        signature: "s".into(),
    });
    let ServiceSpan { service, span, .. } = one(&entry);
    assert_eq!((service.as_str(), span.name.as_str()), ("payment", "dead_letter orders order.placed"));
    let status = span.status.as_ref().unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "no money"));
    assert_eq!(attributes(&span)[names::ERROR_TYPE], words("CardDeclined"));
    assert_eq!(attributes(&span)[names::ATTEMPT], Value::IntValue(3));
    entry.event.failure = Some(ToldFailure {
        kind: FailureKind::Retry,
        group: None,
        attempt: None,
        class: None,
        message: None,
        signature: String::new(),
    });
    let span = one(&entry).span;
    assert_eq!(attributes(&span)[names::ERROR_TYPE], words("_OTHER"));
    assert_eq!(span.status.unwrap().message, "to be tried again");
}

#[test]
fn an_orphan_says_why_and_hangs_on_nothing() {
    let mut entry = event(None);
    let reason = OrphanReason::BeforeStart;
    entry.part =
        OutboxPart::Event { parent: None, resolution: Resolution::Orphaned(reason), orphan_reason: Some(reason) };
    let span = one(&entry).span;
    assert!(span.parent_span_id.is_empty());
    assert_eq!(attributes(&span)[names::ORPHAN_REASON], words("before_start"));
    assert_eq!(attributes(&span)[names::RESOLUTION], words("orphaned"));
    assert_eq!(span.status, None, "an orphan is no failure");
}

#[test]
fn weaker_later_and_foreign_causes_are_links() {
    let mut entry = event(Some(5));
    entry.event.trace = Some(TraceContext { trace_hi: 1, trace_lo: 2, parent_id: 3 });
    let link = |seed| OutboxLink { cause: EventRef(4), seed, evidence: Evidence::TraceOrder, confidence: 0.85 };
    entry.links = vec![link(Some(EventRef(2))), link(None)];
    let span = one(&entry).span;
    assert_eq!(span.links.len(), 3);
    assert_eq!(span.links[0].trace_id, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(span.links[0].span_id, [0, 0, 0, 0, 0, 0, 0, 3]);
    assert_eq!(span.links[1].trace_id, trace_id(&places().place(EventRef(2))));
    assert_eq!(span.links[1].span_id, event_span(&places().place(EventRef(4))));
    assert_eq!(span.links[2].trace_id, trace_id(&places().place(EventRef(4))));
    let late = OutboxEntry { part: OutboxPart::LateCause, links: vec![link(None)], ..event(None) };
    let late = one(&late).span;
    assert_eq!((late.kind, late.parent_span_id.clone()), (1, span.span_id.clone()));
    assert_eq!(late.links[0].span_id, event_span(&places().place(EventRef(4))));
    // A context of zeros names nothing, and Jaeger warns of a link to nowhere.
    entry.event.trace = Some(TraceContext { trace_hi: 0, trace_lo: 0, parent_id: 3 });
    assert_eq!(one(&entry).span.links.len(), 2);
}

#[test]
fn ids_tell_every_place_group_and_topic_of_the_same_name_apart() {
    let place = |topic: &str, key: u8, partition, offset| Place {
        cluster: "c".into(),
        topic: topic.into(),
        topic_key: [key; 16],
        partition,
        offset,
    };
    let all = [
        place("a", 0, 0, 0),
        place("a", 1, 0, 0),
        place("a", 0, 1, 0),
        place("a", 0, 0, 1),
        place("b", 0, 0, 0),
        Place { cluster: "ca".into(), ..place("", 0, 0, 0) },
    ];
    let ids: HashSet<_> = all.iter().flat_map(|p| [event_span(p), pass_span(p, "g"), pass_span(p, "h")]).collect();
    assert_eq!(ids.len(), 18);
    assert_eq!(all.iter().map(trace_id).collect::<HashSet<_>>().len(), 6);
    // A change of these would double everything in every collector: the ids are part of what is promised.
    assert_eq!(hex(&trace_id(&all[0])), "5934daf0eb348d6c0ea60b9dc67997a6");
    assert_eq!(hex(&event_span(&all[0])), "7c5342d6961118fc");
}

#[test]
fn databases_of_one_cluster_agree_and_clusters_of_one_name_do_not_meet() {
    let at = |topic_id: [u8; 16], incarnation, salt| {
        let mut row = partition(0, "orders");
        row.partition = Arc::new(TopicPartition { topic_id, ..(*row.partition).clone() });
        row.incarnation = incarnation;
        event_span(&Places::new([row], salt).place(EventRef(7)))
    };
    assert_eq!(at([1; 16], 0, 1), at([1; 16], 3, 2), "a topic id says it all");
    assert_ne!(at([1; 16], 0, 1), at([2; 16], 0, 1), "deleted and created again");
    assert_ne!(at([0; 16], 0, 1), at([0; 16], 0, 2), "no topic ids, two databases");
    assert_ne!(at([0; 16], 0, 1), at([0; 16], 1, 1), "no topic ids, created again");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn times_that_no_reader_can_hold_stay_in_bounds() {
    for time in [i64::MIN, -1, 0, i64::MAX] {
        let mut entry = event(None);
        entry.event.time = Timestamp(time);
        let span = one(&entry).span;
        assert!(span.end_time_unix_nano > span.start_time_unix_nano, "{time}");
        assert!(i64::try_from(span.end_time_unix_nano).is_ok(), "{time}");
    }
}

#[test]
fn requests_are_bounded_in_spans_and_bytes_and_carry_many_services() {
    let many: Vec<_> = (0..1_100).map(|n| OutboxEntry { seq: n, ..event(None) }).collect();
    let cut = requests(spans(&many, &places()));
    assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [512, 512, 76]);
    let mut large = event(None);
    large.event.correlation = Some("x".repeat(REQUEST_BYTES / 3));
    let cut = requests(spans(&vec![large; 7], &places()));
    assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
    assert!(cut.iter().all(
        |request| resource_spans(request).iter().map(Message::encoded_len).sum::<usize>() <= REQUEST_BYTES + 4_096
    ));
    let two = resource_spans(&spans(&[event(None), passed(None, 6_000_000), event(Some(5))], &places()));
    assert_eq!(two.iter().map(|r| r.scope_spans[0].spans.len()).collect::<Vec<_>>(), [2, 1]);
    // One host for all: else Jaeger suspects their clocks.
    let host = |r: &ResourceSpans| r.resource.as_ref().unwrap().attributes[2..].to_vec();
    assert_eq!(host(&two[0]), host(&two[1]));
    assert_eq!(host(&two[0]).len(), 3);
}

#[test]
fn statuses_mean_what_the_specification_says() {
    for code in
        [Code::Cancelled, Code::DeadlineExceeded, Code::Aborted, Code::OutOfRange, Code::Unavailable, Code::DataLoss]
    {
        assert!(matches!(judge(&Status::new(code, "x")), Refusal::Later(None, _)), "{code:?}");
    }
    for code in [Code::InvalidArgument, Code::AlreadyExists, Code::FailedPrecondition] {
        assert!(matches!(judge(&Status::new(code, "x")), Refusal::Never(_)), "{code:?}");
    }
    for code in [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented, Code::NotFound] {
        assert!(matches!(judge(&Status::new(code, "x")), Refusal::Closed(_)), "{code:?}");
    }
    for code in [Code::Unknown, Code::Internal] {
        assert!(matches!(judge(&Status::new(code, "x")), Refusal::Doubtful(_)), "{code:?}");
    }
    assert!(matches!(judge(&Status::resource_exhausted("too large")), Refusal::TooMuch(_)));
    let asked = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
    let asked = Status::with_error_details(Code::ResourceExhausted, "busy", asked);
    assert!(matches!(judge(&asked), Refusal::Later(Some(delay), _) if delay == Duration::from_secs(3)));
    let garbage = Status::with_details(Code::Unavailable, "x", vec![0xff; 64].into());
    assert!(matches!(judge(&garbage), Refusal::Later(None, _)));
}

#[test]
fn headers_are_read_as_baggage_and_never_shown() {
    let map = headers("authorization=Bearer%20abc, X-Scope = one,").unwrap();
    assert_eq!(map.get("authorization").unwrap(), "Bearer abc");
    assert!(map.get("authorization").unwrap().is_sensitive());
    assert_eq!(map.get("x-scope").unwrap(), "one");
    for bad in ["secret", "a=%zz", "a=%", "a b=secret", "a=%0a"] {
        let reason = headers(bad).unwrap_err();
        assert!(!reason.contains("secret"), "{reason}");
    }
}

/// A sink that answers as it is told, and remembers what it took.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: Vec<Result<Taken, Refusal>>,
    /// Spans that it takes at once.
    most: Option<usize>,
    taken: Vec<Span>,
    requests: usize,
}

impl Scripted {
    fn answering(answers: impl IntoIterator<Item = Result<Taken, Refusal>>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Self(Arc::new(Mutex::new(Script { answers, ..Script::default() })))
    }

    fn taken(&self) -> Vec<Span> {
        self.0.lock().unwrap().taken.clone()
    }
}

impl SpanSink for Scripted {
    async fn send(&mut self, request: Vec<ResourceSpans>) -> Result<Taken, Refusal> {
        let mut script = self.0.lock().unwrap();
        script.requests += 1;
        let sent: Vec<Span> = request.into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans).collect();
        if script.most.is_some_and(|most| sent.len() > most) {
            return Err(Refusal::TooMuch("too large".into()));
        }
        let answer = script.answers.pop().unwrap_or(Ok(Taken::default()));
        if answer.is_ok() {
            script.taken.extend(sent);
        }
        answer
    }
}

/// A database with `events` in its outbox.
struct Outbox {
    file: PathBuf,
    writer: Option<Writer>,
}

impl Outbox {
    fn new(name: &str, events: i64) -> Self {
        let file = std::env::temp_dir().join(format!("headwater-exporter-{name}-{}.duckdb", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let mut changes = Changes {
            partitions: vec![partition(0, "orders")],
            profiles: vec![ProfileRow { profile: 0, content: Default::default() }],
            ..Changes::default()
        };
        for offset in 0..events {
            changes.events.push(&row(offset));
        }
        let mut writer = Writer::open(&file, Settings::default()).unwrap().0;
        writer.fill_outbox(true);
        writer.append(changes).unwrap();
        Self { file, writer: Some(writer) }
    }

    /// Runs an exporter to its end, which is wanted from the beginning.
    fn run(&self, sink: &Scripted, patience: Duration) -> (Ended, Arc<Counters>, Progress) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (stop, stopping) = watch::channel(None);
        let (progress, counters) = (Progress::default(), Arc::new(Counters::default()));
        let work = Work {
            sink: sink.clone(),
            readers: self.writer.as_ref().unwrap().readers(),
            progress: progress.clone(),
            counters: counters.clone(),
            stopping,
            places: Places::default(),
            logged: HashSet::new(),
        };
        let ended = runtime.block_on(async {
            stop.send(Some(Instant::now() + patience)).unwrap();
            work.run().await
        });
        (ended, counters, progress)
    }

    fn note(&mut self, sent: Option<OutboxCursor>) {
        self.writer.as_mut().unwrap().append(Changes { sent, ..Changes::default() }).unwrap();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        drop(self.writer.take());
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_file(self.file.with_extension("duckdb.wal"));
    }
}

fn row(offset: i64) -> EventRow {
    EventRow {
        reference: EventRef(offset),
        time: Timestamp(offset),
        record_time: Timestamp(offset),
        seen_time: Timestamp(offset),
        kind: Kind::Event,
        resolution: Resolution::Root,
        tombstone: false,
        profile: 0,
        producer: None,
        key_hash: None,
        conversation: EventRef(offset),
        key_bytes: 0,
        value_bytes: 0,
        id: None,
        causation: None,
        correlation: None,
        trace: None,
        texts: None,
        cause: None,
    }
}

const PATIENT: Duration = Duration::from_secs(60);

fn later() -> Result<Taken, Refusal> {
    Err(Refusal::Later(Some(Duration::from_millis(1)), "away".into()))
}

#[test]
fn everything_is_sent_once_and_the_cursor_follows() {
    let mut outbox = Outbox::new("once", 1_300);
    let sink = Scripted::default();
    let (ended, counters, progress) = outbox.run(&sink, PATIENT);
    assert_eq!((ended.left, counters.get(Counter::SpansSent)), (0, 1_300));
    let ids: HashSet<_> = sink.taken().into_iter().map(|span| span.span_id).collect();
    assert_eq!((sink.taken().len(), ids.len()), (1_300, 1_300));
    outbox.note(progress.take());
    let (_, counters, _) = outbox.run(&sink, PATIENT);
    assert_eq!(counters.get(Counter::SpansSent), 0);
}

#[test]
fn a_crash_between_sending_and_the_cursor_sends_the_same_bytes_again() {
    let mut outbox = Outbox::new("crash", 700);
    let sink = Scripted::default();
    outbox.run(&sink, PATIENT);
    let first = sink.taken();
    // The cursor was never written. More has been told meanwhile.
    let mut changes = Changes::default();
    changes.events.push(&row(700));
    outbox.writer.as_mut().unwrap().append(changes).unwrap();
    outbox.run(&sink, PATIENT);
    let again = sink.taken().split_off(first.len());
    assert_eq!(again.len(), 701);
    let bytes = |spans: &[Span]| spans.iter().flat_map(Message::encode_to_vec).collect::<Vec<u8>>();
    assert_eq!(bytes(&first), bytes(&again[..700]));
}

#[test]
fn a_collector_that_is_away_gets_everything_when_it_is_back() {
    let outbox = Outbox::new("away", 600);
    let sink = Scripted::answering([later(), Ok(Taken::default()), later(), later()]);
    let (ended, counters, _) = outbox.run(&sink, PATIENT);
    assert_eq!((ended.left, sink.taken().len()), (0, 600));
    assert_eq!(counters.get(Counter::SpanRetries), 3);
}

#[test]
fn what_does_not_get_out_in_time_stays() {
    let outbox = Outbox::new("stays", 600);
    let away = || Err(Refusal::Later(None, "away".into()));
    let sink = Scripted::answering(std::iter::once(Ok(Taken::default())).chain((0..1_000).map(|_| away())));
    let (ended, counters, progress) = outbox.run(&sink, Duration::from_millis(300));
    assert_eq!((ended.left, counters.get(Counter::OutboxWaiting)), (88, 88));
    assert_eq!(progress.take().unwrap().seq, 512);
}

#[test]
fn rejected_spans_are_counted_and_not_sent_again() {
    let outbox = Outbox::new("rejected", 600);
    let partial = Taken { rejected: 12, reason: "no such tenant".into() };
    let sink = Scripted::answering([Ok(partial), Err(Refusal::Never("malformed".into()))]);
    let (ended, counters, _) = outbox.run(&sink, PATIENT);
    assert_eq!(ended.left, 0);
    assert_eq!((counters.get(Counter::SpansSent), counters.get(Counter::SpansRejected)), (500, 100));
    assert_eq!(sink.0.lock().unwrap().requests, 2);
}

/// The bug: a Jaeger was killed under a request, the client reported `Internal: missing response`, as a collector may
/// that refuses for good, and 135 spans were dropped.
#[test]
fn a_connection_that_breaks_under_a_request_loses_nothing() {
    let doubtful = || Err(Refusal::Doubtful("missing response".into()));
    let outbox = Outbox::new("broken", 3);
    let sink = Scripted::answering([doubtful(), later(), doubtful()]);
    let (_, counters, _) = outbox.run(&sink, PATIENT);
    assert_eq!((counters.get(Counter::SpansSent), counters.get(Counter::SpansRejected)), (3, 0));
    // One that is refused so again and again holds nothing up.
    let sink = Scripted::answering((0..7).map(|_| doubtful()));
    let (ended, counters, _) = outbox.run(&sink, PATIENT);
    assert_eq!((ended.left, counters.get(Counter::SpansRejected)), (0, 3));
}

#[test]
fn what_is_too_much_at_once_goes_in_halves_and_in_order() {
    let outbox = Outbox::new("halves", 600);
    let sink = Scripted::default();
    sink.0.lock().unwrap().most = Some(100);
    let (ended, counters, _) = outbox.run(&sink, PATIENT);
    assert_eq!((ended.left, counters.get(Counter::SpansSent), counters.get(Counter::SpansRejected)), (0, 600, 0));
    let offsets = sink.taken().iter().map(|span| attributes(span)[names::OFFSET].clone()).collect::<Vec<_>>();
    assert_eq!(offsets, (0..600).map(Value::IntValue).collect::<Vec<_>>());
}

#[test]
fn a_collector_that_refuses_us_loses_nothing() {
    let outbox = Outbox::new("closed", 3);
    let sink = Scripted::answering([Err(Refusal::Closed("who are you".into()))]);
    let (ended, counters, _) = outbox.run(&sink, PATIENT);
    assert_eq!((ended.left, counters.get(Counter::SpansSent), counters.get(Counter::SpansRejected)), (0, 3, 0));
}
