//! The streams are what they promise to be.

use super::*;
use headwater::event::EventRef;
use std::collections::{BTreeMap, HashMap, HashSet};

const EVENTS: u64 = 200_000;

fn read(options: Options) -> Vec<Made> {
    let mut source = Source::new(options);
    let (mut batch, mut all) = (Batch::default(), Vec::new());
    while source.fill(&mut batch, 10_000) {
        all.append(&mut batch.records);
    }
    all
}

#[test]
fn a_seed_is_one_stream_and_everything_written_is_read_once() {
    for preset in Preset::ALL {
        let options = Options::new(preset, 7, 20_000);
        let made = |options| read(options).iter().map(|made| format!("{made:?}")).collect::<Vec<_>>();
        let (one, other) = (made(options), made(Options { seed: 8, ..options }));
        assert_eq!(one, made(options), "{preset:?}");
        assert_ne!(one, other, "{preset:?}");
        let mut written: Vec<String> = Stream::new(options).map(|made| format!("{made:?}")).collect();
        let mut one = one;
        assert_eq!(one.len(), 20_000);
        one.sort();
        written.sort();
        assert_eq!(one, written, "{preset:?}");
    }
}

#[test]
fn the_shapes_are_those_that_were_promised() {
    let all = read(Options::new(Preset::Hostile, 1, EVENTS));
    let share = |count: usize| count as f64 / EVENTS as f64;
    let counted = |is: &dyn Fn(&Made) -> bool| share(all.iter().filter(|made| is(made)).count());
    let near = |what: &str, seen: f64, low: f64, high: f64| {
        println!("{what} {seen:.4}");
        assert!((low..=high).contains(&seen), "{what}: {seen} is not in {low}..{high}");
    };
    near("duplicates", counted(&|made| made.what == What::Duplicate), 0.008, 0.012);
    near("failed", counted(&|made| matches!(made.what, What::Retry | What::DeadLetter)), 0.004, 0.009);
    near("forwards", counted(&|made| made.what == What::Forward), 0.01, 0.4);
    near("without ids", counted(&|made| made.id.is_none()), 0.04, 0.07);
    near("malformed", counted(&|made| made.trace == Trace::Malformed), 0.005, 0.02);
    near("absent causes", counted(&|made| made.declared == Declared::Absent), 0.000_5, 0.02);
    near("named causes", counted(&|made| matches!(made.declared, Declared::Names(_))), 0.5, 0.9);
    near("joins", counted(&|made| made.also.is_some()), 0.002, 0.1);
    near("recreated", counted(&|made| made.reference.ordinal().0 >= 400 * 12 + 240), 0.000_1, 0.1);

    let places: HashMap<_, _> = all.iter().enumerate().map(|(at, made)| (made.reference, at)).collect();
    let late = Stream::new(Options::new(Preset::Hostile, 1, 0)).popular();
    let early = |made: &Made| made.cause.filter(|cause| places[cause] > places[&made.reference]);
    let in_late = |cause: EventRef| cause.ordinal() == late;
    near("inversions", counted(&|made| early(made).is_some_and(|cause| !in_late(cause))), 0.01, 0.04);
    near("effects of late records", counted(&|made| early(made).is_some_and(in_late)), 0.000_2, 0.05);

    let mut flows = BTreeMap::<u64, usize>::new();
    let mut effects = HashMap::<_, usize>::new();
    let mut topics = BTreeMap::<u16, usize>::new();
    for made in &all {
        *flows.entry(made.flow).or_default() += usize::from(made.what == What::Event);
        if let Some(cause) = made.cause {
            *effects.entry(cause).or_default() += 1;
        }
        *topics.entry(made.topic).or_default() += 1;
    }
    let mut sizes: Vec<usize> = flows.into_values().filter(|size| *size > 0).collect();
    sizes.sort_unstable();
    let at = |part: f64| sizes[(sizes.len() as f64 * part) as usize] as f64;
    near("median flow", at(0.5), 2.0, 5.0);
    near("p90 of flows", at(0.9), 14.0, 32.0);
    near("p99 of flows", at(0.99), 70.0, 250.0);
    near("largest fan-out", effects.values().max().copied().unwrap_or(0) as f64, 1_000.0, 10_000.0);
    let mut loads: Vec<usize> = topics.values().copied().collect();
    loads.sort_unstable();
    near("busiest topic", share(loads[loads.len() - 1]), 0.02, 0.3);
    let seconds = (all.iter().map(|made| made.written).max().unwrap() - stream::EPOCH) as f64 / 1e6;
    near("records a second", EVENTS as f64 / seconds, 2_500.0, 10_000.0);
}

#[test]
fn the_truth_is_about_records_that_are_there() {
    for preset in Preset::ALL {
        let all = read(Options { hide: 0.5, ..Options::new(preset, 3, 50_000) });
        let by_reference: HashMap<_, &Made> = all.iter().map(|made| (made.reference, made)).collect();
        assert_eq!(by_reference.len(), all.len(), "every record has a name of its own");
        let mut holders = HashMap::new();
        let mut written: Vec<&Made> = all.iter().collect();
        written.sort_by_key(|made| (made.record_time, made.reference));
        for made in written {
            let copy = matches!(made.what, What::Retry | What::DeadLetter);
            if let Some(id) = made.id.filter(|_| !copy) {
                holders.entry((id.hi, id.lo)).or_insert(made.reference);
            }
        }
        let mut hidden = 0;
        for made in &all {
            let known = |reference| by_reference[&reference];
            assert!(made.cause.is_none_or(|cause| known(cause).number < made.number));
            assert!(made.also.is_none_or(|also| known(also).flow == made.flow));
            assert!(known(made.first).number <= made.number);
            let named = made.causation.filter(|_| made.failed.is_none() && !made.says_root());
            let copy = matches!(made.what, What::Retry | What::DeadLetter);
            let named = if copy { made.id } else { named };
            match made.declared {
                Declared::Names(holder) if made.failed.is_none() => {
                    let id = named.expect("what names its cause carries the id");
                    assert_eq!(holders.get(&(id.hi, id.lo)), Some(&holder), "{made:?}");
                }
                Declared::Names(named) => assert_eq!(made.failed, Some(named)),
                Declared::Absent => assert!(named.is_some_and(|id| !holders.contains_key(&(id.hi, id.lo)))),
                Declared::Root => assert_eq!(made.causation, made.id),
                Declared::Nothing(silence) => {
                    assert!(named.is_none() && made.failed.is_none(), "{made:?}");
                    hidden += usize::from(silence == Silence::Hidden);
                }
            }
        }
        assert!(hidden > 10_000, "{hidden}");
        let flows: HashSet<u64> = all.iter().map(|made| made.flow).collect();
        assert!(flows.len() > 1_000);
    }
}
