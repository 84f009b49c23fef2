//! The connections of all readers, and the watch over what runs on them.
//!
//! DuckDB has no limit of time or memory per question. One thread looks at all questions that run: it ends those whose
//! time is over, and while questions have eaten the memory it ends the one that has run longest, then the next. An
//! interrupt that falls between two steps of a statement is lost, so each is repeated until its question is over.

use super::Error;
use super::backup::Orders;
use super::file::run;
use super::query::{ask, write};
use super::spill::Spill;
use duckdb::{Connection, InterruptHandle};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Questions that run at once. Each may take a share of the one memory limit, and four greedy ones were seen to
/// invalidate a database at 700 MB.
pub const MAX_READERS: usize = 4;

/// How long a question waits for a free reader.
const WAIT_FOR_READER: Duration = Duration::from_secs(10);

/// How often running questions are looked at. Reading the memory costs a fifth of a millisecond, and a question fills
/// some 100 MB in this time: less than lies between the share that is left to questions and the limit.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What stands for a question without a deadline: a year.
const UNBOUNDED: Duration = Duration::from_secs(365 * 24 * 3600);

/// Share of the memory limit, in percent, above which questions are ended.
const MEMORY_PERCENT: u64 = 80;

/// Looks that an interrupted question gets to give its memory back before the next one is ended too.
const LOOKS_TO_YIELD: u32 = 4;

/// Why a question was ended before its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its asker took it back, or the writer needed the database for itself.
    Interrupted,
    /// Its time was over.
    Late,
}

/// See the module's documentation.
pub(super) struct Pool {
    shared: Arc<Shared>,
    watch: Option<JoinHandle<()>>,
    /// Where backups are ordered.
    pub(super) backups: Orders,
    /// The database file once more, to be copied. It stays open as long as the database: closing it would take the
    /// lock away that keeps other processes out.
    pub(super) file: OnceLock<File>,
}

struct Shared {
    state: Mutex<State>,
    /// A reader was given back, or the database is open again.
    freed: Condvar,
    /// Something for the watch: a question began, or the pool goes.
    bell: Condvar,
    /// Questions that were ended because the memory was nearly used up.
    for_memory: AtomicU64,
}

struct State {
    /// `None` while the database is closed.
    open: Option<Open>,
    running: Vec<Running>,
    next: u64,
    /// True while the writer needs all memory: nothing new begins.
    held: bool,
    /// True while the watch asks for the memory, on a connection of its own.
    looking: bool,
    /// Looks that are left to the question that was ended last.
    patience: u32,
    gone: bool,
}

struct Open {
    root: Connection,
    /// `None` while the watch has it.
    gauge: Option<Connection>,
    idle: Vec<Connection>,
    /// After the connections: the folder goes once nothing can be in it.
    _spill: Arc<Spill>,
}

impl Open {
    fn new(root: Connection, spill: Arc<Spill>) -> Result<Self, Error> {
        let gauge = Some(root.try_clone().map_err(Error::statement("open", "watch"))?);
        Ok(Self { root, gauge, idle: Vec::new(), _spill: spill })
    }
}

struct Running {
    slot: u64,
    handle: Arc<InterruptHandle>,
    /// Since when its question runs and until when it may; `None` between questions.
    time: Option<(Instant, Instant)>,
    ended: Option<Ended>,
}

impl Running {
    fn end(&mut self, why: Ended) {
        if self.time.is_some() {
            self.ended.get_or_insert(why);
            self.handle.interrupt();
        }
    }
}

