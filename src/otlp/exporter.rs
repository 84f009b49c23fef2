//! The thread that turns the outbox's pages, sends them, and says how far it came.

use super::Error;
use super::ids::Places;
use super::sink::{GrpcSink, Refusal, SpanSink, Taken};
use super::spans::{ServiceSpan, requests, resource_spans, spans};
use crate::event::OutboxCursor;
use crate::store::{self, Limits, OutboxPage, Readers};
use crate::telemetry::{Counter, Counters};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Entries of one page: some requests' worth, read at once because a page costs a look at the whole outbox's zone maps.
const PAGE_ENTRIES: usize = 2_048;
/// How long one page may take to be read.
const PAGE_DEADLINE: Duration = Duration::from_secs(30);
/// How often an empty outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// First pause after a refusal; each one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// Longest pause: how late a collector that is back is noticed.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Longest pause that a collector may ask for.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(300);
/// How often a single span that is too much for the collector, or a request that was refused as one is when a connection
/// breaks, is tried again before it counts as rejected: some seconds, in which a restart shows itself.
const DOUBTFUL_TRIES: u32 = 6;
/// Reasons that are logged once; beyond, they are counted only.
const REASONS_LOGGED: usize = 64;
/// How long a stop waits for the rest of the outbox. What is left then stays for the next start.
pub const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How far the outbox was sent, on its way to the writer.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<Option<OutboxCursor>>>);

impl Progress {
    /// Notes that everything up to `cursor` was taken.
    fn note(&self, cursor: OutboxCursor) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cursor);
    }

    /// The cursor, if it moved since the last call.
    pub fn take(&self) -> Option<OutboxCursor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How an exporter ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Entries that were not sent.
    pub left: u64,
}

/// A running exporter.
pub struct Exporter {
    stop: watch::Sender<Option<Instant>>,
    thread: JoinHandle<Ended>,
}

impl Exporter {
    /// Starts to send what `readers` show of the outbox to the collector at `url`.
    ///
    /// # Errors
    /// [`Error::Address`], [`Error::Headers`], [`Error::Start`].
    pub fn start(url: &str, readers: Readers, progress: Progress, counters: Arc<Counters>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
        let sink = {
            let _here = runtime.enter();
            GrpcSink::new(url)?
        };
        let (stop, stopping) = watch::channel(None);
        let work =
            Work { sink, readers, progress, counters, stopping, places: Places::default(), logged: HashSet::new() };
        let run = move || runtime.block_on(work.run());
        let thread = std::thread::Builder::new().name("exporter".into()).spawn(run).map_err(Error::Start)?;
        Ok(Self { stop, thread })
    }

    /// Sends what the outbox still holds, for at most `patience`. The writer must have written all.
    pub fn finish(self, patience: Duration) -> Option<Ended> {
        // The thread has ended already when nobody listens.
        let _ = self.stop.send(Some(Instant::now() + patience));
        self.thread.join().ok()
    }
}

/// What the thread works with.
pub(super) struct Work<S> {
    pub sink: S,
    pub readers: Readers,
    pub progress: Progress,
    pub counters: Arc<Counters>,
    /// The time at which to stop, once that is wanted.
    pub stopping: watch::Receiver<Option<Instant>>,
    pub places: Places,
    pub logged: HashSet<String>,
}

/// The time to stop has come.
struct Over;

