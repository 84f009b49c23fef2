//! Rare questions about the whole cluster: barriers, consumer groups, topics, estimates.

use super::checkup::Held;
use super::cluster::{Cluster, Led, LogPoint, topic_name};
use super::connection::{Connection, ReadRequest};
use super::error::{Error, code};
use super::estimate::{Estimate, estimate};
use super::{Plan, Settings};
use crate::event::{BarrierSample, CommittedOffset, Epoch, GroupPhase, GroupSample, GroupState, LogEnds, Timestamp};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{GroupId, ListGroupsRequest, OffsetFetchRequest};
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// First version of OffsetFetch that asks for several groups at once (KIP-709).
const SEVERAL_GROUPS: i16 = 8;
/// Groups of one OffsetFetch request; bounds the answer, which holds every committed partition of each.
const GROUPS_PER_REQUEST: usize = 50;

/// One topic of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSummary {
    /// Name.
    pub name: Arc<str>,
    /// Topic id; all zero on brokers that have none.
    pub id: [u8; 16],
    /// Number of partitions.
    pub partitions: usize,
    /// True for topics of Kafka itself, by the broker's word.
    pub internal: bool,
}

/// Asks questions on connections of its own. Nothing it sends writes, joins or creates anything.
pub struct Admin {
    pub(super) cluster: Cluster,
    name: Arc<str>,
    last_sample: Option<Timestamp>,
    /// A broker did not answer for its groups, or not for all.
    silent: bool,
    /// Groups whose commits may not be seen.
    pub(super) forbidden: BTreeSet<Arc<str>>,
    /// That there are no topics was said.
    told_empty: bool,
}

impl Admin {
    /// Connects to the cluster.
    ///
    /// Questions are still answered after `settings.stop` was set, for the last sample of a clean stop.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no bootstrap address answers.
    pub fn connect(settings: &Settings) -> Result<Self, Error> {
        let never = Arc::new(AtomicBool::new(false));
        let mut cluster = Cluster::new(settings, &never);
        cluster.topics()?;
        Ok(Self {
            cluster,
            name: settings.cluster.as_str().into(),
            last_sample: None,
            silent: false,
            forbidden: BTreeSet::new(),
            told_empty: false,
        })
    }

