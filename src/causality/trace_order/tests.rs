//! Small made-up systems, each with the one thing that could mislead.

use super::hypothesis::{Case, Hypothesis, learn};
use super::window::{Member, Standing};
use super::*;
use crate::event::{HashKey, Ordinal};

const ORDERS: u32 = 1;
const PAYMENTS: u32 = 2;
const KITCHEN: u32 = 3;
const INVOICES: u32 = 4;
const MAILS: u32 = 5;
const MS: i64 = 1_000;

/// The same delays in every run.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(HashKey([7; 16]).hash(&seed.to_le_bytes()) | 1)
    }

    /// Milliseconds between `low` and `high`, as µs.
    fn ms(&mut self, low: i64, high: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (low + (self.0 % (high - low + 1) as u64) as i64) * MS
    }
}

fn at(lineage: u32, time: i64) -> Member {
    let reference = EventRef::new(Ordinal(lineage), time);
    Member { reference, time, lineage, ..Member::of(Standing::Open) }
}

fn hypothesis(lineage: u32, traces: &[Vec<Member>]) -> Vec<Vec<u32>> {
    let mut sets = learned(lineage, traces, |_| true).rivals;
    sets.iter_mut().for_each(|set| set.sort_unstable());
    sets.sort();
    sets
}

fn learned(lineage: u32, traces: &[Vec<Member>], together: impl Fn(&[u32]) -> bool) -> Hypothesis {
    let with = traces.iter().filter(|trace| trace.iter().any(|member| member.lineage == lineage));
    let cases: Vec<Case<'_>> = with.map(|members| Case { members, labels: Vec::new() }).collect();
    let others: Vec<&[Member]> = traces.iter().map(Vec::as_slice).collect();
    learn(lineage, &cases, &others, together)
}

fn traces(count: u64, trace: impl Fn(&mut Dice, u64) -> Vec<Member>) -> Vec<Vec<Member>> {
    (0..count).map(|n| trace(&mut Dice::new(n + 1), n)).collect()
}

#[test]
fn the_last_step_of_a_chain_is_the_cause() {
    let all = traces(60, |dice, _| {
        let payment = dice.ms(20, 200);
        let invoice = payment + dice.ms(20, 200);
        vec![at(ORDERS, 0), at(PAYMENTS, payment), at(INVOICES, invoice)]
    });
    assert_eq!(hypothesis(PAYMENTS, &all), [[ORDERS]]);
    assert_eq!(hypothesis(INVOICES, &all), [[PAYMENTS]]);
    assert!(hypothesis(ORDERS, &all).is_empty(), "nothing comes before it");
}

#[test]
fn the_slower_of_two_branches_is_not_caused_by_the_faster() {
    let all = traces(200, |dice, _| vec![at(ORDERS, 0), at(PAYMENTS, dice.ms(5, 100)), at(KITCHEN, dice.ms(400, 600))]);
    assert_ne!(hypothesis(KITCHEN, &all), [[PAYMENTS]]);
}

#[test]
fn one_counter_example_in_twenty_kills() {
    let all = traces(100, |dice, n| {
        let mut trace = vec![at(ORDERS, 0), at(KITCHEN, dice.ms(400, 600))];
        if n % 20 != 19 {
            trace.push(at(PAYMENTS, dice.ms(100, 395) + (n % 2) as i64 * 600 * MS));
        }
        trace
    });
    assert_eq!(hypothesis(KITCHEN, &all), [[ORDERS]]);
}

#[test]
fn what_all_flows_begin_with_says_nothing() {
    // One order in three goes to the kitchen, and what is cooked is mailed.
    let all = traces(120, |dice, n| {
        let mut trace = vec![at(ORDERS, 0), at(PAYMENTS, dice.ms(5, 400))];
        if n % 3 == 0 {
            let ticket = dice.ms(200, 300);
            trace.extend([at(KITCHEN, ticket), at(MAILS, ticket + dice.ms(50, 400))]);
        }
        trace
    });
    assert_eq!(hypothesis(MAILS, &all), [[KITCHEN]]);
}

#[test]
fn what_two_services_write_alike_is_told_by_its_number() {
    // One mail for each payment and one for each ticket; a ticket may be printed twice, a payment may fail.
    let all = traces(100, |dice, n| {
        let mut trace = vec![at(ORDERS, 0)];
        let both = [(PAYMENTS, u64::from(n % 7 != 0)), (KITCHEN, 1 + u64::from(n % 5 == 0))];
        for (lineage, times) in both {
            for _ in 0..times {
                let time = dice.ms(20, 900);
                trace.extend([at(lineage, time), at(MAILS, time + dice.ms(5, 60))]);
            }
        }
        trace
    });
    assert_eq!(hypothesis(MAILS, &all), [[PAYMENTS, KITCHEN]]);
}

