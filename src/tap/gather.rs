//! One barrier sample out of those of all clusters.

use crate::event::BarrierSample;

/// Collects the answers to one question. A flow may begin on one cluster and end on another, so a sample that lacks a
/// cluster proves nothing: the verdicts wait until all of them answer.
#[derive(Debug, Default)]
pub(super) struct Gather {
    waiting: usize,
    missing: usize,
    whole: Option<BarrierSample>,
}

impl Gather {
    /// So many answers will come.
    pub fn expect(&mut self, answers: usize) {
        *self = Self { waiting: answers, ..Self::default() };
    }

    /// True while answers are still to come.
    pub fn is_open(&self) -> bool {
        self.waiting > 0
    }

    /// Takes one answer. Gives what all of them say together once it was the last: nothing, when one said nothing.
    pub fn take(&mut self, answer: Option<BarrierSample>) -> Option<Option<BarrierSample>> {
        self.waiting = self.waiting.checked_sub(1)?;
        match (&mut self.whole, answer) {
            (Some(whole), Some(mut more)) if whole.epoch == more.epoch => {
                whole.sampled_at = whole.sampled_at.min(more.sampled_at);
                whole.ends.append(&mut more.ends);
                whole.unreachable.append(&mut more.unreachable);
            }
            (whole @ None, Some(first)) if self.missing == 0 => *whole = Some(first),
            _ => self.missing += 1,
        }
        (self.waiting == 0).then(|| self.whole.take().filter(|_| self.missing == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Epoch, TopicPartition};
    use std::sync::Arc;

    fn sample(cluster: &str) -> BarrierSample {
        let partition =
            TopicPartition { cluster: cluster.into(), topic: "orders".into(), topic_id: [0; 16], partition: 0 };
        BarrierSample { epoch: Epoch(3), ends: vec![(Arc::new(partition), 7)], ..BarrierSample::default() }
    }

    #[test]
    fn all_clusters_together_make_one_sample() {
        let mut gather = Gather::default();
        gather.expect(2);
        assert!(gather.take(Some(sample("eu"))).is_none() && gather.is_open());
        let whole = gather.take(Some(sample("us"))).unwrap().unwrap();
        let clusters: Vec<&str> = whole.ends.iter().map(|(partition, _)| &*partition.cluster).collect();
        assert_eq!((clusters, gather.is_open()), (vec!["eu", "us"], false));
    }

    #[test]
    fn a_cluster_that_says_nothing_makes_the_sample_none_in_any_order() {
        for answers in [[Some("eu"), None], [None, Some("us")]] {
            let mut gather = Gather::default();
            gather.expect(2);
            let [first, second] = answers.map(|cluster| cluster.map(sample));
            assert!(gather.take(first).is_none());
            assert!(gather.take(second).unwrap().is_none());
        }
        assert!(Gather::default().take(None).is_none(), "nobody asked");
    }
}