    /// All topics that the tap may see.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn topics(&mut self) -> Result<Vec<TopicSummary>, Error> {
        let topics = self.cluster.topics()?;
        Ok(topics
            .into_iter()
            .map(|topic| TopicSummary {
                name: topic.name,
                id: topic.id,
                partitions: topic.partitions.len(),
                internal: topic.internal,
            })
            .collect())
    }

    /// The last stable offsets of all wanted partitions, as of after this call began: metadata is asked for first, so
    /// topics that were just created are in it.
    ///
    /// # Errors
    /// When no broker answers. A partition whose leader does not answer is named in the sample.
    pub fn barrier(&mut self, epoch: Epoch, plan: &dyn Plan) -> Result<BarrierSample, Error> {
        let wanted = self.wanted(plan)?;
        let stables = self.cluster.offsets(&wanted, LogPoint::Stable)?;
        let mut sample = BarrierSample { epoch, ..BarrierSample::default() };
        for Led { identity, .. } in wanted {
            match stables.get(&identity) {
                Some(&stable) => sample.ends.push((identity, stable)),
                None => sample.unreachable.push(identity),
            }
        }
        Ok(sample)
    }

    /// Committed offsets and states of the groups called `names` (all groups when empty), and the log ends of all
    /// wanted partitions. `at` is the caller's time of the sample; its resolution is the time since the sample before,
    /// 0 for the first.
    ///
    /// A group's broker is the one that lists it, so no coordinator is looked up, which could create an internal topic.
    /// A name that no broker lists is left out. Where groups cannot be listed, any broker is asked for the names.
    ///
    /// # Errors
    /// When no broker answers. Groups and partitions whose broker does not answer are left out.
    pub fn groups(&mut self, names: &[String], plan: &dyn Plan, at: Timestamp) -> Result<GroupSample, Error> {
        let wanted = self.wanted(plan)?;
        self.silent = false;
        let groups = self.group_states(names, &wanted)?;
        // Ends come after the commits, and the stable end before the end: so no commit lies beyond an end.
        let starts = self.cluster.offsets(&wanted, LogPoint::Start)?;
        let stables = self.cluster.offsets(&wanted, LogPoint::Stable)?;
        let ends = self.cluster.offsets(&wanted, LogPoint::End)?;
        let log_ends = |led: &Led| {
            Some(LogEnds {
                partition: Arc::clone(&led.identity),
                start: *starts.get(&led.identity)?,
                end: *ends.get(&led.identity)?,
                stable: *stables.get(&led.identity)?,
                leader: led.leader,
            })
        };
        let resolution_ms = self.last_sample.map_or(0, |last| at.since(last) / 1000);
        self.last_sample = Some(at);
        let ends: Vec<LogEnds> = wanted.iter().filter_map(log_ends).collect();
        let complete = !self.silent && ends.len() == wanted.len();
        Ok(GroupSample {
            at,
            resolution_ms,
            cluster: self.name.clone(),
            complete,
            groups,
            ends,
            ..GroupSample::default()
        })
    }

    /// How many offsets lie between the planned positions and the ends, and how many bytes they are.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn estimate(&mut self, plan: &dyn Plan) -> Result<Estimate, Error> {
        let wanted = self.wanted(plan)?;
        estimate(&mut self.cluster, &wanted, plan)
    }

    /// Whether groups may be looked at, where none is seen: asked for one that there is not, which creates none. A broker
    /// looks at the right first.
    pub(super) fn may_describe_groups(&mut self) -> Result<Held, Error> {
        let nobody = [Listed { group: "headwater-check".into(), phase: None }];
        for broker in self.cluster.brokers() {
            match self.cluster.on(broker, |link| fetch_offsets(link, &nobody, None)) {
                Ok((_, unknown)) if unknown.iter().any(Unknown::is_forbidden) => return Ok(Held::No),
                Ok(_) => return Ok(Held::Yes),
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => tracing::debug!(%error, broker, "whether groups may be described stays unknown"),
            }
        }
        Ok(Held::Unknown)
    }

    fn wanted(&mut self, plan: &dyn Plan) -> Result<Vec<Led>, Error> {
        let topics = self.cluster.topics()?;
        if topics.is_empty() && !std::mem::replace(&mut self.told_empty, true) {
            tracing::warn!("the cluster shows no topics; it has none, or this user needs DESCRIBE and READ on topics");
        }
        Ok(topics.into_iter().filter(|topic| plan.wants(&topic.name)).flat_map(|topic| topic.partitions).collect())
    }

    fn group_states(&mut self, names: &[String], wanted: &[Led]) -> Result<Vec<GroupState>, Error> {
        let mut states = Vec::new();
        let mut forbidden = BTreeSet::new();
        let mut unlisted = true;
        for broker in self.cluster.brokers() {
            let listed = self.cluster.on(broker, |link| list_groups(link, names));
            let listed = match listed {
                Ok(Some(listed)) => listed,
                Ok(None) => continue,
                Err(error) => {
                    unlisted = false;
                    self.silent = true;
                    tracing::debug!(%error, broker, "the groups of this broker stay unknown");
                    continue;
                }
            };
            unlisted = false;
            for some in listed.chunks(GROUPS_PER_REQUEST) {
                match self.cluster.on(broker, |link| fetch_offsets(link, some, None)) {
                    Ok((answered, unknown)) => {
                        states.extend(answered);
                        self.silent |= !unknown.is_empty();
                        forbidden
                            .extend(unknown.into_iter().filter(Unknown::is_forbidden).map(|unknown| unknown.group));
                    }
                    Err(error) => {
                        self.silent = true;
                        tracing::debug!(%error, broker, "the commits of these groups stay unknown");
                    }
                }
            }
        }
        if unlisted && names.is_empty() {
            // None were seen, which is not to say that there are none.
            self.silent = true;
        } else if unlisted {
            states = self.named_groups(names, wanted)?;
        }
        self.tell_forbidden(forbidden);
        Ok(states)
    }

    /// Says what may not be seen, once for each group.
    fn tell_forbidden(&mut self, forbidden: BTreeSet<Arc<str>>) {
        let mut new = forbidden.difference(&self.forbidden);
        if let Some(group) = new.next() {
            tracing::warn!(
                %group, more = new.count(),
                "not allowed to see how far this group is, its lag and passes stay unknown; grant DESCRIBE on groups"
            );
        }
        self.forbidden = forbidden;
    }

    /// For clusters that cannot list groups (librdkafka's mock cluster): any broker answers for any group there, one
    /// group a request, topics named.
    fn named_groups(&mut self, names: &[String], wanted: &[Led]) -> Result<Vec<GroupState>, Error> {
        let Some(&broker) = self.cluster.brokers().first() else { return Ok(Vec::new()) };
        let groups: Vec<Listed> =
            names.iter().map(|name| Listed { group: name.as_str().into(), phase: None }).collect();
        let told = self.cluster.on(broker, |link| fetch_offsets(link, &groups, Some(wanted)));
        if let Err(error @ Error::Unsupported { .. }) = &told {
            self.silent = true;
            tracing::debug!(%error, broker, "this broker tells nothing of groups");
            return Ok(Vec::new());
        }
        let (mut states, _) = told?;
        states.retain(|state| !state.commits.is_empty());
        Ok(states)
    }
}

