//! Which record a failure repeats, and how sure that is. Pure: what was read is data.

use crate::event::EventRef;

/// The same bytes under the same timestamp, once: what a copy is.
const VALUE_AND_TIME: f32 = 0.95;
/// The same bytes once, under another timestamp: one that nobody has seen may have them, too.
const VALUE: f32 = 0.9;
/// Size, key and timestamp are the same once, and nobody can compare the bytes any more.
const SIZE_KEY_AND_TIME: f32 = 0.8;
/// Values below so many bytes are alike by chance (`{}`, `true`, a number): they tell only together with key and time.
const TELLING_BYTES: i64 = 16;

/// A record as large as the failure, and what both have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Likeness {
    /// The record.
    pub reference: EventRef,
    /// Their timestamps are the same.
    pub same_time: bool,
    /// Their keys are the same, or both have none.
    pub same_key: bool,
    /// It lies on the topic that the name of the failure's topic points at.
    pub named: bool,
    /// Their values are the same; `None` where one of them could not be read.
    pub same_value: Option<bool>,
}

/// The record that the failure repeats, of `likenesses` with the latest first, and the confidence in it. `cut` says that
/// there were more; what was not looked at counts as one that may be it as well.
pub(super) fn choose(value_bytes: i64, likenesses: &[Likeness], cut: bool) -> Option<(EventRef, f32)> {
    let tells = value_bytes >= TELLING_BYTES;
    let same = |one: &&Likeness| one.same_value == Some(true) && (tells || one.same_key);
    let unread = |one: &&Likeness| one.same_value.is_none();
    // Those of the same time come first in what was looked at.
    let times_cut = cut && likenesses.iter().all(|one| one.same_time);
    for named in [true, false] {
        let of_time = likenesses.iter().filter(|one| one.named == named && one.same_time);
        let others = of_time.clone().filter(unread).count() + usize::from(times_cut);
        if let Some(chosen) = share(of_time.filter(same), others, VALUE_AND_TIME) {
            return Some(chosen);
        }
    }
    for named in [true, false].into_iter().filter(|_| tells) {
        let all = likenesses.iter().filter(|one| one.named == named);
        let others = all.clone().filter(unread).count() + usize::from(cut);
        if let Some(chosen) = share(all.filter(same), others, VALUE) {
            return Some(chosen);
        }
    }
    let mut alike = likenesses.iter().filter(|one| one.same_time && one.same_key).filter(unread);
    match (alike.next(), alike.next()) {
        (Some(only), None) if !times_cut => Some((only.reference, SIZE_KEY_AND_TIME)),
        _ => None,
    }
}

/// The latest of `same`: with `certain` when it is the only one that can be meant, else with its share.
fn share<'a>(mut same: impl Iterator<Item = &'a Likeness>, others: usize, certain: f32) -> Option<(EventRef, f32)> {
    let latest = same.next()?;
    let all = 1 + same.count() + others;
    Some((latest.reference, if all == 1 { certain } else { 1.0 / all as f32 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `v` same value, `x` another, `?` not read; then `t` same time, `k` same key, `n` on the named topic.
    fn likenesses(all: &[&str]) -> Vec<Likeness> {
        let like = |(at, text): (usize, &&str)| Likeness {
            reference: EventRef(at as i64),
            same_time: text.contains('t'),
            same_key: text.contains('k'),
            named: text.contains('n'),
            same_value: (!text.contains('?')).then(|| text.contains('v')),
        };
        all.iter().enumerate().map(like).collect()
    }

    fn chosen(value_bytes: i64, all: &[&str], cut: bool) -> Option<(i64, f32)> {
        choose(value_bytes, &likenesses(all), cut).map(|(reference, confidence)| (reference.0, confidence))
    }

    #[test]
    fn bytes_decide_then_time_then_how_many_there_are() {
        for (all, expected) in [
            (&["vtk", "xtk", "v"][..], Some((0, 0.95))),
            (&["xtk", "vtk"], Some((1, 0.95))),
            (&["vtk", "vtk"], Some((0, 0.5))),
            (&["x", "v", "x"], Some((1, 0.9))),
            (&["v", "v", "v", "v"], Some((0, 0.25))),
            (&["xtk", "x"], None),
            (&[], None),
            // A record that can be read no more may be the one as well.
            (&["v", "?"], Some((0, 0.5))),
            (&["vt", "?"], Some((0, 0.95))),
            (&["vt", "?t"], Some((0, 0.5))),
        ] {
            assert_eq!(chosen(100, all, false), expected, "{all:?}");
        }
    }

    #[test]
    fn the_topic_that_the_name_points_at_comes_first_but_not_before_the_timestamp() {
        assert_eq!(chosen(100, &["v", "vn"], false), Some((1, 0.9)));
        assert_eq!(chosen(100, &["vt", "vtn"], false), Some((1, 0.95)));
        assert_eq!(chosen(100, &["vt", "vn"], false), Some((0, 0.95)));
        assert_eq!(chosen(100, &["v", "xn"], false), Some((0, 0.9)));
    }

    #[test]
    fn without_bytes_only_one_of_the_same_time_key_and_size_will_do() {
        assert_eq!(chosen(100, &["?tk", "?k", "?"], false), Some((0, 0.8)));
        assert_eq!(chosen(100, &["?tk", "?tk"], false), None);
        assert_eq!(chosen(100, &["?t"], false), None);
        assert_eq!(chosen(100, &["?k"], false), None);
        assert_eq!(chosen(100, &["xtk", "?tk"], false), Some((1, 0.8)));
        assert_eq!(chosen(100, &["?tk"], true), None, "there may be more of its time");
    }

    #[test]
    fn what_a_limit_left_out_counts_as_one_more() {
        assert_eq!(chosen(100, &["v", "x"], true), Some((0, 0.5)));
        assert_eq!(chosen(100, &["vt", "x"], true), Some((0, 0.95)));
        assert_eq!(chosen(100, &["vt"], true), Some((0, 0.5)));
    }

    #[test]
    fn a_value_that_says_little_tells_only_with_key_and_time() {
        assert_eq!(chosen(2, &["vk"], false), None);
        assert_eq!(chosen(2, &["vt"], false), None);
        assert_eq!(chosen(2, &["vtk"], false), Some((0, 0.95)));
        assert_eq!(chosen(0, &["?tk"], false), Some((0, 0.8)));
    }

    #[test]
    fn no_confidence_reaches_one() {
        for all in [&["vtkn"][..], &["vtk", "vtk"], &["v"], &["?tk"], &["v", "v", "?"]] {
            for cut in [false, true] {
                if let Some((_, confidence)) = chosen(100, all, cut) {
                    assert!(confidence > 0.0 && confidence < 1.0, "{all:?}: {confidence}");
                }
            }
        }
    }
}
