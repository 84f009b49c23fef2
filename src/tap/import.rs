//! Captures through the same pipeline as a cluster's records.

use super::clock;
use super::commit_log::{COMMIT_LOG, logged};
use super::gather::Gather;
use super::pipeline::{self, COMMITS_WAITING, Input, Pipeline, READS_WAITING};
use super::recalling::recall;
use super::seeking::{CapturedValues, Records, Seeker};
use super::watch::Watch;
use super::{Core, secret, spawn};
use crate::capture::{self, Line, Unread};
use crate::causality::Memory;
use crate::decode::{self, Convention, Decoder};
use crate::event::{
    BusinessFlow, Changes, ClientProperties, Envelopes, FailureText, GapReason, GroupSample, HashKey, LogEnds,
    LoggedCommit, Producer, Record, Segment, Timestamp, TopicClass, TopicPartition,
};
use crate::otlp::Progress;
use crate::store;
use crate::telemetry::{Counters, Pulse};
use anyhow::Context;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

/// Rows of one read: enough to keep the core busy, few enough to stay in the cache.
const READ_ROWS: usize = 4_096;
/// Imports commit by rows, not by time; this only bounds how long a slow input stays unwritten.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// One import.
#[derive(Debug, Clone)]
pub struct ImportConfig {
    /// The database file; made when it is not there.
    pub db: PathBuf,
    /// Name of the cluster that the captures came from.
    pub cluster: String,
    /// What the business counts; none leaves what the database has.
    pub business_flows: Vec<BusinessFlow>,
    /// The attribute that is summed up over what waits for a group; none leaves what the database has.
    pub lag_value: Option<String>,
    /// Patterns of groups that look and do nothing; none leaves what the database has.
    pub not_attending: Vec<String>,
    /// The user's own conventions.
    pub conventions: Vec<Convention>,
    /// Which schema registry is asked, and as whom; nothing when there is none.
    pub registry: ClientProperties,
    /// Bytes for the search of causes.
    pub memory: u64,
    /// How much of the words of errors is kept.
    pub failure_text: FailureText,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct ImportSummary {
    /// Lines read.
    pub lines: u64,
    /// Records taken in.
    pub records: u64,
    /// Records of Kafka's own topics: read for what they tell, not stored as events.
    pub internal: u64,
    /// Committed offsets, from lines and from records of `__consumer_offsets`.
    pub commits: u64,
    /// Records of aborted transactions and transaction markers; none of both means that aborts are unknown.
    pub aborts_known: bool,
    /// Lines that could not be read; the list is bounded, the count is not.
    pub unread: Vec<Unread>,
    /// Number of lines that could not be read.
    pub unread_count: u64,
}

/// Reads `files` into the database of `config`.
pub fn import(config: &ImportConfig, files: &[PathBuf]) -> anyhow::Result<ImportSummary> {
    // A name that was mistyped makes no database.
    for path in files {
        std::fs::metadata(path).with_context(|| format!("find the capture {}; check the path", path.display()))?;
    }
    let counters = Arc::new(Counters::default());
    let schemas = super::schemas(&config.registry, &counters)?;
    let keys = secret::secret(&config.db)?;
    let (mut writer, restored) = store::Writer::open(&config.db, store::Settings::default())?;
    if !config.business_flows.is_empty() {
        writer.configure(&config.business_flows)?;
    }
    if config.lag_value.is_some() {
        writer.sum_up(config.lag_value.as_deref())?;
    }
    if !config.not_attending.is_empty() {
        writer.leave_out(&config.not_attending)?;
    }
    let ids = restored.id_key;
    let decoder = Decoder::with_house(ids, keys, &config.conventions).with_schemas(schemas);
    let decoder = decoder.with_failure_text(config.failure_text);
    let mut core = Core::resume_within(Memory::new(config.memory), &writer, restored, false)?;
    core.keep_words(config.failure_text);
    core.leave_out(&config.not_attending);
    let (to_core, inputs) = sync_channel(READS_WAITING);
    let (commits, to_write) = sync_channel(COMMITS_WAITING);
    let pulse = Arc::new(Pulse::new(clock::instant()));
    let counted = counters.clone();
    let pipeline = Pipeline {
        core,
        inputs,
        commits,
        samplers: Vec::new(),
        gather: Gather::default(),
        counters,
        pulse: pulse.clone(),
        progress: Progress::default(),
        commit_interval: COMMIT_INTERVAL,
        seeks: false,
        watch: Watch::default(),
    };
    let writer = spawn("writer", move || pipeline::write(writer, to_write, &pulse, None))?;
    let core = spawn("core", move || pipeline.run())?;
    let mut importing = Importing::new((decoder, ids), config.cluster.as_str().into(), (counted, to_core));
    let read = files.iter().try_for_each(|file| importing.file(file));
    let (summary, values) = importing.finish();
    let core = super::join(core, "core")?;
    let written = super::join(writer, "writer")?.and_then(|writer| {
        let last = seek(core, &writer, (values, ids));
        pipeline::close(writer, last)
    });
    written.context("write to the database; what was committed before is intact")?;
    read?;
    Ok(summary)
}

/// Looks up causes that left memory, and seeks the origins of failures that name none.
fn seek(mut core: Core, writer: &store::Writer, (values, ids): (CapturedValues, HashKey)) -> Changes {
    let mut seeker = Seeker::new(writer.readers(), Records::Captured(values), ids, Arc::default());
    loop {
        let lost = core.take_lost();
        if let Some(found) = recall(&writer.readers(), &AtomicBool::new(false), &lost).filter(|_| !lost.is_empty()) {
            core.recalled(&found);
            continue;
        }
        let bare = core.take_bare();
        if bare.is_empty() {
            core.end_of_search();
            return core.commit(clock::now(), std::iter::empty());
        }
        for sought in bare.iter().filter_map(|failure| seeker.seek(failure)) {
            core.sought(&sought);
        }
    }
}

struct Importing {
    decoder: Decoder,
    hash: HashKey,
    values: CapturedValues,
    cluster: Arc<str>,
    partitions: HashMap<(Arc<str>, i32), Arc<TopicPartition>>,
    read: Box<Envelopes>,
    to_core: SyncSender<Input>,
    counters: Arc<Counters>,
    ends: HashMap<Arc<TopicPartition>, LogEnds>,
    last: Timestamp,
    summary: ImportSummary,
}

impl Importing {
    fn new(
        (decoder, hash): (Decoder, HashKey),
        cluster: Arc<str>,
        (counters, to_core): (Arc<Counters>, SyncSender<Input>),
    ) -> Self {
        Self {
            decoder,
            hash,
            values: CapturedValues::default(),
            cluster,
            partitions: HashMap::new(),
            read: Box::default(),
            to_core,
            counters,
            ends: HashMap::new(),
            last: Timestamp::default(),
            summary: ImportSummary::default(),
        }
    }

