//! Schemas from a schema registry: asked for once, kept for ever, never waited for longer than a bound.
//!
//! A decoder that meets an id for the first time waits up to [`WAIT`] for its schema, so that the first records of a
//! topic are read as the later ones are. All asking is done by one thread of its own. A registry that is away is not
//! waited for again until it has answered: records are then counted as in need of a schema, and reading goes on.
//!
//! Read-only: all that is sent is GET.

mod ask;
mod check;
mod clock;
mod error;
mod fetch;
#[cfg(test)]
mod tests;

pub use check::{Answer, check};
pub use error::Error;

use crate::decode::{Schema, SchemaId, Schemas};
use crate::event::ClientProperties;
use crate::telemetry::{Counter, Counters};
use ask::Asker;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// A reader waits so long for a schema that it has not seen before, once: a registry nearby takes milliseconds.
pub const WAIT: Duration = Duration::from_secs(3);
/// An id that the registry does not know is asked for again after this: schemas are registered before they are used, but
/// a follower of the registry may lag.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// A schema that cannot be used will not change; its id is forgotten after this all the same, to make room.
const UNUSABLE_FOR: Duration = Duration::from_secs(3600);
/// A registry that is away is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// Schemas kept. The largest registries hold some ten thousand versions; one costs as much as its text.
const MAX_SCHEMAS: usize = 10_000;
/// Ids that are waited for, or known to be unknown. A topic whose binary bodies happen to begin like the wire format
/// names a new id with every record: beyond this, none is asked for until the oldest are forgotten.
const MAX_OPEN: usize = 1_000;
/// The parsers of schemas go as deep as their text does.
const STACK_BYTES: usize = 8 << 20;

/// Schemas by id.
#[derive(Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    /// Gone when the registry is: then the thread ends.
    wanted: SyncSender<SchemaId>,
}

#[derive(Debug, Default)]
struct Shared {
    known: RwLock<HashMap<SchemaId, Arc<Schema>>>,
    open: Mutex<Open>,
    answered: Condvar,
    counters: Arc<Counters>,
}

/// Ids without a schema.
#[derive(Debug, Default)]
struct Open {
    ids: HashMap<SchemaId, State>,
    /// No registry answered the last time, or not in time.
    away: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Asked for; nobody waits beyond this.
    Asked(Instant),
    /// No schema before this.
    Without(Instant),
}

impl Registry {
    /// The registry that `settings` name; `None` when they name none. It is not asked for anything yet.
    ///
    /// # Errors
    /// Settings that mean nothing, and certificates that cannot be read.
    pub fn start(settings: &ClientProperties, counters: Arc<Counters>) -> Result<Option<Self>, Error> {
        let Some(asker) = Asker::new(settings)? else { return Ok(None) };
        let shared = Arc::new(Shared { counters, ..Shared::default() });
        let (wanted, asked) = sync_channel(MAX_OPEN);
        let loader = Loader { asker, shared: Arc::clone(&shared), missed: Vec::new(), failing: false };
        std::thread::Builder::new()
            .name("schemas".into())
            .stack_size(STACK_BYTES)
            .spawn(move || loader.run(&asked))
            .map_err(Error::Thread)?;
        Ok(Some(Self { shared, wanted }))
    }
}

