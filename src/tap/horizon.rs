//! How far back causes are found, as a sentence: at start, and when it gets shorter.

use super::core::Core;
use crate::telemetry::PROGRESS;
use std::time::Duration;

/// It is said again when the horizon has lost a fourth since the last time.
const WORTH_SAYING: u32 = 4;

/// What was said last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Horizons {
    said: Option<Duration>,
}

impl Horizons {
    /// Says how far back causes are found when that got shorter than was said.
    pub fn look(&mut self, core: &Core) {
        let Some(memory) = core.memory_horizon() else { return };
        match self.said {
            Some(said) if memory > said - said / WORTH_SAYING => {}
            _ => {
                self.said = Some(memory);
                say(core);
            }
        }
    }
}

/// Says how far back causes are found; nothing of an empty database.
pub(super) fn say(core: &Core) {
    if let Some(sentence) = sentence(core.memory_horizon(), core.disk_horizon()) {
        tracing::info!(target: PROGRESS, "{sentence}");
    }
}

fn sentence(memory: Option<Duration>, disk: Option<Duration>) -> Option<String> {
    let disk = back(disk?);
    Some(match memory {
        Some(memory) => format!(
            "causes are found up to {} back in memory, {disk} on disk; --memory, or causality under [memory], gives more",
            back(memory)
        ),
        None => format!("causes are found up to {disk} back, all of it in memory"),
    })
}

/// `12 s`, `41 min`, `3 h 05 min`, `6 d 3 h`.
fn back(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_memory_and_disk() {
        let span = |seconds| Some(Duration::from_secs(seconds));
        let said = sentence(span(41 * 60 + 5), span(6 * 86_400 + 3 * 3_600 + 59)).unwrap();
        assert!(said.starts_with("causes are found up to 41 min back in memory, 6 d 3 h on disk; --memory"), "{said}");
        let all = sentence(None, span(3 * 3_600 + 300)).unwrap();
        assert_eq!(all, "causes are found up to 3 h 05 min back, all of it in memory");
        assert_eq!(sentence(None, None), None);
    }
}