impl<S: SpanSink> Work<S> {
    /// Runs until it is told to stop and nothing is left, or its time is over.
    pub(super) async fn run(mut self) -> Ended {
        let mut cursor = None;
        let mut pause = PAUSE_MIN;
        loop {
            match self.turn(&mut cursor).await {
                Ok(true) => pause = PAUSE_MIN,
                Ok(false) if self.stopping.borrow().is_some() => return self.ended(cursor),
                Ok(false) if self.rest(LOOK_EVERY, true).await.is_ok() => {}
                Ok(false) | Err(Trouble::Over) => return self.ended(cursor),
                Err(Trouble::Store(error)) => {
                    self.log_once(format!("the outbox could not be read: {error}; it is tried again"));
                    if self.rest(pause, false).await.is_err() {
                        return self.ended(cursor);
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Sends one page; false when there was none.
    async fn turn(&mut self, cursor: &mut Option<OutboxCursor>) -> Result<bool, Trouble> {
        let from = match *cursor {
            Some(cursor) => cursor,
            None => self.readers.reader()?.outbox_state(limits())?.sent,
        };
        *cursor = Some(from);
        let page = self.readers.reader()?.outbox(from, limits())?;
        self.counters.set(Counter::OutboxWaiting, page.left + page.entries.len() as u64);
        if page.next == from {
            return Ok(false);
        }
        self.learn_places(&page)?;
        for request in requests(spans(&page.entries, &self.places)) {
            let reached = request.last().map_or(from, |span| span.cursor);
            self.deliver(request).await.map_err(|Over| Trouble::Over)?;
            self.arrived(cursor, reached);
        }
        self.arrived(cursor, page.next);
        self.counters.set(Counter::OutboxWaiting, page.left);
        Ok(true)
    }

    fn arrived(&self, cursor: &mut Option<OutboxCursor>, at: OutboxCursor) {
        if cursor.is_none_or(|cursor| cursor < at) {
            *cursor = Some(at);
            self.progress.note(at);
        }
    }

    fn learn_places(&mut self, page: &OutboxPage) -> Result<(), Trouble> {
        let mut named = page.entries.iter().flat_map(|entry| {
            let causes = entry.links.iter().flat_map(|link| [Some(link.cause), link.seed]);
            [Some(entry.reference), Some(entry.seed)].into_iter().chain(causes).flatten()
        });
        if !named.all(|reference| self.places.knows(reference)) {
            let reader = self.readers.reader()?;
            self.places = Places::new(reader.partitions(limits())?, reader.outbox_state(limits())?.salt);
        }
        Ok(())
    }

    /// Sends one request until it is taken or can never be, in halves where it is too much.
    async fn deliver(&mut self, request: Vec<ServiceSpan>) -> Result<(), Over> {
        let mut waiting = vec![request];
        let (mut pause, mut tries) = (PAUSE_MIN, 0);
        while let Some(mut request) = waiting.pop() {
            match self.send(&request).await? {
                Ok(taken) => {
                    self.count(request.len() as u64, taken);
                    (pause, tries) = (PAUSE_MIN, 0);
                }
                Err(Refusal::TooMuch(why)) if request.len() > 1 => {
                    tracing::debug!(spans = request.len(), why, "the collector takes less at once: sent in halves");
                    let rest = request.split_off(request.len() / 2);
                    waiting.extend([rest, request]);
                }
                Err(Refusal::TooMuch(why) | Refusal::Doubtful(why)) if tries >= DOUBTFUL_TRIES => {
                    self.reject(&request, why);
                    tries = 0;
                }
                Err(Refusal::Never(why)) => self.reject(&request, why),
                Err(Refusal::TooMuch(why) | Refusal::Doubtful(why)) => {
                    tries += 1;
                    self.log_once(format!("the collector refused spans ({why}); they wait in the outbox"));
                    waiting.push(request);
                    self.retry(&mut pause, None).await?;
                }
                Err(Refusal::Later(after, why)) => {
                    self.log_once(format!("the collector takes no spans now ({why}); they wait in the outbox"));
                    waiting.push(request);
                    self.retry(&mut pause, after).await?;
                }
                Err(Refusal::Closed(why)) => {
                    self.log_once(format!(
                        "the collector refuses spans ({why}); they wait in the outbox: check --otlp, \
                         and the headers that the collector wants"
                    ));
                    waiting.push(request);
                    self.retry(&mut pause, None).await?;
                }
            }
        }
        Ok(())
    }

    fn reject(&mut self, request: &[ServiceSpan], reason: String) {
        let rejected = request.len() as u64;
        self.count(rejected, Taken { rejected, reason });
    }

    async fn send(&mut self, request: &[ServiceSpan]) -> Result<Result<Taken, Refusal>, Over> {
        let mut stopping = self.stopping.clone();
        let end = async move {
            // The sender lives as long as the exporter is not finished; without it, nobody waits for an end.
            let Ok(end) = stopping.wait_for(Option::is_some).await.map(|end| *end) else {
                return std::future::pending().await;
            };
            if let Some(end) = end {
                sleep_until(end).await;
            }
        };
        tokio::select! {
            answer = self.sink.send(resource_spans(request)) => Ok(answer),
            () = end => Err(Over),
        }
    }

    async fn retry(&mut self, pause: &mut Duration, asked: Option<Duration>) -> Result<(), Over> {
        self.counters.add(Counter::SpanRetries, 1);
        let jitter = 0.8 + 0.4 * fastrand::f64();
        let wait = asked.map_or_else(|| pause.mul_f64(jitter), |asked| asked.min(ASKED_PAUSE_MAX));
        *pause = (*pause * 2).min(PAUSE_MAX);
        self.rest(wait, false).await
    }

    /// Waits; a wish to stop ends it at once when `idle`, and no later than the time to stop in any case.
    async fn rest(&mut self, wait: Duration, idle: bool) -> Result<(), Over> {
        let until = Instant::now() + wait;
        let wished = *self.stopping.borrow_and_update();
        if wished.is_none() {
            match timeout_at(until, self.stopping.changed()).await {
                Err(_) => return Ok(()),
                Ok(Err(_)) => return Err(Over),
                Ok(Ok(())) if idle => return Ok(()),
                Ok(Ok(())) => {}
            }
        }
        let end = self.stopping.borrow().unwrap_or(until);
        if Instant::now() >= end {
            return Err(Over);
        }
        sleep_until(until.min(end)).await;
        Ok(())
    }

    fn count(&mut self, sent: u64, taken: Taken) {
        let rejected = taken.rejected.min(sent);
        self.counters.add(Counter::SpansSent, sent - rejected);
        self.counters.add(Counter::SpansRejected, rejected);
        match (rejected, taken.reason.is_empty()) {
            (0, true) => {}
            (0, false) => self.log_once(format!("the collector took all spans and says: {}", taken.reason)),
            _ => self.log_once(format!("the collector rejected {rejected} spans: {}", taken.reason)),
        }
    }

    /// Says it once: a collector that is away says the same with every request.
    fn log_once(&mut self, message: String) {
        if self.logged.len() < REASONS_LOGGED && !self.logged.contains(&message) {
            tracing::warn!("{message}");
            self.logged.insert(message);
        }
    }

    fn ended(&self, cursor: Option<OutboxCursor>) -> Ended {
        let state = self.readers.reader().and_then(|reader| reader.outbox_state(limits()));
        let left = match state {
            Ok(state) => state.last_seq.saturating_sub(cursor.unwrap_or(state.sent).seq),
            Err(error) => {
                tracing::warn!(%error, "what is left in the outbox could not be counted");
                0
            }
        };
        self.counters.set(Counter::OutboxWaiting, left.unsigned_abs());
        Ended { left: left.unsigned_abs() }
    }
}

/// Why a page was not sent.
enum Trouble {
    Over,
    Store(store::Error),
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

fn limits() -> Limits {
    Limits { rows: PAGE_ENTRIES, deadline: PAGE_DEADLINE }
}
