//! Groups as their brokers tell of them: what there is, who is in them, and how far they are. Nothing here joins one.
//!
//! A group's broker is the one that lists it, so no coordinator is looked up, which could create an internal topic.

mod listing;
mod members;
mod offsets;
mod shares;

use super::admin::Admin;
use super::checkup::Held;
use super::cluster::{Led, LogPoint, Way};
use super::error::{Error, code};
use super::{Plan, clock};
use crate::event::{GroupKind, GroupSample, GroupState, LogEnds, Timestamp};
use kafka_protocol::messages::GroupId;
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is kept from one sample to the next.
#[derive(Default)]
pub(super) struct Remembered {
    /// When the last sample was taken.
    last: Option<Timestamp>,
    /// Groups whose commits may not be seen.
    forbidden: BTreeSet<Arc<str>>,
    /// Groups of the classic protocol that were seen to be of Kafka Streams: the broker tells it while they are stable.
    streams: BTreeSet<Arc<str>>,
}

/// What was told of groups.
#[derive(Default)]
struct Told {
    states: Vec<GroupState>,
    /// Groups of which only the name may be known.
    denied: BTreeSet<Arc<str>>,
    /// Something stayed unknown: groups that are not in it may be there all the same.
    partial: bool,
}

impl Told {
    fn add(&mut self, other: Self) {
        self.states.extend(other.states);
        self.denied.extend(other.denied);
        self.partial |= other.partial;
    }

    /// Takes out the groups of which the broker says only `code`.
    fn refuse(&mut self, refused: BTreeMap<Arc<str>, i16>) {
        // Of a group that may not be seen the name is known: it is no reason to think that others were left out.
        self.partial |= refused.values().any(|&code| code != code::GROUP_AUTHORIZATION_FAILED);
        self.states.retain(|state| !refused.contains_key(&state.group));
        for (group, code) in refused {
            tracing::debug!(%group, code, "how far this group is stays unknown");
            if code == code::GROUP_AUTHORIZATION_FAILED {
                self.denied.insert(group);
            }
        }
    }
}

impl Admin {
    /// Kinds, members, committed offsets and states of the groups called `names` (all groups when empty), and the log
    /// ends of all wanted partitions. `at` is the caller's time of the sample; its resolution is the time since the
    /// sample before, 0 for the first.
    ///
    /// A name that no broker lists is left out. Where groups cannot be listed, any broker is asked for the names.
    ///
    /// # Errors
    /// When no broker answers. Groups and partitions whose broker does not answer are left out, and what is left is
    /// marked as incomplete.
    pub fn groups(&mut self, names: &[String], plan: &dyn Plan, at: Timestamp) -> Result<GroupSample, Error> {
        let begun = clock::now();
        let wanted = self.wanted(plan)?;
        let told = self.told(names, &wanted)?;
        // Ends come after the commits, and the stable end before the end: so no commit lies beyond an end.
        let [starts, stables, ends] =
            self.cluster.points(&wanted, [LogPoint::Start, LogPoint::Stable, LogPoint::End])?;
        let log_ends = |led: &Led| {
            Some(LogEnds {
                partition: Arc::clone(&led.identity),
                start: *starts.get(&led.identity)?,
                end: *ends.get(&led.identity)?,
                stable: *stables.get(&led.identity)?,
                leader: led.leader,
            })
        };
        let ends: Vec<LogEnds> = wanted.iter().filter_map(log_ends).collect();
        let policies = self.policies.ask(&mut self.cluster, &wanted, at)?;
        let last = self.remembered.last.replace(at);
        Ok(GroupSample {
            at,
            resolution_ms: last.map_or(0, |last| at.since(last) / 1000),
            took_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            cluster: self.name.clone(),
            complete: !told.partial && ends.len() == wanted.len(),
            groups: told.states,
            denied: told.denied.into_iter().collect(),
            ends,
            log_read_to: None,
            policies,
        })
    }

    fn told(&mut self, names: &[String], wanted: &[Led]) -> Result<Told, Error> {
        let brokers: BTreeMap<i32, ()> = self.cluster.brokers().into_iter().map(|broker| (broker, ())).collect();
        let answers = self.cluster.at_once(brokers, |way, ()| ask(way, names));
        let mut told = Told::default();
        let mut listed = false;
        for (broker, answer) in answers {
            match answer {
                Ok(Some(some)) => {
                    listed = true;
                    told.add(some);
                }
                Ok(None) => {}
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => {
                    listed = true;
                    told.partial = true;
                    tracing::debug!(%error, broker, "the groups of this broker stay unknown");
                }
            }
        }
        if !listed && names.is_empty() {
            // None were seen, which is not to say that there are none.
            told.partial = true;
        } else if !listed {
            told = self.named(names, wanted)?;
        }
        self.recognise_streams(&mut told);
        self.tell_forbidden(&told.denied);
        Ok(told)
    }