    fn file(&mut self, path: &PathBuf) -> anyhow::Result<()> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("open the capture {name}; check the path"))?;
        let read = capture::read(&name, BufReader::with_capacity(1 << 20, file), &mut |line| self.line(line))?;
        self.summary.lines += read.lines;
        self.summary.unread_count += read.unread;
        self.summary.unread.extend(read.unread_lines);
        self.summary.aborts_known |= read.knows_aborts;
        Ok(())
    }

    fn line(&mut self, line: Line<'_>) {
        match line {
            Line::Record(captured) if captured.topic == COMMIT_LOG => {
                self.summary.internal += 1;
                if captured.aborted != Some(true)
                    && let Some(mut told) =
                        logged(&self.cluster, &captured.record, &self.counters, &mut self.read.clients)
                {
                    if told.at < Timestamp::default() {
                        told.at = self.last();
                    }
                    self.commit(told);
                }
            }
            Line::Record(captured) if decode::class(captured.topic) == TopicClass::Internal => {
                self.summary.internal += 1;
            }
            Line::Record(captured) => {
                self.summary.records += 1;
                let partition = self.partition(captured.topic, captured.partition);
                self.seen(captured.seen);
                self.record(partition, captured.producer, &captured.record, captured.aborted == Some(true));
            }
            Line::Marker { producer, topic, partition, offset, .. } => {
                let partition = self.partition(topic, partition);
                self.after_commits();
                self.segment(partition, producer, offset, (0, GapReason::Control));
            }
            Line::Commit { commit, at } => {
                let at = at.unwrap_or_else(|| self.last());
                self.commit(LoggedCommit { cluster: self.cluster.clone(), at, commit });
            }
            Line::End { topic, partition, start, end, at } => {
                self.last = self.last.max(at.unwrap_or_default());
                let partition = self.partition(topic, partition);
                self.ends.insert(partition.clone(), LogEnds { partition, start, end, stable: end, leader: -1 });
            }
        }
    }

    fn partition(&mut self, topic: &str, partition: i32) -> Arc<TopicPartition> {
        if let Some(known) = self.partitions.get(&(topic.into(), partition)) {
            return known.clone();
        }
        let topic: Arc<str> = topic.into();
        let new = TopicPartition { cluster: self.cluster.clone(), topic: topic.clone(), topic_id: [0; 16], partition };
        self.partitions.entry((topic, partition)).or_insert(Arc::new(new)).clone()
    }

    /// One read has one time: records that were seen at another begin the next.
    fn seen(&mut self, seen: Timestamp) {
        self.after_commits();
        if self.read.seen != seen || self.read.rows.len() >= READ_ROWS {
            self.flush();
            self.read.seen = seen;
            self.last = self.last.max(seen);
        }
    }

    /// What comes after a commit is read after it: a read holds its records first.
    fn after_commits(&mut self) {
        if !self.read.commits.is_empty() {
            let seen = self.read.seen;
            self.flush();
            self.read.seen = seen;
        }
    }

    /// The time of the last line; now, where no line has a time.
    fn last(&self) -> Timestamp {
        if self.last == Timestamp::default() { clock::now() } else { self.last }
    }

    fn flush(&mut self) {
        if !self.read.is_empty() {
            // A core that is gone has a writer that failed, which is told when both are joined.
            let _ = self.to_core.send(Input::Read(std::mem::take(&mut self.read), None));
        }
    }

    fn record(
        &mut self,
        partition: Arc<TopicPartition>,
        producer: Option<Producer>,
        record: &Record<'_>,
        aborted: bool,
    ) {
        if aborted {
            return self.segment(partition, producer, record.offset, (0, GapReason::Aborted));
        }
        self.decoder.decode(&partition, record, &mut self.read);
        self.values.keep(&partition, record.offset, self.hash.hash(record.value.unwrap_or_default()));
        self.segment(partition, producer, record.offset, (1, GapReason::CompactedOrTransactional));
    }

    /// Adds one offset with `rows` rows, to the last run where it follows it.
    fn segment(
        &mut self,
        partition: Arc<TopicPartition>,
        producer: Option<Producer>,
        offset: i64,
        (rows, missing): (u32, GapReason),
    ) {
        let end = self.read.rows.len() as u32;
        if let Some(last) = self.read.segments.last_mut()
            && last.partition == partition
            && last.producer == producer
            && last.covers.end == offset
            && last.missing == missing
        {
            last.covers.end = offset + 1;
            last.rows.end = end;
            return;
        }
        let covers = offset..offset + 1;
        self.read.segments.push(Segment { partition, producer, covers, rows: end - rows..end, missing });
    }

    fn commit(&mut self, commit: LoggedCommit) {
        self.summary.commits += 1;
        self.last = self.last.max(commit.at);
        self.read.commits.push(commit);
        if self.read.commits.len() >= READ_ROWS {
            self.after_commits();
        }
    }

    fn finish(mut self) -> (ImportSummary, CapturedValues) {
        self.flush();
        let (at, cluster) = (self.last(), self.cluster.clone());
        let ends = self.ends.into_values().collect();
        let sample = GroupSample { at, cluster, ends, log_read_to: Some(at), ..GroupSample::default() };
        for input in [Input::Groups(sample), Input::End] {
            let _ = self.to_core.send(input);
        }
        (self.summary, self.values)
    }
}
