//! What is told to collectors: to a real Jaeger, and to one in this process that can be asked what came.

use crate::support::jaeger::Jaeger;
use crate::support::program::{Door, Program, sql};
use crate::support::{Folder, poll_until, seed};
use headwater::otlp::Metering;
use headwater::telemetry::{Counter, Counters};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

const PATIENCE: Duration = Duration::from_secs(90);
/// More traces than a demo of some seconds makes.
const TRACES_MAX: usize = 10_000;

/// A span as Jaeger's query API gives it.
struct Seen {
    trace: String,
    id: String,
    kind: String,
    parent: Option<String>,
    links: Vec<(String, String)>,
    tags: HashMap<String, Value>,
    warnings: Vec<String>,
}

impl Seen {
    fn new(span: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let tags: HashMap<String, Value> =
            span["tags"].as_array().unwrap().iter().map(|tag| (text(&tag["key"]), tag["value"].clone())).collect();
        let references = span["references"].as_array().cloned().unwrap_or_default();
        let of = |kind: &str| {
            let wanted = references.iter().filter(|r| r["refType"] == kind);
            wanted.map(|r| (text(&r["traceID"]), text(&r["spanID"]))).collect::<Vec<_>>()
        };
        Self {
            trace: text(&span["traceID"]),
            id: text(&span["spanID"]),
            kind: tags.get("span.kind").and_then(Value::as_str).unwrap_or("internal").to_owned(),
            parent: of("CHILD_OF").first().map(|(_, id)| id.clone()),
            links: of("FOLLOWS_FROM"),
            tags,
            warnings: span["warnings"].as_array().into_iter().flatten().map(|w| w.to_string()).collect(),
        }
    }

