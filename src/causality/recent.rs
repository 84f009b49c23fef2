//! What is known of recent events by their ref: cause, conversation, state. Pages of consecutive offsets, so that a
//! record costs no hash of its own.

use crate::event::{EventRef, Resolution};
use std::collections::{HashMap, VecDeque};

const PAGE_BITS: u32 = 9;
const PAGE_EVENTS: usize = 1 << PAGE_BITS;
/// Pages kept: 16,384 pages of 512 events are 8 M events, as far back as the id index reaches.
const PAGES: usize = 1 << 14;

/// What is known of one event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Its conversation when it was last looked at.
    pub conversation: EventRef,
    /// Its first declared cause.
    pub cause: Option<EventRef>,
    /// What is known of its cause.
    pub resolution: Resolution,
    /// Number of its topic and type, for the statistics of lost contexts.
    pub lineage: u32,
}

type Page = Box<[Option<Known>; PAGE_EVENTS]>;

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    pages: HashMap<i64, Page>,
    order: VecDeque<i64>,
    /// Pages that were let go.
    pub dropped: u64,
}

impl Recent {
    const fn place(reference: EventRef) -> (i64, usize) {
        (reference.0 >> PAGE_BITS, (reference.0 & (PAGE_EVENTS as i64 - 1)) as usize)
    }

    pub fn get(&self, reference: EventRef) -> Option<&Known> {
        let (page, at) = Self::place(reference);
        self.pages.get(&page)?[at].as_ref()
    }

    pub fn get_mut(&mut self, reference: EventRef) -> Option<&mut Known> {
        let (page, at) = Self::place(reference);
        self.pages.get_mut(&page)?[at].as_mut()
    }

    pub fn insert(&mut self, reference: EventRef, known: Known) {
        let (page, at) = Self::place(reference);
        if !self.pages.contains_key(&page) {
            if self.order.len() == PAGES
                && let Some(oldest) = self.order.pop_front()
            {
                self.pages.remove(&oldest);
                self.dropped += 1;
            }
            self.order.push_back(page);
        }
        self.pages.entry(page).or_insert_with(|| Box::new([None; PAGE_EVENTS]))[at] = Some(known);
    }
}
