//! The tap's own counters as OTLP metrics: what the tap does, never what it reads. Off unless an address is named.

use super::Error;
use crate::telemetry::{Counter, Counters};
use opentelemetry::metrics::{AsyncInstrument, MeterProvider};
use opentelemetry_otlp::{MetricExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often the counters are sent: as old as a dashboard of a process may be.
const SEND_EVERY: Duration = Duration::from_secs(15);
/// How long the last sending may take at the end.
const LAST_SENDING: Duration = Duration::from_secs(3);

/// Sends the counters until it is stopped.
pub struct Metering {
    provider: SdkMeterProvider,
    // The exporter's connection lives on it.
    _runtime: Runtime,
}

impl Metering {
    /// Starts to send `counters` to the collector at `url`, over gRPC.
    ///
    /// # Errors
    /// [`Error::Metrics`], [`Error::Start`].
    pub fn start(url: &str, counters: &Arc<Counters>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .enable_all()
            .build()
            .map_err(Error::Start)?;
        let exporter = {
            let _here = runtime.enter();
            let built = MetricExporter::builder().with_tonic().with_endpoint(url).build();
            built.map_err(|e| Error::Metrics { url: url.to_owned(), reason: e.to_string() })?
        };
        let reader = PeriodicReader::builder(exporter).with_interval(SEND_EVERY).build();
        let resource = Resource::builder_empty().with_service_name("headwater").build();
        let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build();
        let meter = provider.meter("headwater");
        for counter in Counter::ALL {
            let counters = Arc::clone(counters);
            let observe = move |to: &dyn AsyncInstrument<u64>| to.observe(counters.get(counter), &[]);
            let name = format!("headwater.{}", counter.as_str());
            // The provider keeps what observes; the instrument itself is of no further use.
            if counter.is_gauge() {
                let _ = meter.u64_observable_gauge(name).with_callback(observe).build();
            } else {
                let _ = meter.u64_observable_counter(name).with_callback(observe).build();
            }
        }
        Ok(Self { provider, _runtime: runtime })
    }

    /// Sends the counters one last time, and ends.
    pub fn stop(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_SENDING) {
            tracing::warn!(%error, "the tap's last own metrics were not taken");
        }
    }
}
