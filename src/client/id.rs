//! What a person has at hand to name an event, and what it can mean.

use crate::event::{Coordinates, TraceContext};

/// One thing that a typed `ID` can mean. Every one of them is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// `topic/partition/offset`, with the cluster before it where there are several.
    Coordinates {
        /// Cluster, if it was named.
        cluster: Option<String>,
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
    },
    /// The trace id of a `traceparent`.
    Trace {
        /// Its first half.
        hi: u64,
        /// Its second half.
        lo: u64,
    },
    /// The name that headwater gave the record.
    Ref(i64),
    /// An event id, correlation id, causation id or trace id as its producer wrote it.
    Id(String),
    /// A record key.
    Key(String),
}

/// All that `text` can mean, the most specific first.
pub(super) fn meanings(text: &str) -> Vec<Meaning> {
    let text = text.trim();
    if let Some(key) = text.strip_prefix("key:") {
        return vec![Meaning::Key(key.to_owned())];
    }
    if let Some(context) = TraceContext::parse(text.as_bytes()) {
        return vec![Meaning::Trace { hi: context.trace_hi, lo: context.trace_lo }];
    }
    let mut meanings = Vec::new();
    meanings.extend(coordinates(text));
    if let (Ok(number), false) = (text.parse::<i64>(), text.starts_with(['+', '-'])) {
        meanings.push(Meaning::Ref(number));
    }
    if !text.is_empty() {
        meanings.push(Meaning::Id(text.to_owned()));
    }
    meanings
}

fn coordinates(text: &str) -> Option<Meaning> {
    let Coordinates { cluster, topic, partition, offset } = Coordinates::parse(text)?;
    Some(Meaning::Coordinates { cluster, topic, partition, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cluster: Option<&str>, topic: &str, partition: i32, offset: i64) -> Meaning {
        Meaning::Coordinates { cluster: cluster.map(str::to_owned), topic: topic.to_owned(), partition, offset }
    }

    #[test]
    fn an_id_means_all_that_it_can_mean() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let id = |text: &str| Meaning::Id(text.to_owned());
        assert_eq!(meanings("loyalty.dlt/0/12"), [at(None, "loyalty.dlt", 0, 12), id("loyalty.dlt/0/12")]);
        assert_eq!(meanings("eu/orders/2/881")[0], at(Some("eu"), "orders", 2, 881));
        let by_trace = Meaning::Trace { hi: 0x4bf9_2f35_77b3_4da6, lo: 0xa3ce_929d_0e0e_4736 };
        assert_eq!(meanings(trace), [id(trace)]);
        assert_eq!(meanings(" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 "), [by_trace]);
        assert_eq!(meanings("4711"), [Meaning::Ref(4711), id("4711")]);
        assert_eq!(meanings("key:a/0/1"), [Meaning::Key("a/0/1".to_owned())]);
        assert_eq!(meanings("order-4711"), [id("order-4711")]);
        assert_eq!(meanings("  "), []);
    }

    #[test]
    fn what_only_looks_like_coordinates_is_an_id() {
        for text in
            ["a/b/c", "orders/1", "/0/1", "orders/-1/5", "orders/0/99999999999999999999", "a/b/c/0/1", "orders/0/"]
        {
            assert_eq!(meanings(text), [Meaning::Id(text.to_owned())], "{text}");
        }
    }
}
