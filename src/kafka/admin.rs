//! Rare questions about the whole cluster: barriers, topics, estimates. Those about groups stand in `groups`.

use super::cluster::{Cluster, Led, LogPoint};
use super::error::Error;
use super::estimate::{Estimate, estimate};
use super::groups::Remembered;
use super::policies::Policies;
use super::{Plan, Settings};
use crate::event::{BarrierSample, Epoch};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    pub(super) name: Arc<str>,
    pub(super) remembered: Remembered,
    pub(super) policies: Policies,
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
            remembered: Remembered::default(),
            policies: Policies::default(),
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
        let sampled_at = super::clock::wall();
        let wanted = self.wanted(plan)?;
        let stables = self.cluster.offsets(&wanted, LogPoint::Stable)?;
        let mut sample = BarrierSample { epoch, sampled_at, ..BarrierSample::default() };
        for Led { identity, .. } in wanted {
            match stables.get(&identity) {
                Some(&stable) => sample.ends.push((identity, stable)),
                None => sample.unreachable.push(identity),
            }
        }
        Ok(sample)
    }

    /// How many offsets lie between the planned positions and the ends, and how many bytes they are.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn estimate(&mut self, plan: &dyn Plan) -> Result<Estimate, Error> {
        let wanted = self.wanted(plan)?;
        estimate(&mut self.cluster, &wanted, plan)
    }

    pub(super) fn wanted(&mut self, plan: &dyn Plan) -> Result<Vec<Led>, Error> {
        let topics = self.cluster.topics()?;
        if topics.is_empty() && !std::mem::replace(&mut self.told_empty, true) {
            tracing::warn!("the cluster shows no topics; it has none, or this user needs DESCRIBE and READ on topics");
        }
        Ok(topics.into_iter().filter(|topic| plan.wants(&topic.name)).flat_map(|topic| topic.partitions).collect())
    }
}
