//! SIGINT and SIGTERM: the first asks for a clean stop, the second does not wait for it.

use super::output;
use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a program that a signal ended, as shells count it: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// A flag that the first signal sets.
pub(super) fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("wait for signals")?;
    let (interrupt, terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(watch(interrupt, terminate, seen)))?;
    Ok(stop)
}

async fn watch(mut interrupt: Signal, mut terminate: Signal, stop: Arc<AtomicBool>) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED);
        }
        output::note("headwater: stopping; once more to stop at once");
    }
}
