//! librdkafka's in-process mock cluster, with its record of what it was asked.
//!
//! The only file of the tests with `unsafe` code: `rdkafka` wraps neither request tracking nor the cluster's pointer.
//! What the mock cannot show is listed in `tests/README.md`.
#![allow(unsafe_code, reason = "request tracking is offered through C only")]

use rdkafka::bindings;
use rdkafka::producer::{BaseProducer, Producer};
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};

/// A mock cluster. Neither `Send` nor `Sync`: it stays on one thread.
pub struct MockKafka {
    /// Bootstrap addresses.
    pub bootstrap: String,
    cluster: *mut bindings::rd_kafka_mock_cluster_t,
    // The cluster lives inside this client, which never connects to it.
    _owner: BaseProducer,
}

impl MockKafka {
    /// Starts `brokers` mock brokers with `topics`, each a name and a number of partitions.
    pub fn start(brokers: i32, topics: &[(&str, i32)]) -> Self {
        let owner: BaseProducer = rdkafka::ClientConfig::new().create().unwrap();
        // SAFETY: the client outlives the cluster, since `drop` destroys the cluster before the fields go.
        let cluster = unsafe { bindings::rd_kafka_mock_cluster_new(owner.client().native_ptr(), brokers) };
        assert!(!cluster.is_null(), "no mock cluster");
        for (topic, partitions) in topics {
            let name = CString::new(*topic).unwrap();
            // SAFETY: the cluster is alive and the name ends with a zero.
            let error = unsafe { bindings::rd_kafka_mock_topic_create(cluster, name.as_ptr(), *partitions, 1) };
            assert_eq!(error as i32, 0, "create {topic}");
        }
        // SAFETY: the text belongs to the cluster and is copied here.
        let bootstrap = unsafe { CStr::from_ptr(bindings::rd_kafka_mock_cluster_bootstraps(cluster)) };
        let bootstrap = bootstrap.to_str().unwrap().to_owned();
        Self { bootstrap, cluster, _owner: owner }
    }

    /// Forgets what was asked so far, and records from now on.
    pub fn track(&self) {
        // SAFETY: the cluster is alive; starting clears the record.
        unsafe { bindings::rd_kafka_mock_start_request_tracking(self.cluster) };
    }

    /// The API keys of all requests since [`Self::track`].
    pub fn requested(&self) -> BTreeSet<i16> {
        let mut count = 0;
        // SAFETY: the array has `count` requests, is ours, and is given back below.
        unsafe {
            let requests = bindings::rd_kafka_mock_get_requests(self.cluster, &mut count);
            if requests.is_null() {
                return BTreeSet::new();
            }
            let keys = (0..count).map(|i| bindings::rd_kafka_mock_request_api_key(*requests.add(i))).collect();
            bindings::rd_kafka_mock_request_destroy_array(requests, count);
            keys
        }
    }
}

impl Drop for MockKafka {
    fn drop(&mut self) {
        // SAFETY: created in `start`, destroyed once, here.
        unsafe { bindings::rd_kafka_mock_cluster_destroy(self.cluster) };
    }
}
