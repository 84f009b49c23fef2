//! What is known of recent events by their ref: id, cause, conversation, state. Pages of consecutive offsets, so that a
//! record costs no hash of its own.

use super::levels::Levels;
use crate::event::{EventRef, Identifier, Resolution, Timestamp};
use std::collections::VecDeque;
use std::num::NonZeroI64;

const PAGE_BITS: u32 = 8;
const PAGE_EVENTS: i64 = 1 << PAGE_BITS;
/// Events that a page has room for when it is opened.
const SMALLEST_PAGE: usize = 16;
/// Bytes of an event in a page.
pub(super) const EVENT_BYTES: usize = size_of::<Cell>();
/// Bytes of a page beside its events: its head, its place in the queue and in the directory, and what the allocator adds.
const PAGE_BYTES: usize = 120;
/// Pages that a place of 32 bits can name.
const MOST_PAGES: usize = 1 << (32 - PAGE_BITS);
/// Pages that are spared in a row when one has to go, because they are still written to.
const SPARED: usize = 8;

/// Where an event lies in memory: page and place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub u32);

/// What is known of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// The id under which others name it; copies have none.
    pub id: Option<(u64, u64)>,
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

/// [`Known`] in 46 bytes. An empty one is all zeros.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(2))]
struct Cell {
    id_hi: u64,
    id_lo: u64,
    conversation: EventRef,
    cause: Link,
    /// Lineage, then whether it has an id, then orphan reason or 15, resolution, and a bit that says that there is an event.
    state: u32,
    profile: i32,
    seen: Minute,
    print: u16,
}

impl Cell {
    const EMPTY: Self = Self {
        id_hi: 0,
        id_lo: 0,
        conversation: EventRef(0),
        cause: Link(None),
        state: 0,
        profile: 0,
        seen: Minute(0),
        print: 0,
    };
    const TAKEN: u32 = 1;
    const NO_REASON: u32 = 15;
    const HAS_ID: u32 = 1 << 8;
    const LINEAGE: u32 = 9;

    fn of(known: Known) -> Self {
        let (id_hi, id_lo) = known.id.unwrap_or_default();
        let reason = known.resolution.reason_number().map_or(Self::NO_REASON, |reason| reason as u32 & 15);
        let id = if known.id.is_some() { Self::HAS_ID } else { 0 };
        let resolution = (known.resolution.number() as u32 & 7) << 1;
        let state = known.lineage << Self::LINEAGE | id | reason << 4 | resolution | Self::TAKEN;
        let Known { conversation, cause, profile, seen, print, .. } = known;
        Self { id_hi, id_lo, conversation, cause, state, profile, seen, print }
    }

    fn known(self) -> Option<Known> {
        let state = self.state;
        if state & Self::TAKEN == 0 {
            return None;
        }
        let reason = (state >> 4 & 15) as i8;
        let reason = (reason as u32 != Self::NO_REASON).then_some(reason);
        Some(Known {
            id: (state & Self::HAS_ID != 0).then_some((self.id_hi, self.id_lo)),
            conversation: self.conversation,
            cause: self.cause,
            resolution: Resolution::from_numbers((state >> 1 & 7) as i8, reason),
            lineage: state >> Self::LINEAGE,
            profile: self.profile,
            seen: self.seen,
            print: self.print,
        })
    }
}

/// A ref or none, in eight bytes.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

    /// When the next one begins.
    pub fn end(self) -> Option<Timestamp> {
        self.start().map(|start| Timestamp(start.0 + MINUTE))
    }
}

/// As long as its last event asks for: most partitions of a large cluster hold few.
#[derive(Debug, Clone, Default)]
struct Page {
    number: i64,
    cells: Vec<Cell>,
    /// How many events were taken in before its last one, over all pages.
    written: u64,
    /// When its last event was read.
    seen: Option<Minute>,
}

