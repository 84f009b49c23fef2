//! A failure from its first attempt to its redrive, on a live cluster, as the running program tells it.
//!
//! Proves: commits of real groups heal what they passed, also after a restart, and the list of what to give again is as long
//! as what is still dead. Does not prove: what other frameworks write (`situations`, `conventions`).

use crate::support::kafka::RealKafka;
use crate::support::produce::{Outgoing, Writer, create_topic};
use crate::support::program::{Door, Program, answer, sql};
use crate::support::raw::Raw;
use crate::support::{Folder, poll_until};
use std::path::Path;
use std::time::Duration;

/// How long a verdict may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

fn order(number: i64, headers: Vec<(String, Option<Vec<u8>>)>) -> Outgoing {
    Outgoing {
        key: Some(b"a".to_vec()),
        value: Some(format!("order {number}").into_bytes()),
        headers,
        ..Outgoing::default()
    }
}

/// As Spring's recoverer names what failed.
fn failed_on(offset: i64) -> Vec<(String, Option<Vec<u8>>)> {
    let header = |name: &str, value: &[u8]| (format!("kafka_dlt-{name}"), Some(value.to_vec()));
    vec![
        header("original-topic", b"redrive-orders"),
        header("original-partition", &0_i32.to_be_bytes()),
        header("original-offset", &offset.to_be_bytes()),
        header("exception-fqcn", b"com.example.Declined"),
        header("exception-message", format!("card {offset} was declined").as_bytes()),
    ]
}

fn failures(folder: &Path, door: Door<'_>) -> Vec<String> {
    let query = "SELECT e.\"offset\", f.state, f.origin_offset, coalesce(f.consumer_group, '?'), \
         coalesce(f.group_evidence, '?'), coalesce(f.healed_evidence, '?') \
         FROM failure f JOIN event e ON e.ref = f.ref ORDER BY 1";
    sql(folder, door, query).into_iter().map(|row| row.join(" ")).collect()
}

/// Scenario: three dead letters without a group on a topic that one group reads; one is put back and passed, one is put back and
/// fails again, one stays. In between the tap is killed.
/// Guarantees: the group is told by the ledger; healed by redrive, dead, dead; the list of what to give again has the two.
#[test]
fn what_is_given_again_heals_or_fails_again() {
    let Some(kafka) = RealKafka::shared() else { return };
    for topic in ["redrive-orders", "redrive-parked-dlt"] {
        create_topic(&kafka.bootstrap, topic, 1);
    }
    let writer = Writer::new(&kafka.bootstrap, "lz4");
    (0..3).for_each(|number| writer.send("redrive-orders", &order(number, Vec::new())));
    (0..3).for_each(|number| writer.send("redrive-parked-dlt", &order(number, failed_on(number))));
    writer.flush();
    let mut group = Raw::connect(&kafka.bootstrap);
    let mut pass = |offset| group.commit("redrive-cards", &[("redrive-orders".to_owned(), 0, offset, String::new())]);
    pass(3);

    let folder = Folder::new("redrive");
    let arguments = ["--from", "earliest", "--topics", "redrive-.*", "--sample-interval", "500ms"];
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &arguments);
    let told = |expected: &[&str], url: &str| {
        let what = format!("the failures to be {expected:?}");
        poll_until(&what, PATIENCE, || (failures(folder.path(), Door::Url(url)) == expected).then_some(()));
    };
    told(
        &["0 dead 0 redrive-cards ledger ?", "1 dead 1 redrive-cards ledger ?", "2 dead 2 redrive-cards ledger ?"],
        &url,
    );

    (0..2).for_each(|number| writer.send("redrive-orders", &order(number, failed_on(number))));
    writer.flush();
    told(
        &[
            "0 retrying 0 redrive-cards ledger ?",
            "1 retrying 1 redrive-cards ledger ?",
            "2 dead 2 redrive-cards ledger ?",
        ],
        &url,
    );
    tap.kill();

    writer.send("redrive-parked-dlt", &order(1, failed_on(1)));
    writer.flush();
    pass(5);
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &arguments);
    told(
        &[
            "0 healed 0 redrive-cards ledger redrive",
            "1 dead 1 redrive-cards ledger ?",
            "2 dead 2 redrive-cards ledger ?",
            "3 dead 1 redrive-cards ledger ?",
        ],
        &url,
    );
    let again = answer(folder.path(), &["failures", "--redrive", "--connect", &url]);
    let origins: Vec<String> = again
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["origin_coordinates"].to_string())
        .collect();
    assert_eq!(origins, ["\"redrive-orders/0/1\"", "\"redrive-orders/0/2\""]);
    let stood = "SELECT state FROM failure_history((SELECT min(ref) FROM failure)) ORDER BY since";
    let history: Vec<String> = sql(folder.path(), Door::Url(&url), stood).into_iter().flatten().collect();
    assert_eq!(history.last().map(String::as_str), Some("healed"), "{history:?}");
    assert!(history.contains(&"retrying".to_owned()), "{history:?}");
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}
