//! How often the events of a topic and type name their cause: what makes an unlinked one suspicious.

use crate::event::{LINEAGE_CAUSED_PERCENT, LINEAGE_LEAST, LINEAGE_WINDOW};
use std::collections::HashMap;

/// Topics and types followed; those above share one entry that never says anything.
const LINEAGES: usize = 100_000;

#[derive(Debug, Clone)]
struct Window {
    caused: Box<[bool; LINEAGE_WINDOW]>,
    next: usize,
    events: u32,
    sum: u32,
    loses: bool,
}

impl Window {
    fn new() -> Self {
        Self { caused: Box::new([false; LINEAGE_WINDOW]), next: 0, events: 0, sum: 0, loses: false }
    }

    /// Takes in one settled event; true when the verdict on unlinked ones changed.
    fn settle(&mut self, caused: bool) -> bool {
        if self.events as usize == LINEAGE_WINDOW {
            self.sum -= u32::from(self.caused[self.next]);
        } else {
            self.events += 1;
        }
        self.caused[self.next] = caused;
        self.next = (self.next + 1) % LINEAGE_WINDOW;
        self.sum += u32::from(caused);
        let loses = self.events >= LINEAGE_LEAST && self.sum * 100 >= self.events * LINEAGE_CAUSED_PERCENT;
        std::mem::replace(&mut self.loses, loses) != loses
    }
}

/// The statistics of all topics and types.
#[derive(Debug, Clone)]
pub(super) struct Lineages {
    numbers: HashMap<(u32, i32), u32>,
    windows: Vec<Window>,
    last: ((u32, i32), u32),
    /// Lineages whose verdict changed since the last look.
    pub changed: Vec<u32>,
}

impl Lineages {
    pub fn new() -> Self {
        let unfollowed = Window::new();
        Self {
            numbers: HashMap::new(),
            windows: vec![unfollowed],
            last: ((u32::MAX, i32::MAX), 0),
            changed: Vec::new(),
        }
    }

    /// The number of a topic and profile. Neighbours mostly share both, so the last answer is kept.
    pub fn number(&mut self, topic: u32, profile: i32) -> u32 {
        let key = (topic, profile);
        if self.last.0 == key {
            return self.last.1;
        }
        let number = match self.numbers.get(&key) {
            Some(&number) => number,
            None if self.windows.len() >= LINEAGES => 0,
            None => {
                let number = self.windows.len() as u32;
                self.windows.push(Window::new());
                self.numbers.insert(key, number);
                number
            }
        };
        self.last = (key, number);
        number
    }

    pub fn settle(&mut self, lineage: u32, caused: bool) {
        if lineage != 0 && self.windows[lineage as usize].settle(caused) {
            self.changed.push(lineage);
        }
    }

    /// True when an unlinked event of this lineage has most likely lost its context.
    pub fn loses(&self, lineage: u32) -> bool {
        self.windows.get(lineage as usize).is_some_and(|window| window.loses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlinked_event_is_suspicious_only_among_caused_ones() {
        let mut lineages = Lineages::new();
        let often = lineages.number(1, 1);
        let never = lineages.number(1, 2);
        for n in 0..LINEAGE_LEAST {
            assert!(!lineages.loses(often), "after {n} events");
            lineages.settle(often, true);
            lineages.settle(never, false);
        }
        assert!(lineages.loses(often) && !lineages.loses(never));
        assert_eq!(lineages.changed, [often]);
        for _ in 0..4 {
            lineages.settle(often, false);
        }
        assert!(!lineages.loses(often), "50 of 54 are fewer than 95 in a hundred");
        assert_eq!(lineages.number(1, 1), often);
    }
}