impl Pool {
    /// Readers on the database of `root`, which may take `memory` bytes.
    pub(super) fn new(root: Connection, memory: u64, spill: Arc<Spill>) -> Result<Arc<Self>, Error> {
        let open = Some(Open::new(root, spill)?);
        let state = State { open, running: Vec::new(), next: 0, held: false, looking: false, patience: 0, gone: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            freed: Condvar::new(),
            bell: Condvar::new(),
            for_memory: AtomicU64::new(0),
        });
        let watched = Arc::clone(&shared);
        let limit = memory / 100 * MEMORY_PERCENT;
        let watch = Builder::new().name("reader-watch".into()).spawn(move || watched.watch(limit));
        let watch = Some(watch.map_err(|source| Error::Threads { source })?);
        Ok(Arc::new(Self { shared, watch, backups: Orders::default(), file: OnceLock::new() }))
    }

    /// A connection for one asker, and its number; waits a while when all are busy or the database is closed.
    pub(super) fn take(&self) -> Result<(u64, Connection), Error> {
        let taken = |state: &mut State| state.is_shut() || state.running.len() >= MAX_READERS;
        let waited = self.shared.freed.wait_timeout_while(self.shared.state(), WAIT_FOR_READER, taken);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        let State { open: Some(open), running, next, .. } = &mut *state else { return Err(Error::Away) };
        if waited.timed_out() {
            return Err(Error::Busy { readers: MAX_READERS });
        }
        let conn = match open.idle.pop() {
            Some(conn) => conn,
            None => open.root.try_clone().map_err(Error::statement("open", "reader"))?,
        };
        let slot = *next;
        *next += 1;
        running.push(Running { slot, handle: conn.interrupt_handle(), time: None, ended: None });
        Ok((slot, conn))
    }

    /// Takes a connection back. One whose question never ended, because its thread broke down, is closed.
    pub(super) fn give_back(&self, slot: u64, conn: Connection) {
        let mut state = self.shared.state();
        let at = state.running.iter().position(|running| running.slot == slot);
        let whole = at.is_some_and(|at| state.running.swap_remove(at).time.is_none());
        match &mut state.open {
            Some(open) if whole => open.idle.push(conn),
            _ => drop(conn),
        }
        drop(state);
        self.shared.freed.notify_all();
    }

    /// A question begins on `slot`.
    pub(super) fn begin(&self, slot: u64, deadline: Duration) {
        let begun = now();
        let mut state = self.shared.state();
        // One that begins now holds the writer up.
        let ended = state.is_shut().then_some(Ended::Interrupted);
        if let Some(running) = state.running.iter_mut().find(|running| running.slot == slot) {
            // Some questions have no end.
            let until = begun.checked_add(deadline).unwrap_or(begun + UNBOUNDED);
            (running.time, running.ended) = (Some((begun, until)), ended);
        }
        drop(state);
        self.shared.bell.notify_all();
    }

    /// The question on `slot` is over: from now on nothing interrupts its connection. Says whether it was ended.
    pub(super) fn finish(&self, slot: u64) -> Option<Ended> {
        let over = |running: &mut Running| running.time.take().and_then(|_| running.ended.take());
        self.shared.with(slot, over).flatten()
    }

    /// Interrupts the question that runs on `slot`, if one does.
    pub(super) fn cancel(&self, slot: u64) {
        self.shared.with(slot, |running| running.end(Ended::Interrupted));
    }

    /// Keeps new questions waiting, or lets them go on.
    pub(super) fn hold(&self, held: bool) {
        self.shared.state().held = held;
        self.shared.freed.notify_all();
    }

    /// Interrupts every question and waits until the readers are given back, at most for `patience`; says whether all
    /// were.
    pub(super) fn interrupt_all(&self, patience: Duration) -> bool {
        let mut state = self.shared.state();
        state.running.iter_mut().for_each(|running| running.end(Ended::Interrupted));
        let waited = self.shared.freed.wait_timeout_while(state, patience, |state| !state.running.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.running.is_empty()
    }

    /// Closes all connections, once the questions on them have ended; says whether they did within `patience`. Whoever
    /// asks meanwhile waits for [`Self::attach`].
    pub(super) fn detach(&self, patience: Duration) -> bool {
        let mut state = self.shared.state();
        state.open = None;
        state.running.iter_mut().for_each(|running| running.end(Ended::Interrupted));
        let held = |state: &mut State| state.looking || !state.running.is_empty();
        let waited = self.shared.freed.wait_timeout_while(state, patience, held);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Goes on with the database of `root`.
    pub(super) fn attach(&self, root: Connection, spill: Arc<Spill>) -> Result<(), Error> {
        self.shared.state().open = Some(Open::new(root, spill)?);
        self.shared.freed.notify_all();
        Ok(())
    }

    /// Questions that were ended because the memory was nearly used up.
    pub(super) fn ended_for_memory(&self) -> u64 {
        self.shared.for_memory.load(Relaxed)
    }
}

impl Drop for Pool {
    /// Waits for the watch: it has a connection, and whoever drops the last reader may open the file again.
    fn drop(&mut self) {
        self.shared.state().gone = true;
        self.shared.bell.notify_all();
        if let Some(watch) = self.watch.take() {
            // A watch that broke down has nothing left to give back.
            let _ = watch.join();
        }
    }
}

impl Shared {
    /// A panic of one reader does not spoil the list of the others.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, slot: u64, act: impl FnOnce(&mut Running) -> T) -> Option<T> {
        self.state().running.iter_mut().find(|running| running.slot == slot).map(act)
    }

    /// Looks at what runs, until the pool goes.
    fn watch(&self, limit: u64) {
        loop {
            let idle = |state: &mut State| !state.gone && state.running.iter().all(|running| running.time.is_none());
            let state = self.bell.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
            let waited = self.bell.wait_timeout_while(state, LOOK_EVERY, |state| !state.gone);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.gone {
                return;
            }
            state.insist();
            let gauge = state.open.as_mut().and_then(|open| open.gauge.take());
            state.looking = gauge.is_some();
            drop(state);
            if let Some(gauge) = gauge {
                let tight = is_tight(&gauge, limit);
                self.looked(gauge, tight);
            }
        }
    }

    fn looked(&self, gauge: Connection, tight: bool) {
        let mut state = self.state();
        match &mut state.open {
            Some(open) => open.gauge = Some(gauge),
            None => drop(gauge),
        }
        state.looking = false;
        if tight && state.spare_memory() {
            self.for_memory.fetch_add(1, Relaxed);
            tracing::warn!("memory is nearly used up: the question that has run longest is interrupted");
        }
        drop(state);
        self.freed.notify_all();
    }
}