#[test]
fn records_sent_together_do_not_cause_each_other() {
    let all = traces(60, |dice, n| {
        let time = dice.ms(20, 300);
        vec![at(ORDERS, 0), at(PAYMENTS, time), at(INVOICES, time + (n % 2) as i64 * MS)]
    });
    assert_eq!(hypothesis(INVOICES, &all), [[ORDERS]]);
    assert_eq!(hypothesis(PAYMENTS, &all), [[ORDERS]]);
}

#[test]
fn what_follows_too_closely_to_tell_is_not_told() {
    let all = traces(60, |dice, _| {
        let time = dice.ms(20, 300);
        vec![at(ORDERS, 0), at(PAYMENTS, time), at(INVOICES, time + dice.ms(2, 3))]
    });
    assert!(hypothesis(INVOICES, &all).is_empty());
}

#[test]
fn a_batch_that_begins_a_trace_is_caused_by_nothing_in_it() {
    let all = traces(60, |dice, n| {
        let mut time = 0;
        let invoices = (0..2 + n % 4).map(|_| {
            time += dice.ms(1, 8);
            at(INVOICES, time)
        });
        invoices.collect()
    });
    assert!(hypothesis(INVOICES, &all).is_empty());
}

#[test]
fn groups_tell_apart_what_numbers_and_times_do_not() {
    let all = traces(60, |dice, _| {
        let time = dice.ms(20, 300);
        vec![at(ORDERS, 0), at(PAYMENTS, time), at(INVOICES, time), at(MAILS, time + dice.ms(20, 100))]
    });
    assert_eq!(hypothesis(MAILS, &all), [[PAYMENTS], [INVOICES]]);
    let read = |set: &[u32]| set.iter().all(|lineage| *lineage == INVOICES) || set == [ORDERS];
    assert_eq!(learned(MAILS, &all, read).rivals, [[INVOICES]]);
}

#[test]
fn named_causes_say_more_than_the_order_of_things() {
    let all = traces(40, |dice, _| {
        let time = dice.ms(20, 300);
        vec![at(ORDERS, 0), at(PAYMENTS, time), at(KITCHEN, time + dice.ms(20, 40))]
    });
    let labels = |label: Option<u32>| -> Vec<Case<'_>> {
        all.iter().map(|members| Case { members, labels: vec![label] }).collect()
    };
    assert_eq!(learn(KITCHEN, &labels(Some(ORDERS)), &[], |_| true).rivals, [[ORDERS]]);
    assert!(learn(KITCHEN, &labels(None), &[], |_| true).rivals.is_empty(), "its causes lie outside its traces");
}

#[test]
fn a_cause_is_used_once_and_a_partition_keeps_its_order() {
    let mut members = vec![at(INVOICES, 0), at(INVOICES, 2 * MS), at(MAILS, 40 * MS), at(MAILS, 45 * MS)];
    let supposed = Hypothesis { rivals: vec![vec![INVOICES]], single: true, ..Hypothesis::default() };
    let delays = Delays::default();
    let told = |members: &[Member], taken: &[usize]| -> Vec<Vec<usize>> {
        let answers = matching::assign(members, &[2, 3], taken, &supposed, &delays);
        answers.into_iter().map(|answer| answer.into_iter().map(|(at, _)| at).collect()).collect()
    };
    assert_eq!(told(&members, &[]), [[0], [1]], "the earlier record of a partition is read first");
    members[1].reference = EventRef::new(Ordinal(9), 0);
    assert!(told(&members, &[]).iter().all(|causes| causes.len() == 2), "two partitions may be read in any order");
    assert_eq!(matching::assign(&members, &[3], &[0], &supposed, &delays)[0], [(1, 1.0)]);
}

#[test]
fn neighbours_on_a_partition_bound_each_other() {
    let mut delays = Delays::default();
    let cause = |n: i64| Member { reference: EventRef::new(Ordinal(1), n), ..at(ORDERS, n * 10 * MS) };
    let effect = |n: i64| at(PAYMENTS, n * 10 * MS + 5 * MS);
    for n in (0..60).filter(|n| *n != 30) {
        delays.note(&cause(n), &effect(n));
    }
    assert!(delays.in_order(&cause(30), &effect(30)));
    assert!(!delays.in_order(&cause(30), &effect(33)) && !delays.in_order(&cause(30), &effect(28)));
    // A group that reads out of order bounds nothing.
    for n in 0..60 {
        delays.note(&cause(n), &effect(59 - n));
    }
    assert!(delays.in_order(&cause(30), &effect(33)));
}

#[test]
fn too_many_ways_say_nothing() {
    let mut members: Vec<Member> = (0..12).map(|n| at(INVOICES, n * MS)).collect();
    for (n, member) in members.iter_mut().enumerate() {
        member.reference = EventRef::new(Ordinal(n as u32), 0);
    }
    members.extend((0..12).map(|n| at(MAILS, (100 + n) * MS)));
    let supposed = Hypothesis { rivals: vec![vec![INVOICES]], single: true, ..Hypothesis::default() };
    let effects: Vec<usize> = (12..24).collect();
    let answers = matching::assign(&members, &effects, &[], &supposed, &Delays::default());
    assert!(answers.iter().all(Vec::is_empty));
}