impl Page {
    fn bytes(&self) -> usize {
        PAGE_BYTES + self.cells.capacity() * EVENT_BYTES
    }
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Recent {
    pages: Vec<Page>,
    /// Pages by their number.
    directory: Levels,
    /// The oldest first.
    order: VecDeque<u32>,
    free: Vec<u32>,
    /// The page written last: a partition's records come in a row.
    last: Option<(i64, u32)>,
    bytes: usize,
    most_bytes: usize,
    /// Times that an event was taken in.
    taken: u64,
    /// Events that are known.
    pub events: u64,
    /// Pages that were let go.
    pub pages_dropped: u64,
    /// Up to when events were read that may have left: all that were read later are here.
    pub left_until: Option<Minute>,
}

impl Recent {
    /// Pages of at most `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self {
            pages: Vec::new(),
            directory: Levels::default(),
            order: VecDeque::new(),
            free: Vec::new(),
            last: None,
            bytes: 0,
            most_bytes: bytes.max(2 * (PAGE_BYTES + PAGE_EVENTS as usize * EVENT_BYTES)),
            taken: 0,
            events: 0,
            pages_dropped: 0,
            left_until: None,
        }
    }

    const fn place(reference: EventRef) -> (i64, usize) {
        (reference.0 >> PAGE_BITS, (reference.0 & (PAGE_EVENTS - 1)) as usize)
    }

    fn page(&self, number: i64) -> Option<u32> {
        match self.last {
            Some((last, page)) if last == number => Some(page),
            _ => self.directory.get(number as u64),
        }
    }

    /// What is known of an event.
    pub fn get(&self, reference: EventRef) -> Option<Known> {
        let (number, at) = Self::place(reference);
        self.pages[self.page(number)? as usize].cells.get(at)?.known()
    }

    /// Changes what is known of an event, where anything is.
    pub fn change(&mut self, reference: EventRef, change: impl FnOnce(&mut Known)) {
        let (number, at) = Self::place(reference);
        let Some(page) = self.page(number) else { return };
        let Some(cell) = self.pages[page as usize].cells.get_mut(at) else { return };
        if let Some(mut known) = cell.known() {
            change(&mut known);
            *cell = Cell::of(known);
        }
    }

    /// The event at a place, if it carries this id.
    pub fn carries(&self, place: Place, id: Identifier) -> Option<EventRef> {
        let page = self.pages.get((place.0 >> PAGE_BITS) as usize)?;
        let at = i64::from(place.0) & (PAGE_EVENTS - 1);
        let cell = page.cells.get(at as usize)?;
        let same = cell.state & Cell::HAS_ID != 0 && (cell.id_hi, cell.id_lo) == (id.hi, id.lo);
        same.then_some(EventRef(page.number << PAGE_BITS | at))
    }

    /// When the latest event of a page was read.
    pub fn seen(&self, place: Place) -> Option<Minute> {
        self.pages.get((place.0 >> PAGE_BITS) as usize)?.seen
    }

    /// Takes an event in, and says where it lies.
    pub fn insert(&mut self, reference: EventRef, known: Known) -> Place {
        let (number, at) = Self::place(reference);
        let page = match self.page(number) {
            Some(page) => page,
            None => self.open_page(number),
        };
        self.last = Some((number, page));
        self.taken += 1;
        let kept = &mut self.pages[page as usize];
        kept.written = self.taken;
        kept.seen = kept.seen.max(Some(known.seen));
        if kept.cells.len() <= at {
            let before = kept.cells.capacity();
            if before <= at {
                let room = (at + 1).next_power_of_two().max(SMALLEST_PAGE);
                kept.cells.reserve_exact(room - kept.cells.len());
            }
            kept.cells.resize(at + 1, Cell::EMPTY);
            self.bytes += (kept.cells.capacity() - before) * EVENT_BYTES;
        }
        self.events += u64::from(kept.cells[at].state & Cell::TAKEN == 0);
        kept.cells[at] = Cell::of(known);
        Place(page << PAGE_BITS | at as u32)
    }

    fn open_page(&mut self, number: i64) -> u32 {
        // Room for a whole page: what is opened fills up as a rule.
        let whole = PAGE_BYTES + PAGE_EVENTS as usize * EVENT_BYTES;
        while self.order.len() >= MOST_PAGES || (self.bytes + whole > self.most_bytes && !self.order.is_empty()) {
            self.let_go();
        }
        let page = self.free.pop().unwrap_or_else(|| {
            self.pages.push(Page::default());
            self.pages.len() as u32 - 1
        });
        self.pages[page as usize] = Page { number, ..Page::default() };
        self.bytes += PAGE_BYTES;
        self.order.push_back(page);
        self.directory.insert(number as u64, page);
        page
    }

    /// Lets the oldest page go. A page of a slow partition may be old and hold events of just now: it goes to the end of the
    /// queue, as long as others can go.
    fn let_go(&mut self) {
        let newer_half = self.taken.saturating_sub(self.events / 2);
        for spared in 0..=SPARED {
            let Some(oldest) = self.order.pop_front() else { return };
            if spared < SPARED && self.pages[oldest as usize].written > newer_half {
                self.order.push_back(oldest);
                continue;
            }
            let page = std::mem::take(&mut self.pages[oldest as usize]);
            self.bytes -= page.bytes();
            self.events -= page.cells.iter().filter(|cell| cell.state & Cell::TAKEN != 0).count() as u64;
            self.pages_dropped += 1;
            self.left_until = self.left_until.max(page.seen);
            self.directory.remove(page.number as u64);
            self.free.push(oldest);
            if self.last.is_some_and(|(number, _)| number == page.number) {
                self.last = None;
            }
            return;
        }
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OrphanReason;

    fn known(n: i64) -> Known {
        Known {
            id: (n % 3 > 0).then_some((n as u64, 7)),
            conversation: EventRef(n / 2),
            cause: (n % 2 == 0).then_some(EventRef(n)).into(),
            resolution: match n % 4 {
                0 => Resolution::Root,
                1 => Resolution::Orphaned(OrphanReason::BeforeStart),
                2 => Resolution::Waiting { blocked: true },
                _ => Resolution::Caused,
            },
            lineage: n as u32 % 100_000,
            profile: n as i32,
            seen: Minute(n as i32),
            print: n as u16,
        }
    }

    #[test]
    fn what_is_known_comes_back_as_it_went_in() {
        assert_eq!(EVENT_BYTES, 46);
        let mut recent = Recent::new(1 << 20);
        for n in 0..2_000 {
            recent.insert(EventRef(n), known(n));
        }
        assert!((0..2_000).all(|n| recent.get(EventRef(n)) == Some(known(n))));
        recent.change(EventRef(5), |known| known.lineage = 99_999);
        assert_eq!(recent.get(EventRef(5)), Some(Known { lineage: 99_999, ..known(5) }));
        assert_eq!(recent.get(EventRef(2_000)), None);
    }

    #[test]
    fn the_bytes_bound_it_and_a_slow_partition_keeps_what_came_just_now() {
        let bytes = 1 << 20;
        let mut recent = Recent::new(bytes);
        let slow = |n: i64| EventRef::new(crate::event::Ordinal(1), n);
        for n in 0..200_000 {
            recent.insert(EventRef(n), known(n));
            if n % 1_000 == 0 {
                recent.insert(slow(n / 1_000), Known { seen: Minute(n as i32), ..known(n) });
            }
        }
        assert!(recent.bytes() <= bytes && recent.pages_dropped > 0);
        let events = recent.order.iter().flat_map(|&page| &recent.pages[page as usize].cells);
        assert_eq!(recent.events, events.filter(|cell| cell.state & 1 == 1).count() as u64);
        assert_eq!(recent.get(EventRef(0)), None);
        let until = recent.left_until.unwrap();
        assert!((until.0 as i64 + 1..200_000).all(|n| recent.get(EventRef(n)).is_some()), "the horizon holds");
        assert!(recent.get(slow(199)).is_some());
        let slow_pages = 200_000 - until.0 as i64;
        assert!(slow_pages > 10_000, "it reaches back {slow_pages}");
    }

    #[test]
    fn a_place_that_was_given_to_another_event_carries_no_old_id() {
        let mut recent = Recent::new(0);
        let id = |n: u64| Identifier { hi: n, lo: 7, spelling: crate::event::Spelling::Uuid };
        let place = recent.insert(EventRef(1), known(1));
        assert_eq!(recent.carries(place, id(1)), Some(EventRef(1)));
        for n in (2..).take(20) {
            recent.insert(EventRef(n << PAGE_BITS), known(4));
        }
        assert_eq!(recent.carries(place, id(1)), None);
    }
}
