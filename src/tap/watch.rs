//! The stall watchdog's voice: says once that partitions stand, once that they go on, and tells health.

use super::core::Core;
use crate::delivery::Standing;
use crate::telemetry::{Pulse, Stalled};
use std::time::Duration;

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Watch {
    stalled: bool,
    held: bool,
}

impl Watch {
    /// Looks at what the core makes of the last sample.
    pub fn look(&mut self, core: &Core, pulse: &Pulse) {
        let (stalled, held) = (core.stalled(), core.held());
        pulse.stalled(Stalled {
            partitions: stalled.partitions,
            length: Duration::from_millis(stalled.ms.unsigned_abs()),
        });
        match change(&mut self.stalled, &stalled) {
            Some((partition, seconds)) => tracing::warn!(
                %partition,
                partitions = stalled.partitions,
                seconds,
                "records are there and none was received for a while; a broker that answers but sends nothing?"
            ),
            None => said_over(&mut self.stalled, &stalled, "all partitions receive records again"),
        }
        match change(&mut self.held, &held) {
            Some((partition, seconds)) => tracing::warn!(
                %partition,
                partitions = held.partitions,
                seconds,
                "blocked_by_transaction: an open transaction holds back all committed readers, the tap included"
            ),
            None => said_over(&mut self.held, &held, "no open transaction holds anything back any more"),
        }
    }
}

/// The longest and its seconds, when something stands of which nothing was said yet.
fn change(said: &mut bool, standing: &Standing) -> Option<(String, i64)> {
    let longest = standing.longest.as_ref().filter(|_| !*said)?;
    *said = true;
    Some((longest.to_string(), standing.ms / 1000))
}

fn said_over(said: &mut bool, standing: &Standing, sentence: &str) {
    if *said && standing.partitions == 0 {
        *said = false;
        tracing::warn!("{sentence}");
    }
}