    fn tag(&self, name: &str) -> &str {
        self.tags.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// All spans of all traces that Jaeger holds, and how many traces.
fn spans(jaeger: &Jaeger) -> (usize, Vec<Seen>) {
    let mut traces: BTreeMap<String, Value> = BTreeMap::new();
    for service in jaeger.services() {
        for trace in jaeger.traces_of(&service, TRACES_MAX) {
            traces.insert(trace["traceID"].to_string(), trace);
        }
    }
    let spans = traces.values().flat_map(|trace| trace["spans"].as_array().unwrap()).map(Seen::new).collect();
    (traces.len(), spans)
}

/// Everything that DuckDB holds is in Jaeger, once, and says the same.
fn assert_told(jaeger: &Jaeger, folder: &Path, database: &Path) {
    let door = Door::File(database);
    let (traces, seen) = spans(jaeger);
    let told = sql(folder, door, "SELECT count(DISTINCT seed) FROM outbox_event");
    assert_eq!(traces.to_string(), told[0][0], "the traces that were told, and no others");
    for span in &seen {
        assert!(span.warnings.is_empty(), "{} {}: {:?}", span.trace, span.id, span.warnings);
    }
    let events: BTreeMap<&str, &Seen> = seen
        .iter()
        .filter(|span| span.kind == "producer")
        .map(|span| (span.tag("headwater.coordinates"), span))
        .collect();
    let producers = seen.iter().filter(|span| span.kind == "producer").count();

    let rows = sql(
        folder,
        door,
        "SELECT topic || '/' || partition || '/' || \"offset\", resolution, coalesce(orphan_reason, '-'), conversation
         FROM event",
    );
    assert!(rows.len() > 100, "{} events", rows.len());
    assert_eq!((producers, events.len()), (rows.len(), rows.len()), "each event once");
    let mut traces: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &rows {
        let span = events[row[0].as_str()];
        assert_eq!(span.tag("headwater.resolution"), row[1], "{}", row[0]);
        if row[1] == "orphaned" {
            assert_eq!((span.tag("headwater.orphan.reason"), &span.parent), (row[2].as_str(), &None));
        }
        traces.entry(&row[3]).or_default().insert(&span.trace);
    }
    assert!(traces.values().all(|of| of.len() == 1), "a conversation is one trace");

    assert_edges(folder, door, &events);
    assert_failures(folder, door, &events);
    assert_passes(folder, door, &seen);
}

fn assert_edges(folder: &Path, door: Door<'_>, events: &BTreeMap<&str, &Seen>) {
    let edges = sql(
        folder,
        door,
        "SELECT e.topic || '/' || e.partition || '/' || e.\"offset\", c.topic || '/' || c.partition || '/' || c.\"offset\"
         FROM cause x JOIN event e ON e.ref = x.effect JOIN event c ON c.ref = x.cause WHERE x.class = 'declared'",
    );
    assert!(edges.len() > 50, "{} edges", edges.len());
    let parents = edges
        .iter()
        .filter(|edge| {
            let (effect, cause) = (events[edge[0].as_str()], events[edge[1].as_str()]);
            let is_parent = effect.trace == cause.trace && effect.parent.as_ref() == Some(&cause.id);
            let is_link = effect.links.contains(&(cause.trace.clone(), cause.id.clone()));
            assert!(is_parent || is_link, "{} <- {}", edge[0], edge[1]);
            is_parent
        })
        .count();
    assert_eq!(parents, edges.len(), "nothing came so late that it could only be linked");
}

fn assert_failures(folder: &Path, door: Door<'_>, events: &BTreeMap<&str, &Seen>) {
    let failures = sql(
        folder,
        door,
        "SELECT e.topic || '/' || e.partition || '/' || e.\"offset\", f.kind, coalesce(f.error_class, '_OTHER'),
                coalesce(f.orphan_reason, '-')
         FROM failure f JOIN event e ON e.ref = f.ref",
    );
    assert!(!failures.is_empty());
    for failure in &failures {
        let span = events[failure[0].as_str()];
        assert_eq!(span.tags.get("error"), Some(&Value::Bool(true)), "{failure:?}");
        assert_eq!(span.tag("headwater.event.kind"), failure[1]);
        assert_eq!(span.tag("error.type"), failure[2]);
        // That a topic usually knows its causes can be learned later; what was told by then does not change.
        let reason = span.tag("headwater.orphan.reason");
        let early = reason.is_empty() && failure[3] == "context_lost";
        assert!(early || reason == failure[3].trim_matches('-'), "{reason}: {failure:?}");
    }
    let errors = events.values().filter(|span| span.tags.contains_key("error")).count();
    assert_eq!(errors, failures.len(), "nothing else is an error");
}

fn assert_passes(folder: &Path, door: Door<'_>, seen: &[Seen]) {
    let passed: BTreeSet<(String, String)> = sql(
        folder,
        door,
        "SELECT e.topic || '/' || e.partition || '/' || e.\"offset\", p.consumer_group
         FROM event e JOIN progress p ON p.topic = e.topic AND p.partition = e.partition AND p.incarnation = e.incarnation
         WHERE p.committed_offset > e.\"offset\"",
    )
    .into_iter()
    .map(|row| (row[0].clone(), row[1].clone()))
    .collect();
    let consumers: Vec<&Seen> = seen.iter().filter(|span| span.kind == "consumer").collect();
    let told: BTreeSet<(String, String)> = consumers
        .iter()
        .map(|span| (span.tag("headwater.coordinates").into(), span.tag("messaging.consumer.group.name").into()))
        .collect();
    assert!(passed.len() > 100, "{} passes", passed.len());
    assert_eq!(told, passed);
    assert_eq!(consumers.len(), passed.len(), "each once");
    assert!(consumers.iter().all(|span| span.tag("messaging.operation.type") == "settle"));
}

/// Scenario: the demo tells a Jaeger, which is killed and started again while events come.
/// Guarantees: fetched back through Jaeger's query API, every event, every declared edge, every failure and every passage
/// of DuckDB is there, once, with no warning on any span; Jaeger holds nothing else.
#[test]
fn jaeger_holds_the_whole_graph_though_it_was_killed_in_mid_run() {
    let Some(mut jaeger) = Jaeger::start() else { return };
    let folder = Folder::new("otlp");
    let seed = seed("otlp").to_string();
    let arguments =
        ["demo", "--for", "9s", "--seed", &seed, "--keep", "demo.duckdb", "--json", "--otlp", &jaeger.otlp.clone()];
    let demo = Program::start(folder.path(), &arguments);
    poll_until("a first trace", PATIENCE, || jaeger.services().iter().any(|s| s == "kitchen").then_some(()));
    jaeger.kill();
    poll_until("the tap to notice", PATIENCE, || demo.said().contains("they wait in the outbox").then_some(()));
    jaeger.restart();
    let (status, said) = demo.wait();
    assert!(status.success(), "{said}");
    let database = folder.file("demo.duckdb");
    assert_told(&jaeger, folder.path(), &database);

    let own = sql(folder.path(), Door::File(&database), "SELECT name, value FROM tap");
    // What is not known is NULL.
    let own: HashMap<_, _> =
        own.iter().filter_map(|row| Some((row[0].as_str(), row[1].parse::<f64>().ok()?))).collect();
    println!("sent {}, retries {}", own["spans_sent"], own["span_retries"]);
    assert_eq!((own["outbox_waiting"], own["spans_rejected"]), (0.0, 0.0));
    assert!(own["span_retries"] > 0.0, "the kill was not noticed: {own:?}");
}

/// A collector in this process.
#[derive(Clone, Default)]
struct Collector {
    came: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    tokens: Arc<Mutex<BTreeSet<String>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let token = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.tokens.lock().unwrap().extend(token);
        let request = request.into_inner();
        let spans: usize = request.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len()).sum();
        if spans > 200 {
            return Err(Status::resource_exhausted("grpc: received message larger than max"));
        }
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "one is too old".into() };
        let first = self.came.lock().unwrap().is_empty();
        self.came.lock().unwrap().push(request);
        Ok(Response::new(ExportTraceServiceResponse { partial_success: first.then_some(partial) }))
    }
}