impl State {
    /// True when no question may begin.
    fn is_shut(&self) -> bool {
        self.held || self.open.is_none()
    }

    /// Ends the questions whose time is over, and once more those that were ended and still run.
    fn insist(&mut self) {
        let now = now();
        for running in &mut self.running {
            let late = running.time.is_some_and(|(_, until)| until <= now);
            if late || running.ended.is_some() {
                running.end(Ended::Late);
            }
        }
    }

    /// Ends the question that has run longest, unless one that was ended just now may still give its memory back.
    fn spare_memory(&mut self) -> bool {
        let yielding = self.running.iter().any(|running| running.time.is_some() && running.ended.is_some());
        if yielding && self.patience > 0 {
            self.patience -= 1;
            return false;
        }
        let asked = self.running.iter_mut().filter(|running| running.ended.is_none());
        let Some(oldest) = asked.filter(|running| running.time.is_some()).min_by_key(|running| running.time) else {
            return false;
        };
        oldest.end(Ended::Interrupted);
        self.patience = LOOKS_TO_YIELD;
        true
    }
}

/// Whether questions hold more than `limit` bytes. One that cannot even be answered this says so too.
fn is_tight(gauge: &Connection, limit: u64) -> bool {
    match gauge.query_row(ask::MEMORY.sql, [], |row| row.get::<_, i64>(0)) {
        Ok(used) => used.unsigned_abs() > limit,
        Err(error) => {
            // An error leaves the connection in its transaction.
            let _ = run(gauge, &write::ROLLBACK);
            error.to_string().contains("Out of Memory")
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "deadlines of questions; nothing that is stored depends on it")]
fn now() -> Instant {
    Instant::now()
}
