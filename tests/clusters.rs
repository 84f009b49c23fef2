//! One tap on two clusters: a flow that begins on one and ends on the other is one conversation, and a cluster that is
//! away does not stop the other.

use crate::support::kafka::{Options, RealKafka};
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, number, sql};
use crate::support::{Folder, poll_until};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// An event with this id and cause, in a trace of its own flow.
fn event(flow: usize, id: &str, cause: Option<&str>) -> Outgoing {
    let text = |name: &str, value: String| (name.to_owned(), Some(value.into_bytes()));
    let mut headers = vec![text("message-id", format!("{id}-{flow}"))];
    headers.extend(cause.map(|cause| text("causation-id", format!("{cause}-{flow}"))));
    headers.push(text("traceparent", format!("00-{:032x}-{:016x}-01", flow + 1, flow + 1)));
    Outgoing { partition: 0, value: Some(b"{}".to_vec()), headers, ..Outgoing::default() }
}

#[test]
fn a_flow_over_two_clusters_is_one_conversation_and_either_may_be_away() {
    let (Some(eu), Some(us)) = (RealKafka::start(Options::default()), RealKafka::start(Options::default())) else {
        return;
    };
    produce::create_topic(&eu.bootstrap, "orders", 1);
    // As MirrorMaker 2 names its copy.
    produce::create_topic(&us.bootstrap, "eu.orders", 1);
    produce::create_topic(&us.bootstrap, "shipments", 1);
    // The same name on both: another topic.
    produce::create_topic(&us.bootstrap, "orders", 1);
    us.kill(1);

    let folder = Folder::new("clusters");
    let file = format!(
        "db = 'tap.duckdb'\nserve = '127.0.0.1:0'\nmetrics = 'off'\ncommit-interval = '100ms'\nsample-interval = \
         '1s'\n[[cluster]]\nname = 'eu'\nbrokers = ['{}']\nfrom = 'earliest'\n[[cluster]]\nname = 'us'\nbrokers = \
         ['{}']\nfrom = 'earliest'\nclient = 'librdkafka'\n",
        eu.bootstrap, us.bootstrap
    );
    std::fs::write(folder.file("two.toml"), file).unwrap();
    let tap = Program::start(folder.path(), &["tap", "--config", "two.toml"]);
    let url = tap.url();
    let ask = |query: &str| number(folder.path(), Door::Url(&url), query);
    let await_events = |count: i64| {
        poll_until(&format!("{count} events; the tap said:\n{}", tap.said()), PATIENCE, || {
            (ask("SELECT count(*) FROM event") == count).then_some(())
        });
    };
    let at_home = Writer::new(&eu.bootstrap, "lz4");
    at_home.send("orders", &event(0, "order", None));
    at_home.flush();
    // One cluster is not there: it is named, and the other is read.
    await_events(1);
    poll_until("the name of the one that is away", PATIENCE, || tap.said().contains("cluster us").then_some(()));

    us.restart(1);
    let abroad = Writer::new(&us.bootstrap, "lz4");
    let mirror_and_ship = |flow: usize| {
        abroad.send("eu.orders", &event(flow, "order", None));
        abroad.send("shipments", &event(flow, "shipment", Some("order")));
        abroad.flush();
    };
    mirror_and_ship(0);
    await_events(3);

    us.kill(1);
    for flow in 1..10 {
        at_home.send("orders", &event(flow, "order", None));
    }
    at_home.flush();
    await_events(12);
    us.restart(1);
    (1..10).for_each(mirror_and_ship);
    await_events(30);
    let unsettled = "SELECT count(*) FROM event WHERE resolution = 'waiting'";
    poll_until("the verdicts", PATIENCE, || (ask(unsettled) == 0).then_some(()));

    let places =
        "SELECT cluster, topic, count(*), min(\"offset\"), max(\"offset\") FROM event GROUP BY ALL ORDER BY ALL";
    assert_eq!(
        sql(folder.path(), Door::Url(&url), places),
        [["eu", "orders", "10", "0", "9"], ["us", "eu.orders", "10", "0", "9"], ["us", "shipments", "10", "0", "9"]]
    );
    // Every shipment has its cause, and each flow is one conversation over both clusters.
    let caused = "SELECT count(*) FROM cause JOIN event e ON e.ref = effect JOIN event c ON c.ref = cause WHERE e.topic = \
                  'shipments' AND c.topic IN ('orders', 'eu.orders') AND e.trace_id = c.trace_id";
    assert_eq!(ask(caused), 10);
    for flow in ["order-0", "order-9"] {
        let members = format!(
            "SELECT count(*) FROM conversation_events((SELECT min(conversation) FROM event WHERE id = '{flow}'))"
        );
        assert_eq!(ask(&members), 3, "{flow}");
    }
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
    let database = folder.file("tap.duckdb");
    let seen = "SELECT cluster, sum(seen)::BIGINT, sum(next_offset - first_offset)::BIGINT FROM coverage WHERE reason IS \
                NULL GROUP BY 1 ORDER BY 1";
    assert_eq!(sql(folder.path(), Door::File(&database), seen), [["eu", "10", "10"], ["us", "20", "20"]]);
}
