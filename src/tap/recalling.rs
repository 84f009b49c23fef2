//! The recaller thread: looks up causes that left memory in the database, many at a time, while the stream goes on.

use super::clock;
use super::pipeline::Input;
use crate::event::{FoundCause, LostCause};
use crate::store::Readers;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lists that may wait for the recaller: the core has one in its hands at a time, and a stop comes once.
const RECALLS_WAITING: usize = 2;
/// How often a question is asked: readers are few, and may all be busy.
const TRIES: usize = 3;
/// How long it rests in between.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How often a resting recaller looks whether it shall stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the recaller is told.
pub(super) enum Recall {
    /// To look up these causes; all that was decided before them is written.
    These(Vec<LostCause>),
    /// To end.
    Stop,
}

/// Starts it, and says where to ask.
pub(super) fn start(
    readers: Readers,
    stop: Arc<AtomicBool>,
    core: SyncSender<Input>,
) -> anyhow::Result<(SyncSender<Recall>, JoinHandle<()>)> {
    let (recalls, asked) = sync_channel(RECALLS_WAITING);
    let recaller = super::spawn("recaller", move || run(&readers, &stop, &asked, &core))?;
    Ok((recalls, recaller))
}

/// Answers until it is told to stop, or `stop` is set. What is left then waits in the database, and is asked for in the next
/// run.
fn run(readers: &Readers, stop: &Arc<AtomicBool>, asked: &Receiver<Recall>, core: &SyncSender<Input>) {
    while let Ok(Recall::These(lost)) = asked.recv() {
        let Some(found) = recall(readers, stop, &lost) else { return };
        if core.send(Input::Recalled(found)).is_err() {
            return;
        }
    }
}

/// What the database knows of these causes; nothing of all when it does not answer. `None` when it was told to stop meanwhile.
pub(super) fn recall(readers: &Readers, stop: &AtomicBool, lost: &[LostCause]) -> Option<Vec<FoundCause>> {
    for _ in 0..TRIES {
        if stop.load(Relaxed) {
            return None;
        }
        match readers.lost_causes(lost) {
            Ok(found) => return Some(found),
            Err(error) => {
                tracing::debug!(%error, "causes cannot be looked up now");
                rest(stop);
            }
        }
    }
    // An orphan that is not one is taken back when its cause comes again; a stream of them must not wait for ever.
    tracing::warn!(
        events = lost.len(),
        "the database did not say whether it holds their causes: they are judged without it"
    );
    Some(lost.iter().map(|lost| FoundCause { effect: lost.effect, cause: None }).collect())
}

fn rest(stop: &AtomicBool) {
    let until = clock::instant() + TRY_AGAIN;
    while !stop.load(Relaxed) && clock::instant() < until {
        std::thread::sleep(LOOK_EVERY);
    }
}
