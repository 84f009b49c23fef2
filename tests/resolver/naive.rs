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

/// Who answers to each id: the event that carries it, the earliest where there are several.
fn holders(records: &[Said]) -> BTreeMap<Value, EventRef> {
    let mut all: BTreeMap<Value, BTreeSet<(i64, EventRef)>> = BTreeMap::new();
    for said in records {
        let own = said.id.filter(|_| !said.kind.is_copy());
        for id in own.into_iter().chain(said.request.map(|id| id.as_request())) {
            all.entry(value(id)).or_default().insert((said.record_time, said.reference));
        }
    }
    all.into_iter().filter_map(|(id, holders)| Some((id, holders.first()?.1))).collect()
}

fn verdict(said: &Said, holders: &BTreeMap<Value, EventRef>, there: &BTreeSet<EventRef>) -> Verdict {
    let caused = |cause: Option<EventRef>, evidence| match cause.filter(|cause| *cause != said.reference) {
        Some(cause) => Verdict::Caused(cause, evidence),
        None => Verdict::Orphaned,
    };
    if let Some(origin) = said.origin {
        return caused(origin.filter(|origin| there.contains(origin)), Evidence::FailureCoordinates);
    }
    if said.says_root {
        return Verdict::Root;
    }
    let (named, evidence) = match (said.id, said.causation) {
        (Some(id), _) if said.kind.is_copy() => (id, Evidence::Forward),
        (_, Some(id)) if matches!(said.kind, Kind::Reply | Kind::Fault) && said.correlation == Some(id) => {
            (id.as_request(), Evidence::Reply)
        }
        (_, Some(id)) => (id, Evidence::CausationId),
        (_, None) => return Verdict::Unlinked,
    };
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
