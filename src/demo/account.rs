//! The run in figures: what the tap says of it, and the text that people read at the end.

use super::answers::{Answers, Found};
use super::ledger::Ledger;
use super::schedule::Schedule;
use super::verdict::{Outcome, Verdict};
use crate::event::clean;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// Mistakes that are printed; the count says how many there are.
const SHOWN_MISTAKES: usize = 20;

/// What there is to say about the run itself.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Seconds for which orders were taken.
    pub seconds: u64,
    /// Where it ran, in words.
    pub place: String,
    /// Services.
    pub services: usize,
    /// The seed.
    pub seed: u64,
    /// How the next command finds the database, such as `--db demo.duckdb`; empty when nothing is left to ask.
    pub reach: String,
}

/// The run as the tap saw it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// Records seen.
    pub received: i64,
    /// Topics on which there were any.
    pub topics: usize,
    /// Share of the offsets read that were seen, 0 to 1.
    pub coverage: f64,
    /// Records written and not read yet.
    pub tap_lag: i64,
    /// Records passed by each group.
    pub passed: BTreeMap<String, i64>,
    /// Groups that do not get past an offset, with where they stand.
    pub behind: BTreeMap<String, String>,
    /// Dead letter records.
    pub dead_letters: usize,
    /// Retry records.
    pub retries: usize,
    /// Failed records (one an origin and group) that worked in the end.
    pub healed: usize,
    /// Failed records that did not.
    pub dead: usize,
    /// Dead letters that no group has passed.
    pub unattended: usize,
    /// Dead letters without a way back, by reason.
    pub orphaned: BTreeMap<String, usize>,
    /// The failure that struck most often.
    pub worst: Option<Worst>,
}

/// The failure that struck most often.
#[derive(Debug, Clone, PartialEq)]
pub struct Worst {
    /// Dead letters of this kind.
    pub times: usize,
    /// Short name of the error.
    pub error: String,
    /// The group that fails.
    pub group: String,
    /// Types from the origin back to the root.
    pub path: String,
    /// Orders it hit.
    pub orders: usize,
    /// What they are worth, in cents.
    pub cents: u64,
    /// One of them.
    pub example: String,
}

/// Adds up what the tap answers. Amounts are the company's own: the tap leaves payloads in Kafka.
pub fn account(answers: &Answers, ledger: &Ledger, schedule: &Schedule) -> Account {
    let (seen, missing) = answers.seen.iter().fold((0, 0), |(s, m), part| (s + part.seen, m + part.missing));
    let topics: BTreeSet<_> = answers.seen.iter().filter(|part| part.seen > 0).map(|part| &part.topic).collect();
    let mut account = Account {
        received: seen,
        topics: topics.len(),
        coverage: if seen + missing == 0 { 1.0 } else { seen as f64 / (seen + missing) as f64 },
        tap_lag: answers.unread(&ledger.ends()),
        ..Account::default()
    };
    for part in &answers.passed {
        *account.passed.entry(part.group.clone()).or_default() += part.committed;
        if part.committed < part.end {
            let place = format!("{}/{} offset {}", part.topic, part.partition, part.committed);
            account.behind.entry(part.group.clone()).or_insert(place);
        }
    }
    let mut cases: BTreeMap<_, &str> = BTreeMap::new();
    for found in &answers.failures {
        // A failure without an origin is a case of its own.
        let case = (found.origin.as_ref().or(found.at.as_ref()), &found.group);
        let state = cases.entry(case).or_insert(&found.state);
        if found.state != "healed" {
            *state = &found.state;
        }
        match found.kind.as_str() {
            "dead_letter" => {
                account.dead_letters += 1;
                account.unattended += usize::from(found.attended_by.is_none() && found.state != "healed");
                if let Some(reason) = &found.orphan_reason {
                    *account.orphaned.entry(reason.clone()).or_default() += 1;
                }
            }
            "retry" => account.retries += 1,
            _ => {}
        }
    }
    account.healed = cases.values().filter(|state| **state == "healed").count();
    account.dead = cases.values().filter(|state| **state == "dead").count();
    account.worst = worst(answers, ledger, schedule);
    account
}

fn worst(answers: &Answers, ledger: &Ledger, schedule: &Schedule) -> Option<Worst> {
    let mut kinds: BTreeMap<(&str, &str), Vec<&Found>> = BTreeMap::new();
    for found in answers.failures.iter().filter(|found| found.kind == "dead_letter") {
        let kind = (found.error_class.as_deref().unwrap_or("?"), found.group.as_deref().unwrap_or("?"));
        kinds.entry(kind).or_default().push(found);
    }
    let ((error, group), letters) = kinds.into_iter().max_by_key(|(_, letters)| letters.len())?;
    let example = letters.iter().rev().find(|found| found.root.is_some()).or(letters.last())?;
    let orders: HashMap<_, _> = ledger
        .records
        .iter()
        .filter(|record| record.entry.cause.is_none())
        .map(|record| (&record.at, record.entry.order))
        .collect();
    let hit: BTreeSet<u64> = letters.iter().filter_map(|found| orders.get(found.root.as_ref()?).copied()).collect();
    let path = [&example.origin_type, &example.root_type].map(|kind| kind.as_deref().unwrap_or("?"));
    Some(Worst {
        times: letters.len(),
        error: clean(error.rsplit('.').next().unwrap_or(error)),
        group: clean(group),
        path: format!("<- {} <- {}", clean(path[0]), clean(path[1])),
        orders: hit.len(),
        cents: hit.iter().map(|number| u64::from(schedule.order(*number).cents)).sum(),
        example: example.at.as_ref().map(ToString::to_string).unwrap_or_default(),
    })
}

