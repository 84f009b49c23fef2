//! One request to a collector, and what its answer means.

use super::Error;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use std::future::Future;
use std::time::Duration;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// How long a collector may take to answer, as the specification has it by default.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Headers for the collector, such as its token; the first that is set counts.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];

/// What a collector said to a request that it took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Spans of it that it did not take.
    pub rejected: u64,
    /// Why not.
    pub reason: String,
}

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It may be taken later; the collector may say when.
    Later(Option<Duration>, String),
    /// It is too much at once.
    TooMuch(String),
    /// Nothing will be taken until somebody corrects the set-up; the spans are not at fault.
    Closed(String),
    /// The collector says that it never will be taken, or a connection broke under it: the client reports both alike.
    Doubtful(String),
    /// This request will never be taken.
    Never(String),
}

/// Takes requests. The exporter's only way out.
pub trait SpanSink {
    /// Sends one request.
    fn send(&mut self, spans: Vec<ResourceSpans>) -> impl Future<Output = Result<Taken, Refusal>> + Send;
}

/// A collector behind gRPC.
pub struct GrpcSink {
    client: TraceServiceClient<Channel>,
    headers: MetadataMap,
}

impl GrpcSink {
    /// A sink for the collector at `url`; it connects when there is something to send. Called where a runtime is.
    ///
    /// # Errors
    /// [`Error::Address`], [`Error::Headers`].
    pub fn new(url: &str) -> Result<Self, Error> {
        let refused = |reason: String| Error::Address { url: url.to_owned(), reason };
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|e| refused(e.to_string()))?;
        let mut endpoint = endpoint.timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT);
        if url.starts_with("https://") {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(tls).map_err(|e| refused(e.to_string()))?;
        }
        // A server answers in the compression that it was asked in.
        let client = TraceServiceClient::new(endpoint.connect_lazy())
            .send_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Gzip);
        Ok(Self { client, headers: own_headers()? })
    }
}

impl SpanSink for GrpcSink {
    async fn send(&mut self, spans: Vec<ResourceSpans>) -> Result<Taken, Refusal> {
        let mut request = Request::new(ExportTraceServiceRequest { resource_spans: spans });
        *request.metadata_mut() = self.headers.clone();
        match self.client.export(request).await {
            Ok(answer) => Ok(answer.into_inner().partial_success.map_or_else(Taken::default, |partial| Taken {
                rejected: partial.rejected_spans.max(0).unsigned_abs(),
                reason: partial.error_message,
            })),
            Err(status) => Err(judge(&status)),
        }
    }
}

/// What a status means, by the specification of OTLP/gRPC. It differs in two points: where the collector refuses us and
/// not our spans, they are kept, and not dropped; and what may be a broken connection is tried again some times.
pub fn judge(status: &Status) -> Refusal {
    let why = format!("{:?}: {}", status.code(), status.message());
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match status.code() {
        Code::ResourceExhausted if delay.is_none() => Refusal::TooMuch(why),
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Refusal::Later(delay, why),
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::NotFound => Refusal::Closed(why),
        Code::Unknown | Code::Internal => Refusal::Doubtful(why),
        _ => Refusal::Never(why),
    }
}

fn own_headers() -> Result<MetadataMap, Error> {
    for variable in HEADERS {
        if let Ok(text) = std::env::var(variable) {
            return headers(&text).map_err(|reason| Error::Headers { variable, reason });
        }
    }
    Ok(MetadataMap::new())
}

/// Headers from `name=value,…` with values percent-encoded, as W3C baggage writes them.
pub fn headers(text: &str) -> Result<MetadataMap, String> {
    let mut map = MetadataMap::new();
    for (at, pair) in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).enumerate() {
        let number = at + 1;
        let (name, value) = pair.split_once('=').ok_or(format!("header {number} has no `=`"))?;
        let name: MetadataKey<Ascii> =
            name.trim().to_lowercase().parse().map_err(|_| format!("the name of header {number} is none"))?;
        let value = decoded(value.trim()).ok_or(format!("the value of header {number} is not percent-encoded"))?;
        let mut value: MetadataValue<Ascii> =
            value.parse().map_err(|_| format!("the value of header {number} cannot be sent"))?;
        value.set_sensitive(true);
        map.insert(name, value);
    }
    Ok(map)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match first {
            b'%' => {
                let digits = std::str::from_utf8(after.get(..2)?).ok()?;
                rest = &after[2..];
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}
