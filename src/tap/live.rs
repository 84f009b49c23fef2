//! One record, read where it lies, and why it is understood as it is: for the command line, and for the live questions
//! of the door.

use super::{check, conventions, secured, settings};
use crate::capture::{self, CapturedRecord, Line};
use crate::config::TapConfig;
use crate::decode::{Convention, Explainer, Schemas};
use crate::event::{Coordinates, Explanation, Finding, HashKey, Producer, Record, Timestamp, TopicPartition};
use crate::kafka::{self, ReadError};
use crate::serve::{self, Explained};
use crate::telemetry::Counters;
use anyhow::Context;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

/// Records of a capture that are explained where an id names several: enough to list them, few enough to hold.
const CAPTURED_MAX: usize = 100;

/// The key of ids where no database gives one: only ids that are no UUIDs are hashed under it, and no hash is shown.
const NO_KEY: HashKey = HashKey([0; 16]);

/// Explains the record at `at` as it lies on the cluster that `config` reads; `ids` is the database's key of ids, where
/// there is one.
///
/// # Errors
/// Conventions or security settings that cannot be followed; why there is no such record, or why it cannot be read.
pub fn explain_live(config: &TapConfig, ids: Option<HashKey>, at: &Coordinates) -> anyhow::Result<Explanation> {
    let house = conventions(&config.conventions)?;
    let mut explainer = Explainer::new(ids.unwrap_or(NO_KEY), &house);
    let (counters, stop) = (Arc::new(Counters::default()), Arc::new(AtomicBool::new(false)));
    let clusters = std::iter::once(config).chain(&config.also);
    let clusters =
        clusters.map(|one| Ok(settings(one, &secured(one)?, &counters, &stop))).collect::<anyhow::Result<Vec<_>>>()?;
    let mut explanation = Explanation::default();
    read(&clusters, at, &mut |partition, _, record| explanation = explainer.explain(partition, record))?;
    Ok(explanation)
}