/// The account as text, without a verdict: what the live screen shows as well.
pub fn text(setting: &Setting, account: &Account) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "plant-based pizza, {} s on {}, {} topics with events, {} services, seed {}\n",
        setting.seconds, setting.place, account.topics, setting.services, setting.seed
    );
    let _ = writeln!(
        out,
        "  received   {} events in {} topics          coverage {}   tap lag {}",
        thousands(account.received),
        account.topics,
        percent(account.coverage),
        thousands(account.tap_lag)
    );
    let groups: Vec<_> = account
        .passed
        .iter()
        .map(|(group, passed)| match account.behind.get(group) {
            Some(place) => format!("{} {} (not past {})", clean(group), thousands(*passed), clean(place)),
            None => format!("{} {}", clean(group), thousands(*passed)),
        })
        .collect();
    let _ = writeln!(out, "  passed     {}", groups.join("  "));
    let _ = writeln!(
        out,
        "  failed     {} dead letters, {} retries     {} healed, {} dead, {} unattended",
        account.dead_letters, account.retries, account.healed, account.dead, account.unattended
    );
    let reasons: Vec<_> = account.orphaned.iter().map(|(reason, n)| format!("{n} {}", clean(reason))).collect();
    let orphaned: usize = account.orphaned.values().sum();
    let _ = match orphaned {
        0 => writeln!(out, "  orphaned   no failures"),
        n => writeln!(out, "  orphaned   {n} failures: {}", reasons.join(", ")),
    };
    if let Some(worst) = &account.worst {
        let _ = writeln!(
            out,
            "\n  worst: {} x {} in group {}  {}   {} orders, € {}.{:02} affected",
            worst.times,
            worst.error,
            worst.group,
            worst.path,
            worst.orders,
            worst.cents / 100,
            worst.cents % 100
        );
        if !setting.reach.is_empty() {
            let _ = writeln!(out, "         headwater trace {} {}", worst.example, setting.reach);
        }
    }
    out.push_str("\n  passed = consumed, as far as Kafka can show: committed beyond it\n");
    out
}

/// The verdict as text.
pub fn verdict_text(verdict: &Verdict) -> String {
    let word = match verdict.outcome() {
        Outcome::Pass => "PASS",
        Outcome::Fail => "FAIL",
        Outcome::NotJudged => "NOT JUDGED: no dead letter was injected in so short a run; try --for 20s",
    };
    let mut out = format!(
        "\n  verdict   failures injected {}, found {}, traced to their root {} of {} that can be known,\n            \
         orphaned as they should be {} of {}, retries traced {} of {}, wrong {}   {word}\n",
        verdict.injected,
        verdict.found,
        verdict.traced,
        verdict.knowable,
        verdict.orphaned,
        verdict.unknowable,
        verdict.retries_traced,
        verdict.retries,
        verdict.wrong.len(),
    );
    if verdict.early > 0 {
        let _ = writeln!(
            out,
            "            {} lost their context among too few events to tell yet: try --for 20s",
            verdict.early
        );
    }
    for wrong in verdict.wrong.iter().take(SHOWN_MISTAKES) {
        let _ = writeln!(out, "            {wrong}");
    }
    if verdict.wrong.len() > SHOWN_MISTAKES {
        let _ = writeln!(out, "            … and {} more", verdict.wrong.len() - SHOWN_MISTAKES);
    }
    if verdict.unread > 0 {
        let _ = writeln!(out, "            {} records were not read in time", verdict.unread);
    }
    if verdict.undelivered > 0 {
        let _ = writeln!(out, "            {} records never reached a broker: run again", verdict.undelivered);
    }
    out
}

/// Account and verdict as one JSON object.
pub fn json(setting: &Setting, account: &Account, verdict: &Verdict) -> Value {
    let worst = account.worst.as_ref().map(|worst| {
        json!({
            "times": worst.times, "error": worst.error, "group": worst.group, "orders": worst.orders,
            "cents": worst.cents, "coordinates": worst.example,
        })
    });
    json!({
        "seconds": setting.seconds, "seed": setting.seed, "received": account.received, "topics": account.topics,
        "coverage": account.coverage, "tap_lag": account.tap_lag, "passed": account.passed, "behind": account.behind,
        "dead_letters": account.dead_letters, "retries": account.retries, "healed": account.healed,
        "dead": account.dead, "unattended": account.unattended, "orphaned": account.orphaned, "worst": worst,
        "verdict": {
            "outcome": match verdict.outcome() {
                Outcome::Pass => "pass",
                Outcome::Fail => "fail",
                Outcome::NotJudged => "not_judged",
            },
            "injected": verdict.injected, "found": verdict.found, "knowable": verdict.knowable,
            "traced": verdict.traced, "unknowable": verdict.unknowable, "orphaned": verdict.orphaned,
            "early": verdict.early, "retries": verdict.retries, "retries_traced": verdict.retries_traced,
            "wrong": verdict.wrong.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "unread": verdict.unread, "undelivered": verdict.undelivered,
        },
    })
}

/// 4812 as `4,812`.
fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = if number < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in percent; never rounded up to 100.
fn percent(share: f64) -> String {
    if share >= 1.0 { "100 %".into() } else { format!("{:.2} %", (share * 10_000.0).floor() / 100.0) }
}

#[cfg(test)]
mod tests;
