//! `/metrics` for Prometheus, and `/healthz` for whoever restarts what has failed.

use super::metrics::Scrape;
use crate::report::Cell;
use crate::store::query::door;
use crate::store::{Limits, Readers};
use crate::telemetry::{Health, Pulse, Stalled};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// Connections at one time: a few scrapers and probes.
const CONNECTION_LIMIT: usize = 16;

/// How long a connection may live. Scrapers make a new one; whoever only holds one open makes room.
const CONNECTION_TIME: Duration = Duration::from_secs(120);

/// How long an answer is given again: many scrapers cost as much as one.
const FRESH: Duration = Duration::from_secs(1);

/// How long a scrape may take altogether. Prometheus gives up after ten seconds.
const SCRAPE_TIME: Duration = Duration::from_secs(8);

/// How long a health check waits for what it has to ask.
const HEALTH_TIME: Duration = Duration::from_secs(2);

/// A commit that is not written for so long: thirty times the default time between two, and far more than the longest
/// checkpoint that was seen (0.4 s).
const COMMIT_LATE: Duration = Duration::from_secs(30);

/// The core looks up at least once in the time between two commits, of which the longest that can be set is a minute.
const CORE_SILENT: Duration = Duration::from_secs(90);

/// Blocking questions at one time: one scrape and one health check.
const BLOCKING_THREADS: usize = 2;

/// How long a stop waits for a scrape.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Pause after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why metrics do not answer.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The address is taken or not ours.
    #[error(
        "metrics cannot listen on {address}: {source}; choose another address with `--metrics`, or `--metrics off`"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no threads.
    #[error("metrics cannot start their threads: {0}; raise the limit of processes")]
    Start(io::Error),
}

