//! Brokers that go and come back, and ways to them that fail.

use super::{PARTITIONS, PATIENCE, Stage};
use crate::metrics::get;
use crate::support::on_both;
use crate::support::poll_until;
use crate::support::produce;
use crate::support::proxy::{FETCH, Fault};
use headwater::kafka::Source;

/// The broker that is made to fail.
const ONE: usize = 2;

/// Waits until broker `ONE` leads as many partitions of the topic as it did at first.
fn await_leadership(stage: &Stage) {
    poll_until("the broker to lead again", PATIENCE, || {
        let leaders = produce::leaders(&stage.kafka.bootstrap, &stage.topic);
        (leaders.iter().filter(|leader| **leader == ONE as i32).count() == PARTITIONS as usize / 3).then_some(())
    });
}

on_both!(broker_killed_and_restarted);

fn broker_killed_and_restarted(source: Source) {
    let Some(mut stage) = Stage::on("killed", source) else { return };
    stage.write(600);
    stage.catch_up();
    stage.kafka.kill(ONE as u32);
    stage.write(600);
    if source == Source::Native {
        // librdkafka finds its way without a word.
        stage.await_word(&["the broker is away, trying again"]);
    }
    stage.catch_up();
    stage.kafka.restart(ONE as u32);
    await_leadership(&stage);
    stage.write(600);
    stage.catch_up();
    stage.assert_whole();
}

#[test]
fn leaders_move() {
    let Some(mut stage) = Stage::new("moved") else { return };
    stage.write(600);
    stage.catch_up();
    stage.kafka.stop(ONE as u32);
    stage.write(600);
    stage.catch_up();
    stage.kafka.restart(ONE as u32);
    stage.write(600);
    await_leadership(&stage);
    stage.write(600);
    stage.catch_up();
    stage.assert_whole();
}

/// What happens to the way to one or all brokers while records are written; others are read on meanwhile.
fn way_fails(name: &str, all: bool, fault: Fault, words: &[&str]) {
    let Some(mut stage) = Stage::new(name) else { return };
    stage.write(600);
    stage.catch_up();
    if all {
        stage.proxy.set_all(fault);
    } else {
        stage.proxy.set(ONE, fault);
    }
    stage.write(600);
    stage.await_word(words);
    if !all {
        stage.await_events(600 + 400);
    }
    stage.proxy.set_all(Fault::None);
    stage.write(600);
    stage.catch_up();
    stage.assert_whole();
}

#[test]
fn all_brokers_away() {
    way_fails("away", true, Fault::Refused, &["no metadata, trying again"]);
}

#[test]
fn network_black_hole() {
    way_fails("hole", false, Fault::BlackHole, &["no answer in time"]);
}

#[test]
fn half_closed_sockets() {
    way_fails("half", false, Fault::HalfClosed, &["closed the connection", "hung up on the first request"]);
}

#[test]
fn a_name_that_cannot_be_resolved() {
    way_fails("nameless", false, Fault::Nameless, &["connect to broker nowhere.invalid"]);
}

#[test]
fn garbage_on_the_socket() {
    way_fails("garbage", false, Fault::Garbage, &["check that this port speaks Kafka"]);
}

#[test]
fn slow_broker() {
    let Some(mut stage) = Stage::new("slow") else { return };
    stage.write(600);
    stage.catch_up();
    stage.proxy.set(ONE, Fault::Slow);
    stage.write(6_000);
    // The others are not held up: all of theirs is there before the slow one is healed.
    stage.await_events(600 + 4_000);
    stage.write(600);
    stage.catch_up();
    stage.proxy.set(ONE, Fault::None);
    stage.write(600);
    stage.catch_up();
    stage.assert_whole();
}

/// A broker that answers everything but fetches: nothing fails, and nothing comes.
#[test]
fn a_stall_is_said_and_shown() {
    let Some(mut stage) = Stage::new("stall") else { return };
    stage.write(600);
    stage.catch_up();
    let said = stage.tap.said();
    let health = said.split("health at http://").nth(1).and_then(|rest| rest.split('/').next()).expect("its address");
    let health = health.parse().unwrap();
    assert_eq!(get(health, "/healthz").0, 200);
    stage.proxy.set(ONE, Fault::Mute(FETCH));
    stage.write(600);
    stage.await_word(&["records are there and none was received"]);
    let (status, body) = get(health, "/healthz");
    // A restart would not bring what does not come.
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""status":"stalled""#), "{body}");
    assert!(body.contains("2 partitions have records, of which none was received for"), "{body}");
    poll_until("the stall in the tap's own numbers", PATIENCE, || {
        (stage.ask("SELECT value::BIGINT FROM tap WHERE name = 'stalled_partitions'") == 2).then_some(())
    });
    stage.proxy.set(ONE, Fault::None);
    stage.catch_up();
    stage.await_word(&["all partitions receive records again"]);
    assert_eq!(get(health, "/healthz").0, 200);
    stage.assert_whole();
}
