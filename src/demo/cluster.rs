//! Where the company runs: librdkafka's mock cluster inside this process, or a real cluster that is empty.

#![expect(clippy::disallowed_types, reason = "the demo creates the topics of its own company; the tap creates nothing")]

use super::Error;
use super::company::Company;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// Brokers of the in-process cluster: enough that partitions have different leaders.
pub const BROKERS: u32 = 3;

/// How long a real cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The mock loses a wake-up now and then and a control call stalls for a second; calls that keep this distance do not.
const CALL_DISTANCE: Duration = Duration::from_millis(2);

/// The company's cluster. The in-process one lives as long as this.
pub struct Cluster {
    brokers: String,
    /// Keeps the mock cluster alive.
    host: Option<BaseConsumer>,
}

impl Cluster {
    /// An in-process cluster with the company's topics.
    ///
    /// # Errors
    /// When librdkafka cannot open its loopback ports.
    pub fn in_process(company: &Company) -> Result<Self, Error> {
        let host: BaseConsumer = ClientConfig::new()
            .set("test.mock.num.brokers", BROKERS.to_string())
            .create()
            .map_err(|source| Error::Cluster { action: "start the in-process cluster", source })?;
        skip_rebalance_delay(&host);
        let mock = host.client().mock_cluster().ok_or(Error::NoMock)?;
        for topic in &company.topics {
            mock.create_topic(&topic.name, topic.partitions, 1)
                .map_err(|source| Error::Cluster { action: "create a topic", source })?;
            std::thread::sleep(CALL_DISTANCE);
        }
        let brokers = mock.bootstrap_servers();
        drop(mock);
        Ok(Self { brokers, host: Some(host) })
    }

    /// A real cluster, after making sure that it holds nothing, with the company's topics created on it.
    ///
    /// # Errors
    /// [`Error::NotEmpty`] when it has topics of anyone; else when it cannot be reached or refuses.
    pub fn at(brokers: &str, company: &Company) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        let asking: BaseConsumer =
            config.create().map_err(|source| Error::Cluster { action: "set up a client", source })?;
        let metadata = asking
            .fetch_metadata(None, PATIENCE)
            .map_err(|source| Error::Unreachable { brokers: brokers.to_owned(), source })?;
        let theirs: Vec<_> =
            metadata.topics().iter().map(|t| t.name()).filter(|name| !name.starts_with("__")).collect();
        if let Some(first) = theirs.first() {
            return Err(Error::NotEmpty {
                brokers: brokers.to_owned(),
                topics: theirs.len(),
                first: crate::event::clean(first),
            });
        }
        create_topics(&config, company)?;
        Ok(Self { brokers: brokers.to_owned(), host: None })
    }

    /// Bootstrap addresses, `host:port` with commas between.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Whether the cluster lives in this process.
    pub fn is_in_process(&self) -> bool {
        self.host.is_some()
    }
}

/// The first member of a group waits for more members, 3 s by default: a newcomer would look at nothing for that long.
#[expect(unsafe_code, reason = "librdkafka offers this setting of its mock cluster through C only")]
fn skip_rebalance_delay(host: &BaseConsumer) {
    use rdkafka::bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms};
    // SAFETY: `host` owns its native handle and, by `test.mock.num.brokers`, the mock cluster of that handle; both outlive
    // these two calls, and the setter takes the cluster's own lock. A handle without a mock cluster gives null.
    unsafe {
        let mock = rd_kafka_handle_mock_cluster(host.client().native_ptr());
        if !mock.is_null() {
            rd_kafka_mock_group_initial_rebalance_delay_ms(mock, 0);
        }
    }
}

fn create_topics(config: &ClientConfig, company: &Company) -> Result<(), Error> {
    let refused = |source| Error::Cluster { action: "create the company's topics", source };
    let admin: AdminClient<DefaultClientContext> = config.create().map_err(refused)?;
    let topics: Vec<_> = company
        .topics
        .iter()
        .map(|topic| NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(-1)))
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    for outcome in block_on(admin.create_topics(&topics, &options)).map_err(refused)? {
        if let Err((topic, code)) = outcome {
            return Err(Error::Topic { topic, code });
        }
    }
    Ok(())
}

/// Waits for one future on this thread: the admin client answers from a thread of its own, so no runtime is needed.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
