//! The semantics of causes and conversations, computed from all records at once: nothing here knows of time or order.

use headwater::event::{EventRef, Evidence, Identifier, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// What a record says of itself.
#[derive(Debug, Clone)]
pub struct Said {
    pub reference: EventRef,
    pub record_time: i64,
    pub kind: Kind,
    pub says_root: bool,
    pub id: Option<Identifier>,
    pub causation: Option<Identifier>,
    pub correlation: Option<Identifier>,
    pub trace: Option<Identifier>,
    /// The id that a request shares with its reply.
    pub request: Option<Identifier>,
    /// Further ids of its flow.
    pub shared: Vec<Identifier>,
    /// The record that failed, where coordinates name it; `None` in it where nobody reads.
    pub origin: Option<Option<EventRef>>,
}

/// What is known of one event's cause in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Root,
    Caused(EventRef, Evidence),
    /// It names no cause. What was concluded about it counts as nothing here.
    Unlinked,
    Orphaned,
}

/// What all records together say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    pub verdicts: BTreeMap<EventRef, Verdict>,
    /// Members by the conversation's id: its smallest member.
    pub conversations: BTreeMap<EventRef, BTreeSet<EventRef>>,
}

/// An id by its value.
type Value = (u64, u64);

const fn value(id: Identifier) -> Value {
    (id.hi, id.lo)
}

/// Computes it all; a shared id with more than `hub` members joins nobody.
pub fn resolve(records: &[Said], hub: usize) -> Whole {
    let holders = holders(records);
    let there: BTreeSet<EventRef> = records.iter().map(|said| said.reference).collect();
    let verdict = |said: &Said| (said.reference, verdict(said, &holders, &there));
    let verdicts: BTreeMap<EventRef, Verdict> = records.iter().map(verdict).collect();
    let conversations = conversations(records, &verdicts, hub);
    Whole { verdicts, conversations }
}

/// Events that an id may mean, beside the one that answers to it.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// All that carry the id which the event names, where there are several.
    pub named: BTreeSet<EventRef>,
    /// Others that carry its own id: it may be a copy of theirs.
    pub own: BTreeSet<EventRef>,
}

/// The choices of each event.
pub fn choices(records: &[Said]) -> BTreeMap<EventRef, Choice> {
    let holders = all_holders(records);
    let of = |id: Option<Identifier>, said: &Said| -> BTreeSet<EventRef> {
        let all = id.and_then(|id| holders.get(&value(id))).into_iter().flatten().map(|(_, holder)| *holder);
        all.filter(|holder| *holder != said.reference).collect()
    };
    let choice = |said: &Said| {
        let named = named(said).map(|(id, _)| id);
        let crowded = named.is_some_and(|id| holders.get(&value(id)).is_some_and(|all| all.len() > 1));
        let own = said.id.filter(|_| !said.kind.is_copy());
        (said.reference, Choice { named: if crowded { of(named, said) } else { BTreeSet::new() }, own: of(own, said) })
    };
    records.iter().map(choice).collect()
}

/// Who answers to each id: the event that carries it, the earliest where there are several.
fn holders(records: &[Said]) -> BTreeMap<Value, EventRef> {
    all_holders(records).into_iter().filter_map(|(id, holders)| Some((id, holders.first()?.1))).collect()
}

fn all_holders(records: &[Said]) -> BTreeMap<Value, BTreeSet<(i64, EventRef)>> {
    let mut all: BTreeMap<Value, BTreeSet<(i64, EventRef)>> = BTreeMap::new();
    for said in records {
        let own = said.id.filter(|_| !said.kind.is_copy());
        for id in own.into_iter().chain(said.request.map(|id| id.as_request())) {
            all.entry(value(id)).or_default().insert((said.record_time, said.reference));
        }
    }
    all
}

/// The id by which the record names its cause.
fn named(said: &Said) -> Option<(Identifier, Evidence)> {
    match (said.id, said.causation) {
        (Some(id), _) if said.kind.is_copy() => Some((id, Evidence::Forward)),
        (_, Some(id)) if matches!(said.kind, Kind::Reply | Kind::Fault) && said.correlation == Some(id) => {
            Some((id.as_request(), Evidence::Reply))
        }
        (_, id) => Some((id?, Evidence::CausationId)),
    }
}

fn verdict(said: &Said, holders: &BTreeMap<Value, EventRef>, there: &BTreeSet<EventRef>) -> Verdict {
    let caused = |cause: Option<EventRef>, evidence| match cause.filter(|cause| *cause != said.reference) {
        Some(cause) => Verdict::Caused(cause, evidence),
        None => Verdict::Orphaned,
    };
    // What names itself names nothing.
    if let Some(origin) = said.origin.filter(|origin| *origin != Some(said.reference)) {
        return caused(origin.filter(|origin| there.contains(origin)), Evidence::FailureCoordinates);
    }
    if said.says_root {
        return Verdict::Root;
    }
    let Some((named, evidence)) = named(said) else { return Verdict::Unlinked };
    caused(holders.get(&value(named)).copied(), evidence)
}

fn conversations(
    records: &[Said],
    verdicts: &BTreeMap<EventRef, Verdict>,
    hub: usize,
) -> BTreeMap<EventRef, BTreeSet<EventRef>> {
    let mut shared: BTreeMap<Value, BTreeSet<EventRef>> = BTreeMap::new();
    for said in records {
        for id in [said.trace, said.correlation].into_iter().flatten().chain(said.shared.iter().copied()) {
            shared.entry(value(id)).or_default().insert(said.reference);
        }
    }
    let mut groups: Vec<BTreeSet<EventRef>> = shared.into_values().filter(|members| members.len() <= hub).collect();
    groups.extend(verdicts.iter().filter_map(|(effect, verdict)| match verdict {
        Verdict::Caused(cause, _) => Some(BTreeSet::from([*effect, *cause])),
        _ => None,
    }));
    // Each event's smallest neighbour, until nothing changes.
    let mut of: BTreeMap<EventRef, EventRef> = records.iter().map(|said| (said.reference, said.reference)).collect();
    loop {
        let before = of.clone();
        for group in &groups {
            let Some(least) = group.iter().map(|member| of[member]).min() else { continue };
            group.iter().for_each(|member| _ = of.insert(*member, least));
        }
        if of == before {
            break;
        }
    }
    let mut members: BTreeMap<EventRef, BTreeSet<EventRef>> = BTreeMap::new();
    of.into_iter().for_each(|(member, least)| _ = members.entry(least).or_default().insert(member));
    members
}