    /// For clusters that cannot list groups (librdkafka's mock cluster): any broker answers for any group there, one
    /// group a request, topics named.
    fn named(&mut self, names: &[String], wanted: &[Led]) -> Result<Told, Error> {
        let Some(&broker) = self.cluster.brokers().first() else { return Ok(Told::default()) };
        let mut states: Vec<GroupState> =
            names.iter().map(|name| GroupState::of(name.as_str().into(), Vec::new())).collect();
        let refused = self.cluster.on(broker, |link| offsets::fetch(link, &mut states, Some(wanted)));
        if let Err(error @ Error::Unsupported { .. }) = &refused {
            tracing::debug!(%error, broker, "this broker tells nothing of groups");
            return Ok(Told { partial: true, ..Told::default() });
        }
        let mut told = Told { states, ..Told::default() };
        told.refuse(refused?);
        told.states.retain(|state| !state.commits.is_empty());
        Ok(told)
    }

    /// A broker names the protocol of a stable group only: one that was of Kafka Streams stays so.
    fn recognise_streams(&mut self, told: &mut Told) {
        let known = &mut self.remembered.streams;
        for state in &mut told.states {
            if state.kind == GroupKind::Streams {
                known.insert(Arc::clone(&state.group));
            } else if state.kind == GroupKind::Classic && known.contains(&state.group) {
                state.kind = GroupKind::Streams;
            }
        }
        if !told.partial {
            let present: BTreeSet<&Arc<str>> = told.states.iter().map(|state| &state.group).collect();
            known.retain(|group| present.contains(group));
        }
    }

    /// Says what may not be seen, once for each group.
    fn tell_forbidden(&mut self, denied: &BTreeSet<Arc<str>>) {
        let mut new = denied.difference(&self.remembered.forbidden);
        if let Some(group) = new.next() {
            tracing::warn!(
                %group, more = new.count(),
                "not allowed to see how far this group is, its lag and passes stay unknown; grant DESCRIBE on groups"
            );
        }
        self.remembered.forbidden.clone_from(denied);
    }

    /// Whether groups may be looked at, where none is seen: asked for one that there is not, which creates none. A broker
    /// looks at the right first.
    pub(super) fn may_describe_groups(&mut self) -> Result<Held, Error> {
        for broker in self.cluster.brokers() {
            let mut nobody = vec![GroupState::of("headwater-check".into(), Vec::new())];
            match self.cluster.on(broker, |link| offsets::fetch(link, &mut nobody, None)) {
                Ok(refused) if refused.values().any(|&code| code == code::GROUP_AUTHORIZATION_FAILED) => {
                    return Ok(Held::No);
                }
                Ok(_) => return Ok(Held::Yes),
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => tracing::debug!(%error, broker, "whether groups may be described stays unknown"),
            }
        }
        Ok(Held::Unknown)
    }
}

/// Asks one broker for the groups that it coordinates; `None` when it does not list them. What it told before it failed
/// is kept.
fn ask(way: &mut Way, names: &[String]) -> Result<Option<Told>, Error> {
    let Some(mut states) = way.ask(|link| listing::list(link, names))? else { return Ok(None) };
    members::describe(way, &mut states);
    let (share, others): (Vec<GroupState>, Vec<GroupState>) =
        states.into_iter().partition(|state| state.kind == GroupKind::Share);
    let mut told = Told::default();
    for (mut states, fetch) in [(others, offsets::of_all as Fetch), (share, shares::fetch as Fetch)] {
        for some in states.chunks_mut(offsets::GROUPS_PER_REQUEST) {
            match way.ask(|link| fetch(link, some)) {
                Ok(refused) => {
                    let mut answered = Told { states: some.to_vec(), ..Told::default() };
                    answered.refuse(refused);
                    told.add(answered);
                }
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => {
                    told.partial = true;
                    tracing::debug!(%error, groups = some.len(), "how far these groups are stays unknown");
                }
            }
        }
    }
    Ok(Some(told))
}

/// Asks how far groups are, writes it into their states, and gives the error code of those of which nothing is told.
type Fetch = fn(&mut super::connection::Connection, &mut [GroupState]) -> Result<BTreeMap<Arc<str>, i16>, Error>;

fn group_id(name: &Arc<str>) -> GroupId {
    GroupId(StrBytes::from_string(name.to_string()))
}