/// `/metrics` and `/healthz`, until they are dropped.
pub struct Metrics {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

struct Shared {
    readers: Readers,
    pulse: Arc<Pulse>,
    scraped: Mutex<Option<(Instant, Answer)>>,
    lag: Mutex<Option<(Instant, Option<i64>)>>,
}

type Answer = Result<Arc<str>, Arc<str>>;

impl Metrics {
    /// Answers on `address` (port 0 takes a free one) from `readers`, and tells of the stages what `pulse` shows.
    ///
    /// # Errors
    /// An address that is taken, or a system without threads.
    pub fn start(address: SocketAddr, readers: Readers, pulse: Arc<Pulse>) -> Result<Self, MetricsError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("metrics")
            .enable_io()
            .enable_time()
            .build()
            .map_err(MetricsError::Start)?;
        let listen = |source| MetricsError::Listen { address, source };
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let shared = Shared { readers, pulse, scraped: Mutex::default(), lag: Mutex::default() };
        let router =
            Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).with_state(Arc::new(shared));
        let bounded = Bounded { listener, places: Arc::new(Semaphore::new(CONNECTION_LIMIT)) };
        runtime.spawn(async move { axum::serve(bounded, router).await });
        Ok(Self { address, runtime: Some(runtime) })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_GRACE);
        }
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let mut scraped = shared.scraped.lock().await;
    let answer = match &*scraped {
        Some((at, answer)) if at.elapsed() < FRESH => answer.clone(),
        _ => {
            let answer = scrape(&shared).await;
            *scraped = Some((Instant::now(), answer.clone()));
            answer
        }
    };
    drop(scraped);
    match answer {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text.to_string()).into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn scrape(shared: &Shared) -> Answer {
    let readers = shared.readers.clone();
    let health = shared.pulse.health(Instant::now().into_std());
    let asked = tokio::task::spawn_blocking(move || {
        let scrape = Scrape::ask(&readers).map_err(|error| error.to_string())?;
        scrape.text(&health).map_err(|error| error.to_string())
    });
    match timeout(SCRAPE_TIME, asked).await {
        Ok(Ok(answer)) => answer.map(Arc::from).map_err(Arc::from),
        Ok(Err(_)) => Err("the scrape ended its thread; please report it".into()),
        Err(_) => Err("the database did not answer in time; scrape less often, or ask dashboards for less".into()),
    }
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    let health = shared.pulse.health(Instant::now().into_std());
    let (trouble, stalled) = (trouble(&health), stalled(&health.stalled));
    let body = json!({
        "status": match (&trouble, &stalled) {
            (Some(_), _) => "failing",
            (None, Some(_)) => "stalled",
            (None, None) => "ok",
        },
        "reason": trouble.as_ref().or(stalled.as_ref()),
        "commit_age_ms": u64::try_from(health.commit_age.as_millis()).unwrap_or(u64::MAX),
        "tap_lag_offsets": tap_lag(&shared).await,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let status = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

/// Why the tap does not do its work, if it does not.
fn trouble(health: &Health) -> Option<String> {
    match health {
        Health { ended: Some(stage), .. } => Some(format!("the {stage} thread has ended")),
        Health { unwritten: Some(unwritten), .. } if *unwritten > COMMIT_LATE => {
            Some(format!("data has waited {} s for its commit", unwritten.as_secs()))
        }
        Health { silence, .. } if *silence > CORE_SILENT => {
            Some(format!("the core has not moved for {} s", silence.as_secs()))
        }
        _ => None,
    }
}

/// What it does not receive although it is there. A restart would not bring it: the status code stays fine.
fn stalled(stalled: &Stalled) -> Option<String> {
    (stalled.partitions > 0).then(|| {
        let (partitions, seconds) = (stalled.partitions, stalled.length.as_secs());
        format!("{partitions} partitions have records, of which none was received for {seconds} s; see the tap's log")
    })
}

/// Offsets that the tap has still to read; `None` when the database is too busy to say.
async fn tap_lag(shared: &Shared) -> Option<i64> {
    let mut lag = shared.lag.lock().await;
    if let Some((at, lag)) = *lag
        && at.elapsed() < FRESH
    {
        return lag;
    }
    let readers = shared.readers.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let limits = Limits { rows: 1, deadline: HEALTH_TIME };
        let answer = readers.reader().ok()?.answer(&door::TAP_LAG, &[], limits).ok()?;
        match answer.table.rows.first()?.first()? {
            Cell::Int(offsets) => Some(*offsets),
            _ => None,
        }
    });
    let told = timeout(HEALTH_TIME, asked).await.ok().and_then(Result::ok).flatten();
    *lag = Some((Instant::now(), told));
    told
}

/// Accepts so many connections at one time, each for so long.
struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            // Closed never; the next clients wait in the system's queue.
            let Ok(place) = self.places.clone().acquire_owned().await else { return std::future::pending().await };
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    return (Guest { stream, over: Box::pin(sleep(CONNECTION_TIME)), _place: place }, peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "metrics cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends after a while, whatever its client does.
struct Guest {
    stream: TcpStream,
    over: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.over.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Pin::new(&mut self.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.over.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let seconds = Duration::from_secs;
        let fine = Health { commit_age: seconds(3_600), silence: seconds(1), ..Health::default() };
        assert_eq!(trouble(&fine), None, "nothing to commit is no trouble");
        assert_eq!(trouble(&Health { unwritten: Some(seconds(29)), ..fine }), None);
        assert!(trouble(&Health { unwritten: Some(seconds(31)), ..fine }).unwrap().contains("31 s for its commit"));
        assert!(trouble(&Health { silence: seconds(100), ..fine }).unwrap().contains("core has not moved"));
        let standing = Stalled { partitions: 3, length: seconds(20) };
        assert_eq!(trouble(&Health { stalled: standing, ..fine }), None, "a restart would not help");
        assert!(stalled(&standing).unwrap().contains("3 partitions have records, of which none was received for 20 s"));
        assert_eq!(stalled(&Stalled::default()), None);
        assert!(trouble(&Health { ended: Some("writer"), ..fine }).unwrap().contains("writer thread has ended"));
    }
}
