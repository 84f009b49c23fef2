//! What is known of recent events by their ref: cause, conversation, state. Pages of consecutive offsets, so that a
//! record costs no hash of its own.

use super::index::Spreading;
use crate::event::{EventRef, Resolution};
use std::collections::{HashMap, VecDeque};

const PAGE_BITS: u32 = 9;
const PAGE_EVENTS: usize = 1 << PAGE_BITS;
/// Pages kept: 24,576 pages of 512 events are 12 M events, as far back as the id index reaches.
const PAGES: usize = 24 << 10;

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
    pages: Vec<Page>,
    numbers: HashMap<i64, u32, Spreading>,
    order: VecDeque<i64>,
    /// The page written last: a partition's records come in a row.
    last: Option<(i64, u32)>,
    /// Pages that were let go.
    pub dropped: u64,
}

impl Recent {
    const fn place(reference: EventRef) -> (i64, usize) {
        (reference.0 >> PAGE_BITS, (reference.0 & (PAGE_EVENTS as i64 - 1)) as usize)
    }

    fn number(&self, page: i64) -> Option<u32> {
        match self.last {
            Some((last, number)) if last == page => Some(number),
            _ => self.numbers.get(&page).copied(),
        }
    }

    pub fn get(&self, reference: EventRef) -> Option<&Known> {
        let (page, at) = Self::place(reference);
        self.pages[self.number(page)? as usize][at].as_ref()
    }

    pub fn get_mut(&mut self, reference: EventRef) -> Option<&mut Known> {
        let (page, at) = Self::place(reference);
        let number = self.number(page)?;
        self.pages[number as usize][at].as_mut()
    }

    pub fn insert(&mut self, reference: EventRef, known: Known) {
        let (page, at) = Self::place(reference);
        let number = match self.number(page) {
            Some(number) => number,
            None => self.open_page(page),
        };
        self.last = Some((page, number));
        self.pages[number as usize][at] = Some(known);
    }

    fn open_page(&mut self, page: i64) -> u32 {
        let oldest = if self.order.len() >= PAGES { self.order.pop_front() } else { None };
        let number = match oldest.and_then(|oldest| self.numbers.remove(&oldest)) {
            Some(number) => {
                self.dropped += 1;
                self.pages[number as usize].fill(None);
                number
            }
            None => {
                self.pages.push(Box::new([None; PAGE_EVENTS]));
                self.pages.len() as u32 - 1
            }
        };
        self.order.push_back(page);
        self.numbers.insert(page, number);
        number
    }
}