/// One group as its broker lists it.
struct Listed {
    group: Arc<str>,
    phase: Option<GroupPhase>,
}

/// A group whose commits the broker did not tell.
struct Unknown {
    group: Arc<str>,
    code: i16,
}

impl Unknown {
    fn is_forbidden(&self) -> bool {
        self.code == code::GROUP_AUTHORIZATION_FAILED
    }
}

/// What a broker told of groups, and the ones of which it told nothing.
type Told = (Vec<GroupState>, Vec<Unknown>);

/// The groups that this broker coordinates, sorted; `None` when it does not offer the request.
fn list_groups(link: &mut Connection, names: &[String]) -> Result<Option<Vec<Listed>>, Error> {
    if link.version_of::<ListGroupsRequest>().is_err() {
        return Ok(None);
    }
    let answer = link.call(&ListGroupsRequest::default())?;
    if answer.error_code != code::NONE {
        let (request, code) = (ListGroupsRequest::NAME, answer.error_code);
        return Err(Error::Refused { broker: link.address.clone(), request, code });
    }
    let asked = |name: &str| names.is_empty() || names.iter().any(|asked| asked == name);
    let mut listed: Vec<Listed> = answer
        .groups
        .iter()
        .filter(|group| asked(&group.group_id))
        .map(|group| Listed { group: group.group_id.as_str().into(), phase: phase(group.group_state.as_str()) })
        .collect();
    listed.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(Some(listed))
}

