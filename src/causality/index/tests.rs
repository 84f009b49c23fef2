use super::*;
use crate::causality::hashing::{Secret, spread};
use crate::causality::recent::Known;
use crate::event::{Resolution, Spelling, Timestamp};

const SECRET: Secret = Secret(0x1234_5678_9abc_def1, 0x0fed_cba9_8765_4321);

fn id(n: u64) -> Identifier {
    Identifier { hi: spread(n), lo: spread(!n), spelling: Spelling::Uuid }
}

fn wanted(id: Identifier) -> Wanted {
    Wanted { id, key: SECRET.key(id) }
}

fn known(id: Identifier, minute: i64) -> Known {
    Known {
        id: Some((id.hi, id.lo)),
        conversation: EventRef(0),
        cause: None.into(),
        resolution: Resolution::Root,
        lineage: 0,
        profile: 0,
        seen: Minute::of(Timestamp(minute * 60_000_000)),
        print: 0,
    }
}

struct Both {
    index: Index,
    recent: Recent,
}

impl Both {
    fn new(index: usize, cold: usize, recent: usize) -> Self {
        Self { index: Index::new(index, cold), recent: Recent::new(recent) }
    }

    fn put(&mut self, reference: i64, id: Identifier) -> Option<EventRef> {
        let place = self.recent.insert(EventRef(reference), known(id, reference / 1_000));
        self.index.get_or_insert(wanted(id), place, &self.recent)
    }

    fn get(&self, id: Identifier) -> Sight {
        self.index.get(wanted(id), &self.recent)
    }
}

#[test]
fn ids_are_found_while_they_are_hot_and_filters_tell_of_all_that_left() {
    let bytes = 16 << 20;
    let mut both = Both::new(bytes, 64 << 20, 256 << 20);
    let last = 4_000_000;
    for n in 0..last {
        assert_eq!(both.put(n as i64, id(n)), None, "{n}");
    }
    let Both { index, .. } = &both;
    let left = index.dropped;
    assert!(left > 0 && index.bytes() <= bytes && index.cold.ids == left);
    assert!((0..left).all(|n| both.get(id(n)) != Sight::Here(EventRef(n as i64))));
    assert!((0..left).all(|n| index.may_have_left(SECRET.key(id(n)))), "no filter forgets");
    assert!((left..last).all(|n| both.get(id(n)) == Sight::Here(EventRef(n as i64))));
    let per_id = index.cold.bytes() as f64 / left as f64;
    assert!(per_id <= 1.2, "{per_id} bytes an id that left");
    let filters = 1.0 - (1.0 - 1.0 / 250.0_f64).powi(40);
    let wrong = (last..last + 100_000).filter(|&n| index.may_have_left(SECRET.key(id(n)))).count();
    assert!((wrong as f64) < 100_000.0 * filters, "{wrong} of 100,000 are told to have left");
}

#[test]
fn a_full_index_takes_less_than_24_bytes_a_key() {
    // The id itself stands in the page.
    let mut both = Both::new(8 << 20, 0, 64 << 20);
    for n in 0..2_000_000 {
        both.put(n, id(n as u64));
    }
    let newest = both.index.slices.last().map_or(0, |slice| Slice::bytes(slice.buckets));
    let full: usize = both.index.slices.iter().rev().skip(1).map(|slice| slice.used).sum();
    let per_key = 16.0 + (both.index.bytes() - newest) as f64 / full as f64;
    assert!(per_key <= 24.0, "{per_key} bytes a key");
}

#[test]
fn ids_with_one_hash_are_told_apart() {
    let mut both = Both::new(1 << 20, 0, 1 << 20);
    let [one, other] = SECRET.collision();
    assert_eq!(both.put(1, one), None);
    assert_eq!(both.get(other), Sight::Doubtful);
    assert_eq!(both.put(2, other), None);
    assert_eq!((both.get(one), both.get(other)), (Sight::Here(EventRef(1)), Sight::Here(EventRef(2))));
}

#[test]
fn an_event_that_left_its_page_leaves_a_doubt() {
    let mut both = Both::new(1 << 20, 0, 0);
    for n in 0..10_000 {
        both.put(n, id(n as u64));
    }
    assert_eq!(both.get(id(0)), Sight::Doubtful);
    assert_eq!(both.get(id(9_999)), Sight::Here(EventRef(9_999)));
}

#[test]
fn filters_are_bounded_too() {
    let mut both = Both::new(0, 20_000, 0);
    for n in 0..200_000 {
        both.put(n, id(n as u64));
    }
    let cold = &both.index.cold;
    assert!(cold.bytes() <= 20_000 && cold.dropped > 0 && cold.ids + cold.dropped == both.index.dropped);
}