/// Scenario: a collector takes little at once, rejects one span, and wants a token.
/// Guarantees: over real gRPC, compressed, the token arrives, requests go in halves, each carries many services, and what
/// was rejected is counted.
#[test]
fn a_collector_that_takes_little_gets_all_in_pieces() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let collector = Collector::default();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    runtime.spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));

    let folder = Folder::new("otlp");
    let arguments = ["demo", "--for", "4s", "--seed", "7", "--keep", "demo.duckdb", "--json", "--otlp", &url];
    let token = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t")];
    // The verdict is not asked for: some seconds are too few for every fault.
    let (_, said) = Program::start_with(folder.path(), &arguments, &token).wait();
    let database = folder.file("demo.duckdb");
    let own = sql(folder.path(), Door::File(&database), "SELECT name, value FROM tap");
    // What is not known is NULL.
    let own: HashMap<_, _> =
        own.iter().filter_map(|row| Some((row[0].as_str(), row[1].parse::<f64>().ok()?))).collect();
    let came = collector.came.lock().unwrap();
    let spans = |r: &ExportTraceServiceRequest| {
        r.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len()).sum::<usize>()
    };
    let all: usize = came.iter().map(spans).sum();
    assert!(all > 200, "{said}");
    assert_eq!((own["spans_sent"], own["spans_rejected"]), (all as f64 - 1.0, 1.0));
    let ids: BTreeSet<Vec<u8>> = came
        .iter()
        .flat_map(|r| &r.resource_spans)
        .flat_map(|r| &r.scope_spans)
        .flat_map(|s| &s.spans)
        .map(|span| span.span_id.clone())
        .collect();
    assert_eq!(ids.len(), all, "each span once");
    assert!(came.iter().any(|request| request.resource_spans.len() > 3), "many services in one request");
    assert_eq!(*collector.tokens.lock().unwrap(), BTreeSet::from(["Bearer t".to_owned()]));
}

/// Takes metrics and keeps the names and values of the last request.
#[derive(Clone, Default)]
struct Gauge(Arc<Mutex<BTreeMap<String, i64>>>);

#[tonic::async_trait]
impl MetricsService for Gauge {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let metrics = request.into_inner().resource_metrics.into_iter().flat_map(|r| r.scope_metrics);
        for metric in metrics.flat_map(|scope| scope.metrics) {
            let points = match metric.data {
                Some(metric::Data::Sum(sum)) => sum.data_points,
                Some(metric::Data::Gauge(gauge)) => gauge.data_points,
                other => panic!("{other:?}"),
            };
            if let Some(number_data_point::Value::AsInt(value)) = points[0].value {
                self.0.lock().unwrap().insert(metric.name, value);
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// Guarantees: the tap's own counters reach a collector as metrics, the last values at the end.
#[test]
fn the_taps_own_counters_are_metrics() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let gauge = Gauge::default();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = MetricsServiceServer::new(gauge.clone());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    runtime.spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));

    let counters = Arc::new(Counters::default());
    let metering = Metering::start(&url, &counters).unwrap();
    counters.add(Counter::FetchedBytes, 17);
    counters.set(Counter::OutboxWaiting, 4);
    metering.stop();
    let came = gauge.0.lock().unwrap();
    assert_eq!((came.get("headwater.fetched_bytes"), came.get("headwater.outbox_waiting")), (Some(&17), Some(&4)));
    assert_eq!(came.len(), Counter::ALL.len());
}
