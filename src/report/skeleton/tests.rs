use super::*;
use proptest::prelude::*;

/// Events `0..` one second apart, each on the ordinal and with the profile of its number in threes; 0 is a root, each
/// seventh has failed.
fn point(n: i64) -> Point {
    Point {
        reference: (n % 3) << EventRef::OFFSET_BITS | n,
        time: Timestamp(n * 1_000_000),
        profile: (n % 3) as i32,
        resolution: if n == 0 { ROOT } else { 1 },
        failed: n % 7 == 6,
    }
}

fn skeleton(events: i64, edges: &[(i64, i64)]) -> Skeleton {
    let of = |n: i64| point(n).reference;
    let edges = edges.iter().map(|&(cause, effect)| (of(effect), of(cause), Evidence::CausationId as u8)).collect();
    Skeleton::of((0..events).map(point).collect(), edges, SKELETON_MAX)
}

fn names() -> Names {
    let place = |n: i64| Place { cluster: "main".into(), topic: format!("t{}", n / 2), partition: n, base: 0 };
    Names {
        types: HashMap::from([(0, "a".to_owned()), (1, "b".to_owned())]),
        places: (0..3).map(|n| (n, place(n))).collect(),
    }
}

fn packed(entries: &[&str]) -> Table {
    Table { columns: Vec::new(), rows: entries.iter().map(|text| vec![Cell::Text((*text).to_owned())]).collect() }
}

#[test]
fn packed_answers_are_read_and_others_refused() {
    let points = packed(&["0:5:3:0:0,1:6:3:1:1:0:1", "2:7:3:5:0"]);
    let skeleton = Skeleton::read(points, &packed(&["2:1:7,2:99:7"])).unwrap();
    assert_eq!((skeleton.shape.levels, skeleton.outside), (3, 1));
    let summed = skeleton.sum(&BTreeSet::new(), &Names::default());
    assert_eq!((summed.events, summed.failures, summed.orphaned, summed.absent), (3, 1, 1, vec![99]));
    for bad in ["", "1", "1:2:3:4", "1:x:3:4:5", "1:2:3:4:5,", "1:2:3:999:5"] {
        assert!(Skeleton::read(packed(&[bad]), &Table::default()).is_err(), "{bad:?}");
    }
    assert!(Skeleton::read(Table { columns: Vec::new(), rows: vec![vec![Cell::Null]] }, &Table::default()).is_err());
}

#[test]
fn what_was_asked_for_is_shown_with_both_ends_of_its_way() {
    let chain: Vec<_> = (1..50_000).map(|n| (n - 1, n)).collect();
    let skeleton = skeleton(50_000, &chain);
    let asked = point(25_000).reference;
    let shown = skeleton.choose(&[asked], &[]);
    for n in [0, 1, WAY_MAX as i64 - 1, 25_000 - WAY_MAX as i64, 25_000, 25_001, 49_999] {
        assert!(shown.contains(&point(n).reference), "{n}");
    }
    assert!(shown.len() <= SHOWN_MAX);
    let summed = skeleton.sum(&shown, &names());
    let over = summed.ways.iter().find(|way| way.effect == point(25_000 - WAY_MAX as i64).reference).unwrap();
    assert_eq!(over.cause, point(WAY_MAX as i64 - 1).reference);
    assert!(over.certain && over.skipped > 24_000);
    assert!(summed.groups.iter().all(|group| group.level <= group.last_level));
    assert!(summed.groups.len() <= RANGES_MAX * 3, "{}", summed.groups.len());
}

#[test]
fn what_is_beyond_the_limit_is_said() {
    let edge = (point(1).reference, point(0).reference, Evidence::CausationId as u8);
    let skeleton = |most: usize| Skeleton::of((0..5).map(point).collect(), vec![edge], most);
    let summed = skeleton(4).sum(&BTreeSet::new(), &names());
    assert!(summed.cut && summed.events == 4);
    assert!(crate::report::levels::sentence(&summed).contains("more than 2,000,000 events"));
    let beyond = point(4).reference;
    assert!(skeleton(4).choose(&[beyond], &[]).contains(&beyond), "what was asked for is in the answer");
    assert!(!skeleton(5).sum(&BTreeSet::new(), &names()).cut);
}

#[test]
fn a_million_effects_leave_the_asked_one_and_its_root() {
    let fan: Vec<_> = (1..100_000).map(|n| (0, n)).collect();
    let skeleton = skeleton(100_000, &fan);
    let asked = point(77_777).reference;
    let shown = skeleton.choose(&[asked], &[point(6).reference]);
    let last = point(99_999).reference;
    assert_eq!(shown, BTreeSet::from([asked, 0, last, point(6).reference]));
    let summed = skeleton.sum(&shown, &names());
    assert_eq!((summed.events, summed.group_count, summed.ways.len()), (99_996, 3, 0));
    let roots = skeleton.choose(&[0], &[]);
    assert_eq!(roots.len(), 1 + EFFECTS_MAX + 1, "the root, its first effects, and the last event of all");
}

proptest! {
    #[test]
    fn nothing_is_lost_and_every_way_is_true(
        edges in prop::collection::vec((0i64..40, 0i64..40), 0..80),
        asked in 0i64..40,
        failed in 0i64..40,
    ) {
        let skeleton = skeleton(40, &edges);
        let mut shown = skeleton.choose(&[point(asked).reference], &[point(failed).reference]);
        prop_assert!(shown.contains(&point(asked).reference) && shown.contains(&point(failed).reference));
        // Any other choice is summed up as truly.
        shown.retain(|reference| EventRef(*reference).offset() % 3 != asked % 3);
        let summed = skeleton.sum(&shown, &names());
        prop_assert_eq!(summed.events + shown.len(), 40);
        prop_assert_eq!(summed.groups.iter().map(|group| group.events).sum::<usize>(), summed.events);
        prop_assert_eq!(summed.groups.iter().map(|group| group.failures).sum::<usize>(), summed.failures_hidden);
        for way in &summed.ways {
            let mut at = skeleton.at(way.effect).unwrap();
            for step in 0..=way.skipped {
                at = skeleton.parents[at.index()].unwrap();
                let reference = skeleton.graph[at].reference;
                prop_assert_eq!(shown.contains(&reference), step == way.skipped);
            }
            prop_assert_eq!(skeleton.graph[at].reference, way.cause);
        }
    }
}