/// Reads one record from the cluster that holds it: the one that is named, else the first that has its topic.
fn read(
    clusters: &[kafka::Settings],
    at: &Coordinates,
    each: &mut dyn FnMut(&TopicPartition, Option<Producer>, &Record<'_>),
) -> anyhow::Result<()> {
    let named = clusters.iter().filter(|one| at.cluster.as_ref().is_none_or(|name| *name == one.cluster));
    let mut why = None;
    for settings in named {
        match kafka::read_record(settings, (&at.topic, at.partition, at.offset), each) {
            Ok(()) => return Ok(()),
            Err(error @ ReadError::NoTopic { .. }) => {
                why.get_or_insert(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    match why {
        Some(error) => Err(error.into()),
        None => {
            let known: Vec<&str> = clusters.iter().map(|one| one.cluster.as_str()).collect();
            let name = at.cluster.as_deref().unwrap_or_default();
            anyhow::bail!("no cluster is called {name}; those that are read are {}", known.join(", "))
        }
    }
}

/// Which records of a capture are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one at these coordinates.
    At(Coordinates),
    /// Those that carry this id: as their own, as that of their flow or trace, else as that of their cause.
    Id(String),
    /// Those with one of these keys.
    Key(Vec<Vec<u8>>),
}

/// Records of a capture that are wanted.
#[derive(Debug, Default)]
pub struct Captured {
    /// The first of them, in their order.
    pub explanations: Vec<Explanation>,
    /// How many more there are.
    pub more: u64,
    /// Lines of the file that could not be read.
    pub unread: u64,
}

/// Explains the records of the capture `file` that are wanted, by the conventions `house` and those that come along.
///
/// # Errors
/// A file that cannot be read.
pub fn explain_captured(
    file: &Path,
    (cluster, wanted): (&str, &Wanted),
    house: &[Convention],
) -> anyhow::Result<Captured> {
    let name = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("cannot read {name}; name a capture in NDJSON"))?;
    let mut explainer = Explainer::new(NO_KEY, house);
    let (mut found, mut causes) = (Captured::default(), Captured::default());
    let summary = capture::read(&name, BufReader::new(opened), &mut |line| {
        let Line::Record(CapturedRecord { topic, partition, record, .. }) = line else { return };
        let fits = match wanted {
            Wanted::At(at) => (&*at.topic, at.partition, at.offset) == (topic, partition, record.offset),
            Wanted::Key(keys) => record.key.is_some_and(|key| keys.iter().any(|wanted| wanted == key)),
            Wanted::Id(_) => true,
        };
        if !fits {
            return;
        }
        let partition = TopicPartition { cluster: cluster.into(), topic: topic.into(), topic_id: [0; 16], partition };
        let explanation = explainer.explain(&partition, &record);
        match wanted {
            Wanted::Id(id) if carries(&explanation, id) => found.push(explanation),
            Wanted::Id(id) if names_as_cause(&explanation, id) => causes.push(explanation),
            Wanted::Id(_) => {}
            _ => found.push(explanation),
        }
    })?;
    let mut found = if found.explanations.is_empty() { causes } else { found };
    found.unread = summary.unread;
    Ok(found)
}

impl Captured {
    fn push(&mut self, explanation: Explanation) {
        if self.explanations.len() < CAPTURED_MAX {
            self.explanations.push(explanation);
        } else {
            self.more += 1;
        }
    }
}

fn carries(explanation: &Explanation, id: &str) -> bool {
    let value = |name| explanation.field(name).and_then(|story| story.value.as_deref());
    let same = |text: &str| text.eq_ignore_ascii_case(id);
    ["id", "correlation", "root"].into_iter().filter_map(value).any(same)
        || value("trace").and_then(|trace| trace.split('/').next()).is_some_and(same)
        || value("further_traces").is_some_and(|traces| traces.split(", ").any(same))
}

fn names_as_cause(explanation: &Explanation, id: &str) -> bool {
    let cause = explanation.field("causation").and_then(|story| story.value.as_deref());
    cause.is_some_and(|cause| cause.eq_ignore_ascii_case(id))
}

/// Answers the live questions of a tap's door. Its connections are its own: the reader's are not held up.
#[derive(Debug)]
pub(super) struct Live {
    clusters: Vec<kafka::Settings>,
    /// Of each cluster.
    schemas: Vec<Option<Arc<dyn Schemas>>>,
    ids: HashKey,
    house: Arc<[Convention]>,
    config: TapConfig,
    /// One question at a time: a crowd at the door is none at the brokers.
    turn: Mutex<()>,
}

impl Live {
    pub(super) fn new(
        config: &TapConfig,
        (ids, house): (HashKey, Arc<[Convention]>),
        clusters: Vec<(kafka::Settings, Option<Arc<dyn Schemas>>)>,
    ) -> Self {
        let (clusters, schemas) = clusters.into_iter().unzip();
        Self { clusters, schemas, ids, house, config: config.clone(), turn: Mutex::default() }
    }

    /// The schemas of the cluster `name`.
    fn schemas(&self, name: &str) -> Option<Arc<dyn Schemas>> {
        let at = self.clusters.iter().position(|one| one.cluster == name)?;
        self.schemas.get(at).cloned().flatten()
    }

    fn read(
        &self,
        at: &str,
        each: &mut dyn FnMut(&TopicPartition, Option<Producer>, &Record<'_>),
    ) -> Result<(), String> {
        let wrong = || format!("`{at}` names no record; write topic/partition/offset, such as orders/0/12");
        let at = Coordinates::parse(at).ok_or_else(wrong)?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        read(&self.clusters, &at, each).map_err(|error| format!("{error:#}"))
    }
}

impl serve::Live for Live {
    fn explain(&self, at: &str, values: bool) -> Result<Explained, String> {
        let mut explanation = Explanation::default();
        self.read(at, &mut |partition, _, record| {
            let explainer = Explainer::new(self.ids, &self.house);
            let mut explainer = explainer.with_schemas(self.schemas(&partition.cluster));
            explanation = explainer.explain(partition, record);
        })?;
        if !values {
            explanation.hide_values();
        }
        let json = serde_json::to_string(&explanation).map_err(|error| error.to_string())?;
        Ok(Explained { lines: lines(&explanation), json })
    }

    fn payload(&self, at: &str) -> Result<String, String> {
        if !self.config.payloads {
            return Err("payloads stay in Kafka: this tap's configuration does not allow them at its door; set \
                        payloads = true in its section [privacy], and start it again"
                .to_owned());
        }
        let mut text = Vec::new();
        self.read(at, &mut |partition, producer, record| {
            let captured = CapturedRecord {
                topic: &partition.topic,
                partition: partition.partition,
                record: *record,
                producer,
                sequence: None,
                seen: Timestamp::from_millis(record.timestamp_ms),
                aborted: None,
            };
            // Writing to memory does not fail.
            let _ = capture::write(&mut text, &Line::Record(captured));
        })?;
        Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
    }

    fn check(&self) -> Result<Vec<[Option<String>; 4]>, String> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Vec::new();
        for config in std::iter::once(&self.config).chain(&self.config.also) {
            let check = check::check(config).map_err(|error| format!("{error:#}"))?;
            let some = |text: &str| Some(text.to_owned());
            rows.push([some(&check.cluster), some(check.verdict.as_str()), check.outlook.clone(), None]);
            for address in check.addresses {
                let state = if address.failed_at.is_some() { "fails" } else { "ok" };
                rows.push([Some(address.address), some(state), address.reason, None]);
            }
            rows.extend(
                check.rights.into_iter().map(|right| [some(right.right), some(right.held), Some(right.detail), None]),
            );
            rows.extend(
                check.findings.into_iter().map(|finding| {
                    [some("finding"), some(finding.verdict.as_str()), Some(finding.what), finding.command]
                }),
            );
        }
        Ok(rows)
    }
}

/// An explanation as rows: section, field, value, place, convention, rank, raw, reads_as, reason.
fn lines(explanation: &Explanation) -> Vec<[Option<String>; 9]> {
    let some = |text: &str| Some(text.to_owned());
    let mut lines = Vec::new();
    let topic = &explanation.topic_name;
    lines.push([some("topic"), None, some(&topic.class), None, None, None, topic.pattern.clone(), None, None]);
    for story in &explanation.fields {
        let of = |section: &str, value: Option<String>, finding: &Finding, reason: Option<String>| {
            let Finding { place, convention, rank, raw, reads_as, .. } = finding;
            let (place, convention, rank, raw) = (some(place), some(convention), some(rank), some(raw));
            [some(section), some(&story.field), value, place, convention, rank, raw, reads_as.clone(), reason]
        };
        let (value, because) = (story.value.clone(), story.because.clone());
        lines.push(match &story.from {
            Some(finding) => of("field", value, finding, because),
            None => [some("field"), some(&story.field), value, None, None, None, None, None, because],
        });
        lines.extend(story.with.iter().map(|finding| of("with", None, finding, finding.reason.clone())));
        lines.extend(story.lost.iter().map(|finding| of("lost", None, finding, finding.reason.clone())));
    }
    for convention in &explanation.conventions {
        let state = if convention.recognised { "recognised" } else { "not recognised" };
        let (name, rank) = (some(&convention.name), some(&convention.rank));
        let found = Some(convention.found.join(", "));
        lines.push([some("convention"), None, some(state), found, name, rank, None, None, convention.missing.clone()]);
    }
    let body = &explanation.body;
    lines.push([
        some("body"),
        None,
        some(&body.outcome),
        None,
        None,
        None,
        None,
        Some(body.unwrapped.join(", ")),
        None,
    ]);
    for (section, pieces) in [("noted", &explanation.noted), ("unknown", &explanation.unknown)] {
        lines.extend(pieces.iter().map(|piece| {
            let (place, raw) = (some(&piece.place), some(&piece.raw));
            [some(section), piece.known_as.clone(), None, place, None, None, raw, None, None]
        }));
    }
    lines.extend(explanation.undecoded.iter().map(|counted| {
        let count = Some(counted.count.to_string());
        [some("undecoded"), some(&counted.reason), count, None, None, None, None, None, None]
    }));
    lines
}
