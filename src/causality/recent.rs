//! What is known of recent events by their ref: cause, conversation, state. Pages of consecutive offsets, so that a
//! record costs no hash of its own.

use super::index::Spreading;
use crate::event::{EventRef, Resolution, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroI64;

const PAGE_BITS: u32 = 9;
const PAGE_EVENTS: i64 = 1 << PAGE_BITS;
/// Events that a page has room for when it is opened.
const SMALLEST_PAGE: usize = 16;
/// Pages kept: 24,576 pages of 512 events are 12 M events, as far back as the id index reaches.
const PAGES: usize = 24 << 10;

/// What is known of one event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Its conversation when it was last looked at.
    pub conversation: EventRef,
    /// Its first declared cause.
    pub cause: Link,
    /// What is known of its cause.
    pub resolution: Resolution,
    /// Number of its topic and type, for the statistics of lost contexts.
    pub lineage: u32,
    /// Its profile.
    pub profile: i32,
    /// The minute in which it was read.
    pub seen: Minute,
    /// A few bits of what it holds.
    pub print: u16,
}

/// A ref or none, in eight bytes: a line of the cache holds two events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Link(Option<NonZeroI64>);

impl Link {
    /// The ref, if there is one.
    pub fn get(self) -> Option<EventRef> {
        self.0.map(|n| EventRef(!n.get()))
    }
}

impl From<Option<EventRef>> for Link {
    /// A ref is never negative, so that its complement is never 0.
    fn from(reference: Option<EventRef>) -> Self {
        Self(reference.and_then(|reference| NonZeroI64::new(!reference.0)))
    }
}

const MINUTE: i64 = 60_000_000;

/// A minute since the epoch in four bytes, as far as they reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Minute(i32);

impl Minute {
    /// The minute that holds `time`.
    pub fn of(time: Timestamp) -> Self {
        Self(i32::try_from(time.0.div_euclid(MINUTE)).unwrap_or(i32::MIN))
    }

    /// When it began; `None` when it lies further from the epoch than four bytes reach.
    pub fn start(self) -> Option<Timestamp> {
        (self.0 != i32::MIN).then(|| Timestamp(i64::from(self.0) * MINUTE))
    }
}

/// As long as its last event asks for: most partitions of a large cluster hold few.
type Page = Vec<Option<Known>>;

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
        (reference.0 >> PAGE_BITS, (reference.0 & (PAGE_EVENTS - 1)) as usize)
    }

    fn number(&self, page: i64) -> Option<u32> {
        match self.last {
            Some((last, number)) if last == page => Some(number),
            _ => self.numbers.get(&page).copied(),
        }
    }

    pub fn get(&self, reference: EventRef) -> Option<&Known> {
        let (page, at) = Self::place(reference);
        self.pages[self.number(page)? as usize].get(at)?.as_ref()
    }

    pub fn get_mut(&mut self, reference: EventRef) -> Option<&mut Known> {
        let (page, at) = Self::place(reference);
        let number = self.number(page)?;
        self.pages[number as usize].get_mut(at)?.as_mut()
    }

    pub fn insert(&mut self, reference: EventRef, known: Known) {
        let (page, at) = Self::place(reference);
        let number = match self.number(page) {
            Some(number) => number,
            None => self.open_page(page),
        };
        self.last = Some((page, number));
        let page = &mut self.pages[number as usize];
        if page.len() <= at {
            page.reserve_exact((at + 1).next_power_of_two().max(SMALLEST_PAGE) - page.len());
            page.resize(at + 1, None);
        }
        page[at] = Some(known);
    }

    fn open_page(&mut self, page: i64) -> u32 {
        let oldest = if self.order.len() >= PAGES { self.order.pop_front() } else { None };
        let number = match oldest.and_then(|oldest| self.numbers.remove(&oldest)) {
            Some(number) => {
                self.dropped += 1;
                self.pages[number as usize].clear();
                number
            }
            None => {
                self.pages.push(Page::new());
                self.pages.len() as u32 - 1
            }
        };
        self.order.push_back(page);
        self.numbers.insert(page, number);
        number
    }
}