/// Committed offsets of `groups`, on all topics or on those of `wanted`.
fn fetch_offsets(link: &mut Connection, groups: &[Listed], wanted: Option<&[Led]>) -> Result<Told, Error> {
    if groups.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let topics = wanted.map(by_topic);
    if link.version_of::<OffsetFetchRequest>()? >= SEVERAL_GROUPS {
        return fetch_together(link, groups, topics.as_ref());
    }
    let (mut states, mut unknown) = (Vec::new(), Vec::new());
    for listed in groups {
        let topics = topics.as_ref().map(|topics| {
            let topic = |(name, numbers): (&Arc<str>, &Vec<i32>)| {
                OffsetFetchRequestTopic::default().with_name(topic_name(name)).with_partition_indexes(numbers.clone())
            };
            topics.iter().map(topic).collect()
        });
        let request = OffsetFetchRequest::default().with_group_id(group_id(&listed.group)).with_topics(topics);
        let answer = link.call(&request)?;
        if answer.error_code != code::NONE {
            tracing::debug!(group = %listed.group, code = answer.error_code, "commits stay unknown");
            unknown.push(Unknown { group: Arc::clone(&listed.group), code: answer.error_code });
            continue;
        }
        let commits = answer.topics.iter().flat_map(|topic| {
            let name: Arc<str> = topic.name.as_str().into();
            let commit = move |p: &kafka_protocol::messages::offset_fetch_response::OffsetFetchResponsePartition| {
                committed(&listed.group, &name, p.partition_index, p.committed_offset, p.error_code)
            };
            topic.partitions.iter().filter_map(commit).collect::<Vec<_>>()
        });
        states.push(listed.with(commits.collect()));
    }
    Ok((states, unknown))
}

fn fetch_together(
    link: &mut Connection,
    groups: &[Listed],
    topics: Option<&BTreeMap<Arc<str>, Vec<i32>>>,
) -> Result<Told, Error> {
    let topics = topics.map(|topics| {
        let topic = |(name, numbers): (&Arc<str>, &Vec<i32>)| {
            OffsetFetchRequestTopics::default().with_name(topic_name(name)).with_partition_indexes(numbers.clone())
        };
        topics.iter().map(topic).collect::<Vec<_>>()
    });
    let group = |listed: &Listed| {
        OffsetFetchRequestGroup::default().with_group_id(group_id(&listed.group)).with_topics(topics.clone())
    };
    let answer = link.call(&OffsetFetchRequest::default().with_groups(groups.iter().map(group).collect()))?;
    let (mut states, mut unknown) = (Vec::new(), Vec::new());
    for group in &answer.groups {
        let Some(listed) = groups.iter().find(|listed| *listed.group == *group.group_id.as_str()) else { continue };
        // A share group is listed and has no committed offsets: it stays, with none.
        let mut commits = Vec::new();
        if group.error_code != code::NONE && group.error_code != code::GROUP_ID_NOT_FOUND {
            tracing::debug!(group = %listed.group, code = group.error_code, "commits stay unknown");
            unknown.push(Unknown { group: Arc::clone(&listed.group), code: group.error_code });
            continue;
        }
        for topic in &group.topics {
            let name: Arc<str> = topic.name.as_str().into();
            commits.extend(
                topic.partitions.iter().filter_map(|p| {
                    committed(&listed.group, &name, p.partition_index, p.committed_offset, p.error_code)
                }),
            );
        }
        states.push(listed.with(commits));
    }
    Ok((states, unknown))
}

impl Listed {
    fn with(&self, commits: Vec<CommittedOffset>) -> GroupState {
        GroupState { phase: self.phase, ..GroupState::of(Arc::clone(&self.group), commits) }
    }
}

/// -1 says that nothing was ever committed there.
fn committed(group: &Arc<str>, topic: &Arc<str>, partition: i32, offset: i64, error: i16) -> Option<CommittedOffset> {
    (error == code::NONE && offset >= 0).then(|| CommittedOffset::new(group, topic, partition, Some(offset)))
}

fn phase(word: &str) -> Option<GroupPhase> {
    match word {
        "Stable" => Some(GroupPhase::Stable),
        "Empty" => Some(GroupPhase::Empty),
        "Dead" => Some(GroupPhase::Dead),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => Some(GroupPhase::Rebalancing),
        _ => None,
    }
}

fn by_topic(wanted: &[Led]) -> BTreeMap<Arc<str>, Vec<i32>> {
    let mut topics: BTreeMap<Arc<str>, Vec<i32>> = BTreeMap::new();
    for led in wanted {
        topics.entry(Arc::clone(&led.identity.topic)).or_default().push(led.identity.partition);
    }
    topics
}

fn group_id(name: &Arc<str>) -> GroupId {
    GroupId(StrBytes::from_string(name.to_string()))
}
