//! The core thread and the writer thread, and the bounded channels between them.

use super::clock;
use super::core::Core;
use super::gather::Gather;
use super::recalling::Recall;
use super::seeking::Seek;
use super::watch::Watch;
use crate::event::{BarrierSample, Changes, Envelopes, Epoch, FoundCause, GroupSample, Sought, Timestamp};
use crate::otlp::Progress;
use crate::store;
use crate::telemetry::{Counter, Counters, Pulse};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

/// Reads that may wait for the core. One is up to 16 MiB of fetch answer, so a few keep it busy.
pub(super) const READS_WAITING: usize = 8;
/// Commits that may wait for the writer: one is written while the next is filled.
pub(super) const COMMITS_WAITING: usize = 1;
/// Rows of a commit: one DuckDB row group, which bypasses the write-ahead log.
const COMMIT_ROWS: usize = 122_880;

/// How often an idle writer looks whether a backup was ordered.
const BACKUP_LOOK: Duration = Duration::from_millis(100);

/// What the core takes in.
pub(super) enum Input {
    /// What one read gave, and where its memory goes back to.
    Read(Box<Envelopes>, Option<SyncSender<Box<Envelopes>>>),
    /// The barrier sample that was asked for, or that it could not be taken.
    Barrier(Option<BarrierSample>),
    /// A sample of all groups.
    Groups(GroupSample),
    /// What seeking the origin of a failure has given.
    Sought(Sought),
    /// What the database knows of causes that left memory.
    Recalled(Vec<FoundCause>),
    /// Nothing more will come, and everything that waits can be judged.
    End,
}

/// What the sampler is asked for.
pub(super) enum Ask {
    /// A barrier sample for this epoch.
    Barrier(Epoch),
    /// One last sample of the groups, and an end.
    Stop,
}

/// The core thread's surroundings.
pub(super) struct Pipeline {
    pub core: Core,
    pub inputs: Receiver<Input>,
    pub commits: SyncSender<Changes>,
    /// Asks the sampler of each cluster for a barrier; none where nobody can be asked, as in an import.
    pub samplers: Vec<SyncSender<Ask>>,
    /// Their answers.
    pub gather: Gather,
    pub counters: Arc<Counters>,
    pub pulse: Arc<Pulse>,
    /// How far the outbox was sent.
    pub progress: Progress,
    pub commit_interval: Duration,
    /// Whether somebody seeks the origins of bare failures, and looks up causes that left memory, once they are written.
    pub seeks: bool,
    /// Says what stands.
    pub watch: Watch,
}

impl Pipeline {
    /// Runs until all inputs are closed and everything was handed to the writer, or until the writer is gone. Gives the core
    /// back.
    pub fn run(mut self) -> Core {
        let mut due = clock::instant() + self.commit_interval;
        loop {
            self.pulse.core_moved(clock::instant());
            match self.inputs.recv_timeout(due.saturating_duration_since(clock::instant())) {
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.core.rows() >= COMMIT_ROWS || clock::instant() >= due {
                due = clock::instant() + self.commit_interval;
                if !self.commit() {
                    return self.core;
                }
                self.ask_barrier();
            }
        }
        self.core.end_of_reading();
        self.commit();
        self.core
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Read(mut read, empties) => {
                self.core.take(&read);
                if let Some(empties) = empties {
                    clear(&mut read);
                    // A full channel or a fetch thread that has ended: the memory is let go.
                    let _ = empties.try_send(read);
                }
            }
            Input::Barrier(answer) => self.take_barrier(answer),
            Input::Groups(sample) => {
                self.core.groups(&sample);
                let fetched = self.counters.get(Counter::FetchedBytes);
                self.watch.look(&self.core, &self.pulse, (clock::instant(), fetched));
            }
            Input::Sought(sought) => self.core.sought(&sought),
            Input::Recalled(found) => self.core.recalled(&found),
            Input::End => self.core.end_of_input(),
        }
    }

    fn commit(&mut self) -> bool {
        let counters = Counter::ALL.iter().map(|&c| (c.as_str().to_owned(), self.counters.get(c) as f64));
        let mut changes = self.core.commit(clock::now(), counters);
        changes.sent = self.progress.take();
        if self.seeks {
            changes.bare = self.core.take_bare();
            changes.lost = self.core.take_lost();
        }
        if changes.is_empty() {
            return true;
        }
        self.pulse.commit_sent(clock::instant());
        self.commits.send(changes).is_ok()
    }

    fn ask_barrier(&mut self) {
        // One question at a time: answers do not say which one they are for.
        if self.samplers.is_empty() || self.gather.is_open() {
            return;
        }
        let Some(epoch) = self.core.ask_barrier() else { return };
        self.gather.expect(self.samplers.len());
        let deaf = self.samplers.iter().filter(|sampler| sampler.try_send(Ask::Barrier(epoch)).is_err()).count();
        (0..deaf).for_each(|_| self.take_barrier(None));
    }

    fn take_barrier(&mut self, answer: Option<BarrierSample>) {
        match self.gather.take(answer) {
            Some(Some(sample)) => self.core.barrier(&sample),
            Some(None) => self.core.barrier_failed(),
            None => {}
        }
    }
}

fn clear(read: &mut Envelopes) {
    read.seen = Timestamp::default();
    read.starts.clear();
    read.segments.clear();
    read.rows.clear();
    read.profiles.clear();
    read.notices.clear();
    read.extras.clear();
    read.commits.clear();
    read.arena.clear();
    read.undecoded = Default::default();
}

/// Writes commits, and makes backups between them, until the core has ended, and gives the writer back: what is told of them now is not written yet.
pub(super) fn write(
    mut writer: store::Writer,
    commits: Receiver<Changes>,
    pulse: &Pulse,
    seekers: Option<&(SyncSender<Seek>, SyncSender<Recall>)>,
) -> Result<store::Writer, store::Error> {
    loop {
        match commits.recv_timeout(BACKUP_LOOK) {
            Ok(mut changes) => {
                let at = changes.at;
                let (bare, lost) = (std::mem::take(&mut changes.bare), std::mem::take(&mut changes.lost));
                writer.append(changes)?;
                // One that is gone seeks no more: the tap is stopping.
                if let Some((seeker, _)) = seekers.filter(|_| !bare.is_empty()) {
                    let _ = seeker.try_send(Seek::These(bare));
                }
                if let Some((_, recaller)) = seekers.filter(|_| !lost.is_empty()) {
                    let _ = recaller.try_send(Recall::These(lost));
                }
                pulse.commit_written(clock::instant());
                writer.retain(at)?;
                writer.rest(at);
            }
            // What is too old goes even where nothing new comes.
            Err(RecvTimeoutError::Timeout) => {
                let now = clock::now();
                writer.retain(now)?;
                writer.rest(now);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(writer),
        }
        writer.serve_backup(clock::instant);
    }
}

/// Writes the `last` changes, and closes the database.
pub(super) fn close(mut writer: store::Writer, last: Changes) -> Result<(), store::Error> {
    writer.append(last)?;
    writer.close()
}
