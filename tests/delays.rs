//! Time lag beside the truth: groups that are a known time behind, while records come and after the producer has stopped.

use crate::support::Folder;
use crate::support::delays::{Delays, now_ms};
use crate::support::kafka::RealKafka;
use crate::support::program::{Door, Program, sql};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is said of a group may be wrong by this, in ms.
const ERROR: i64 = 1_000;
const PRODUCING: Duration = Duration::from_secs(12);
const STOPPED: Duration = Duration::from_secs(8);
const STEP: Duration = Duration::from_millis(250);

/// What a tap said of each group at a time in ms: where it stands, and its lag in ms.
type Said = BTreeMap<(String, i64), (i64, Option<i64>)>;

fn listen(folder: &Folder, url: &str, said: &mut Said) {
    let rows = sql(
        folder.path(),
        Door::Url(url),
        "SELECT consumer_group, epoch_ms(sampled_at), committed_offset, lag_ms FROM progress WHERE topic LIKE 'delays%'",
    );
    for row in rows {
        said.insert((row[0].clone(), row[1].parse().unwrap()), (row[2].parse().unwrap(), row[3].parse().ok()));
    }
}

/// Scenario: for a while a record each 250 ms, plain and in transactions, then none any more; seven groups, each as far
/// behind as its script says, one of them with nothing but a marker before it.
/// Guarantees: by samples alone, and with the log of commits, no time lag is wrong by more than a second, nor is it unknown.
#[test]
fn time_lag_is_right_while_records_come_and_after_they_stop() {
    let Some(kafka) = RealKafka::shared() else { return };
    let topic = format!("delays-{}", std::process::id());
    let mut delays = Delays::on(&kafka.bootstrap, &topic);
    (0..5).for_each(|_| delays.step(true));
    let folders = [Folder::new("delays-samples"), Folder::new("delays-log")];
    let taps: Vec<(Program, String)> = ["never", "auto"]
        .iter()
        .zip(&folders)
        .map(|(log, folder)| {
            let more = ["--topics", &topic, "--sample-interval", "1s", "--groups-log", log];
            Program::tap(folder.path(), &kafka.bootstrap, &more)
        })
        .collect();
    let mut said = [Said::new(), Said::new()];
    let begun = Instant::now();
    let (mut due, mut stopped_at) = (begun, i64::MAX);
    while begun.elapsed() < PRODUCING + STOPPED {
        let produce = begun.elapsed() < PRODUCING;
        if !produce && stopped_at == i64::MAX {
            stopped_at = now_ms();
        }
        delays.step(produce);
        for (at, (_, url)) in taps.iter().enumerate() {
            listen(&folders[at], url, &mut said[at]);
        }
        due += STEP;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    taps.into_iter().for_each(|(tap, _)| drop(tap.stop()));
    for (path, said) in ["samples", "log"].iter().zip(&said) {
        for group in Delays::groups() {
            let of_group: Vec<(i64, (i64, Option<i64>))> =
                said.iter().filter(|((name, _), _)| name == group).map(|((_, at), said)| (*at, *said)).collect();
            let after = of_group.iter().filter(|(at, _)| *at > stopped_at).count();
            let moves = !matches!(group, "up-to-date" | "before-marker-tx");
            assert!(of_group.len() > 3 && (after > 2 || !moves), "{path}, {group}: {of_group:?}");
            let worst = of_group.iter().map(|&(at, (committed, lag))| {
                let lag = lag.unwrap_or_else(|| panic!("{path}, {group}: unknown at {at}"));
                // Of the place that was told, and of where the script had the group about then.
                let script = delays.error(group, lag, (at - 500, at + 500)).unwrap_or(0);
                script.max(lag.abs_diff(delays.age_from(group, committed, at)) as i64)
            });
            let worst = worst.max().unwrap();
            println!("{path:<8} {group:<18} {} answers, worst error {worst} ms", of_group.len());
            assert!(worst <= ERROR, "{path}, {group}: {worst} ms in {of_group:?}");
        }
    }
}
