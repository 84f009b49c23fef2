//! What the records of a partition are like: whether all tell of failures, and whether bodies carry an envelope. Where
//! none does, they are sampled and not parsed.
//!
//! A partition is read in order, so what is sampled depends on its own records alone, whatever was read between them.

use std::collections::HashMap;
use std::sync::Arc;

/// Bodies without an envelope, one after the other, before a partition is believed to carry none.
const LEARNED: u32 = 64;

/// Of the bodies of such a partition every so many is read all the same.
const SAMPLE: i64 = 16;

/// Ways in which the bodies of one partition begin that are told apart: event types mostly have the same first member.
const OPENINGS: usize = 4;

/// Bytes that make up an opening: up to the first colon.
const OPENING_BYTES: usize = 32;

/// Bytes of a schema id before a body, with the zero that announces it: whatever follows is data.
const SCHEMA_PREFIX: usize = 5;

/// Partitions that are remembered; beyond, all are learned anew.
const MAX_PARTITIONS: usize = 65_536;

#[derive(Debug, Default)]
struct Habit {
    /// It held a record without a word of failure.
    events: bool,
    plain: u32,
    openings: [u64; OPENINGS],
}

/// The habits of all partitions.
#[derive(Debug, Default)]
pub struct Habits {
    all: Vec<Habit>,
    numbers: HashMap<(Arc<str>, i32), usize>,
    /// The partition of the record before, and its number.
    recent: Option<(Arc<str>, i32, usize)>,
}

impl Habits {
    /// Whether to read `body`, which lies at `offset`: not where the partition's bodies carry no envelope and this one
    /// begins like those.
    pub fn wants(&mut self, topic: &Arc<str>, partition: i32, (offset, body): (i64, &[u8])) -> bool {
        let habit = self.habit(topic, partition);
        habit.plain < LEARNED || offset % SAMPLE == 0 || !habit.openings.contains(&opening(body))
    }

    /// What reading `body` gave.
    pub fn learn(&mut self, topic: &Arc<str>, partition: i32, body: &[u8], envelope: bool) {
        let habit = self.habit(topic, partition);
        if envelope {
            *habit = Habit { events: habit.events, ..Habit::default() };
            return;
        }
        let opening = opening(body);
        if !habit.openings.contains(&opening) {
            // A new way to begin has to show for as long that it means nothing.
            habit.plain = 0;
            habit.openings.rotate_right(1);
            habit.openings[0] = opening;
        }
        habit.plain = habit.plain.saturating_add(1);
    }

    /// Whether the partition held a record that says nothing of a failure.
    pub fn holds_events(&mut self, topic: &Arc<str>, partition: i32) -> bool {
        self.habit(topic, partition).events
    }

    /// The partition holds such a record.
    pub fn note_event(&mut self, topic: &Arc<str>, partition: i32) {
        self.habit(topic, partition).events = true;
    }

    fn habit(&mut self, topic: &Arc<str>, partition: i32) -> &mut Habit {
        let known =
            self.recent.as_ref().filter(|(recent, number, _)| Arc::ptr_eq(recent, topic) && *number == partition);
        let at = match known {
            Some((.., at)) => *at,
            None => self.number(topic, partition),
        };
        &mut self.all[at]
    }

    fn number(&mut self, topic: &Arc<str>, partition: i32) -> usize {
        if self.all.len() >= MAX_PARTITIONS {
            self.all.clear();
            self.numbers.clear();
        }
        let at = *self.numbers.entry((topic.clone(), partition)).or_insert(self.all.len());
        if at == self.all.len() {
            self.all.push(Habit::default());
        }
        self.recent = Some((topic.clone(), partition, at));
        at
    }
}

/// What `body` begins with, up to the end of its first name, or its schema id. Never 0, which stands for none.
fn opening(body: &[u8]) -> u64 {
    let bytes = if body.first() == Some(&0) { SCHEMA_PREFIX } else { OPENING_BYTES };
    let start = &body[..body.len().min(bytes)];
    let end = start.iter().position(|byte| *byte == b':').unwrap_or(start.len());
    start[..end]
        .iter()
        .fold(1, |hash: u64, byte| hash.rotate_left(7) ^ u64::from(*byte).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = br#"{"orderId":4711,"total":12}"#;
    const ENVELOPE: &[u8] = br#"{"metadata":{"id":"x"},"data":{}}"#;

    #[test]
    fn a_partition_without_envelopes_is_sampled_until_one_comes() {
        let (mut habits, topic) = (Habits::default(), Arc::<str>::from("orders"));
        let mut read = 0;
        for offset in 0..1_000 {
            if habits.wants(&topic, 0, (offset, PLAIN)) {
                habits.learn(&topic, 0, PLAIN, false);
                read += 1;
            }
        }
        let sampled = (i64::from(LEARNED)..1_000).filter(|offset| offset % SAMPLE == 0).count();
        assert_eq!(read, LEARNED as usize + sampled);
        assert!(habits.wants(&topic, 1, (1_001, PLAIN)), "another partition has its own");
        assert!(habits.wants(&topic, 0, (1_001, ENVELOPE)), "it begins otherwise");
        habits.learn(&topic, 0, ENVELOPE, true);
        assert!((1_002..1_018).all(|offset| habits.wants(&topic, 0, (offset, PLAIN))), "all are read again");
    }
}