impl Schemas for Registry {
    fn get(&self, id: SchemaId) -> Option<Arc<Schema>> {
        if let Some(schema) = self.shared.known(id) {
            return Some(schema);
        }
        let mut open = self.shared.open();
        let now = clock::now();
        let until = match open.ids.get(&id) {
            Some(State::Asked(until)) => *until,
            Some(State::Without(until)) if now < *until => return None,
            Some(State::Without(_)) | None => {
                if !open.has_room(now) || self.wanted.try_send(id).is_err() {
                    return None;
                }
                open.ids.insert(id, State::Asked(now + WAIT));
                now + WAIT
            }
        };
        loop {
            let left = until.saturating_duration_since(clock::now());
            if open.away || !matches!(open.ids.get(&id), Some(State::Asked(_))) {
                break;
            }
            if left.is_zero() {
                // Whoever keeps one reader waiting keeps none waiting any more until it has answered.
                open.away = true;
                break;
            }
            open = self.shared.answered.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(open);
        self.shared.known(id)
    }
}

impl Shared {
    fn known(&self, id: SchemaId) -> Option<Arc<Schema>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `schema`; false when there is no more room.
    fn keep(&self, id: SchemaId, schema: Schema) -> bool {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let room = known.len() < MAX_SCHEMAS;
        if room {
            known.insert(id, Arc::new(schema));
        }
        room
    }
}

impl Open {
    /// Whether one more id may be asked for; what is over is forgotten.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.ids.len() >= MAX_OPEN {
            self.ids.retain(|_, state| match state {
                State::Asked(_) => true,
                State::Without(until) => now < *until,
            });
        }
        self.ids.len() < MAX_OPEN
    }
}

/// The thread that asks.
struct Loader {
    asker: Asker,
    shared: Arc<Shared>,
    /// Ids that no registry answered for.
    missed: Vec<SchemaId>,
    /// No registry answered the last time.
    failing: bool,
}

impl Loader {
    fn run(mut self, wanted: &Receiver<SchemaId>) {
        let mut retry = clock::now();
        loop {
            if !self.missed.is_empty() && clock::now() >= retry {
                self.again();
                retry = clock::now() + TRY_AGAIN;
            }
            let wait = if self.missed.is_empty() { TRY_AGAIN } else { retry.saturating_duration_since(clock::now()) };
            match wanted.recv_timeout(wait) {
                // Nobody waits for what is away: it is asked for when its time has come.
                Ok(id) if !self.missed.is_empty() => self.missed.push(id),
                Ok(id) => {
                    self.load(id);
                    retry = clock::now() + TRY_AGAIN;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Asks again for what was missed, up to the first that fails again.
    fn again(&mut self) {
        for id in std::mem::take(&mut self.missed) {
            if self.missed.is_empty() { self.load(id) } else { self.missed.push(id) }
        }
    }

    /// Asks for one schema and tells those who wait.
    fn load(&mut self, id: SchemaId) {
        let loaded = fetch::schema(&mut self.asker, id);
        let away = matches!(&loaded, Err(error) if error.is_away());
        let counters = &self.shared.counters;
        let state = match loaded {
            Ok(Some(schema)) => {
                counters.add(Counter::SchemasFetched, 1);
                let kept = self.shared.keep(id, schema);
                if !kept {
                    tracing::warn!(
                        limit = MAX_SCHEMAS,
                        "no more schemas are kept; records in need of others are counted"
                    );
                }
                (!kept).then(|| State::Without(clock::now() + UNUSABLE_FOR))
            }
            Ok(None) => {
                counters.add(Counter::SchemasRefused, 1);
                Some(State::Without(clock::now() + UNKNOWN_FOR))
            }
            Err(error) if away => {
                counters.add(Counter::RegistryFailures, 1);
                if self.missed.is_empty() && !self.failing {
                    tracing::warn!(%error, "no schema registry answers; records in need of a schema are counted");
                }
                self.missed.push(id);
                Some(State::Asked(clock::now()))
            }
            Err(error) => {
                counters.add(Counter::SchemasRefused, 1);
                tracing::warn!(?id, %error, "a schema cannot be used; records in need of it are counted");
                let pause = if error.may_pass() { UNKNOWN_FOR } else { UNUSABLE_FOR };
                Some(State::Without(clock::now() + pause))
            }
        };
        if self.failing && !away {
            tracing::warn!("the schema registry answers again");
        }
        self.failing = away;
        let mut open = self.shared.open();
        match state {
            Some(state) => _ = open.ids.insert(id, state),
            None => _ = open.ids.remove(&id),
        }
        open.away = away;
        drop(open);
        self.shared.answered.notify_all();
    }
}
