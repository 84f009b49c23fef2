//! How well causes are concluded where records name none: half of the flows hide theirs.

use super::run::{KEY, merge};
use super::{SLICE, part};
use crate::support::generator::{self, Batch, Declared, Made, Preset, Reader, Source, Trace};
use crate::{Goal, Options, Row};
use headwater::causality::Resolver;
use headwater::event::{Changes, EventRef, Evidence};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Share of flows whose records do not name their cause.
const HIDDEN: f64 = 0.5;
/// Events that are held in memory with their truth, at most.
const MOST_EVENTS: u64 = 4_000_000;
/// Records of a flow that is not a large one: nine in ten are no larger.
const SMALL: u64 = 25;
/// Share of concluded edges that are right: a conclusion that is wrong costs more than one that is missing.
const PRECISION: f64 = 0.98;
/// Share of the causes that carry the same trace as their effect.
const RECALL: f64 = 0.90;

/// Measures conclusions on each preset, beside the nearest earlier record of the trace.
pub fn measure(options: &Options) -> Vec<Row> {
    let events = (options.events as u64).min(MOST_EVENTS);
    let presets = options.preset.map_or(Preset::ALL.to_vec(), |preset| vec![preset]);
    let mut rows = Vec::new();
    for preset in presets {
        let hide = options.hide.unwrap_or(HIDDEN);
        let stream = generator::Options { hide, ..generator::Options::new(preset, options.seed, events) };
        let said = part("inference", &stream);
        for (name, prefix, goals) in [
            ("inferred", "", [Goal::AtLeast(PRECISION), Goal::AtLeast(RECALL)]),
            ("nearest", "nearest_", [Goal::None, Goal::None]),
        ] {
            rows.extend(rows_of(name, (&said, prefix), preset, goals));
        }
    }
    rows
}

fn rows_of(name: &'static str, (said, prefix): (&Value, &str), preset: Preset, goals: [Goal; 2]) -> Vec<Row> {
    let value = |name: &str| said[format!("{prefix}{name}")].as_f64().unwrap_or(f64::INFINITY);
    let mut precision = Row::new(name, value("precision"), "precis.", goals[0]);
    precision.more = vec![("preset", json!(preset.as_str()))];
    let known = |name: &'static str| {
        let value = &said[format!("{prefix}{name}")];
        let rounded = value.as_f64().filter(|_| value.is_f64()).map(|share| json!((share * 1e4).round() / 1e4));
        (name, rounded.unwrap_or_else(|| value.clone()))
    };
    precision.more.extend(["concluded", "wrong", "another_copy", "without_cause"].map(known));
    if prefix.is_empty() {
        let left = ["ambiguous", "ambiguous_share", "ambiguous_holding_it", "ambiguous_likeliest_right"];
        precision.more.extend(left.map(known));
    }
    let mut recall = Row::new(name, value("recall"), "recall", goals[1]);
    recall.more = vec![("preset", json!(preset.as_str())), known("recall_of_all"), known("recall_in_small_flows")];
    recall.more.extend(["traced", "caused"].map(|name| (name, said[name].clone())));
    vec![precision, recall]
}

/// The resolver's conclusions and the baseline's on one stream.
pub fn run(options: generator::Options) -> Value {
    let mut source = Source::new(options);
    let (mut batch, mut reader) = (Batch::default(), Reader::default());
    let mut resolver = Resolver::new(KEY);
    let mut all = Vec::new();
    let mut concluded: HashMap<EventRef, Vec<(f32, EventRef)>> = HashMap::new();
    let mut declared: HashMap<EventRef, EventRef> = HashMap::new();
    let mut note = |changes: &Changes| {
        for row in changes.edges() {
            match row.evidence {
                Evidence::TraceOrder => concluded.entry(row.effect).or_default().push((row.confidence, row.cause)),
                _ => _ = declared.insert(row.effect, row.cause),
            }
        }
    };
    while source.fill(&mut batch, SLICE) {
        let mut changes = Changes::default();
        reader.read(&mut resolver, (&batch, source.stream()), &mut changes);
        resolver.commit(&mut changes);
        note(&changes);
        all.append(&mut batch.records);
    }
    let mut changes = Changes::default();
    resolver.end_of_input(&mut changes);
    resolver.commit(&mut changes);
    note(&changes);
    // An edge that the record itself declares, late though it may be, is no conclusion.
    concluded.retain(|effect, _| !declared.contains_key(effect));
    let concluded: HashMap<EventRef, Vec<EventRef>> = concluded.into_iter().map(strongest_first).collect();
    let mut said = Tally::of(&all, |made| concluded.get(&made.reference).cloned().unwrap_or_default()).say("");
    let nearest = nearest(&all);
    merge(
        &mut said,
        Tally::of(&all, |made| nearest.get(&made.reference).copied().into_iter().collect()).say("nearest_"),
    );
    said
}

/// The causes that are left for one effect, each once, the likeliest first.
fn strongest_first((effect, mut rows): (EventRef, Vec<(f32, EventRef)>)) -> (EventRef, Vec<EventRef>) {
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut causes: Vec<EventRef> = Vec::new();
    for (_, cause) in rows {
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    (effect, causes)
}

/// For each record that names no cause, the one before it in its trace.
fn nearest(all: &[Made]) -> HashMap<EventRef, EventRef> {
    let mut traces: HashMap<(u64, u64), Vec<&Made>> = HashMap::new();
    for made in all {
        if let Trace::Context(context) = made.trace {
            traces.entry((context.trace_hi, context.trace_lo)).or_default().push(made);
        }
    }
    let mut nearest = HashMap::new();
    for records in traces.values_mut() {
        records.sort_by_key(|made| (made.record_time, made.reference));
        let silent = records.windows(2).filter(|pair| matches!(pair[1].declared, Declared::Nothing(_)));
        nearest.extend(silent.map(|pair| (pair[1].reference, pair[0].reference)));
    }
    nearest
}

#[derive(Debug, Default)]
struct Tally {
    /// Records with a true cause that they do not name.
    caused: u64,
    /// … whose cause carries the same trace.
    traced: u64,
    right: u64,
    right_traced: u64,
    wrong: u64,
    /// Records for which several causes are left.
    ambiguous: u64,
    /// … of which one is right, or the likeliest.
    holding: u64,
    likeliest: u64,
    /// As above, in flows of up to [`SMALL`] records.
    traced_small: u64,
    right_small: u64,
    /// Wrong ones of records that nothing caused.
    without_cause: u64,
    /// Wrong ones that lead to another copy of the true cause.
    another_copy: u64,
}

impl Tally {
    fn of(all: &[Made], concluded: impl Fn(&Made) -> Vec<EventRef>) -> Self {
        let mut tally = Self::default();
        let mut sizes: HashMap<u64, u64> = HashMap::new();
        all.iter().for_each(|made| *sizes.entry(made.flow).or_default() += 1);
        let copies = all.iter().filter(|made| made.original.is_some());
        let firsts: HashMap<EventRef, EventRef> = copies.map(|made| (made.reference, made.first)).collect();
        for made in all.iter().filter(|made| matches!(made.declared, Declared::Nothing(_))) {
            let traced = made.cause.is_some() && made.same_trace;
            tally.caused += u64::from(made.cause.is_some());
            tally.traced += u64::from(traced);
            let small = traced && sizes[&made.flow] <= SMALL;
            tally.traced_small += u64::from(small);
            let is_right = |cause: &EventRef| [made.cause, made.cause_first, made.also].contains(&Some(*cause));
            let left = concluded(made);
            match left[..] {
                [] => {}
                [cause] if is_right(&cause) => {
                    tally.right += 1;
                    tally.right_small += u64::from(small);
                    tally.right_traced += u64::from(traced);
                }
                [cause] => {
                    tally.wrong += 1;
                    tally.another_copy +=
                        u64::from(made.cause.is_some() && made.cause_first == firsts.get(&cause).copied());
                    tally.without_cause += u64::from(made.cause.is_none());
                }
                [likeliest, ..] => {
                    tally.ambiguous += 1;
                    tally.likeliest += u64::from(is_right(&likeliest));
                    tally.holding += u64::from(left.iter().any(is_right));
                }
            }
        }
        tally
    }

    fn say(&self, prefix: &str) -> Value {
        let concluded = self.right + self.wrong;
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let figures = [
            ("precision", json!(share(self.right, concluded))),
            ("recall", json!(share(self.right_traced, self.traced))),
            ("recall_of_all", json!(share(self.right, self.caused))),
            ("concluded", json!(concluded)),
            ("wrong", json!(self.wrong)),
            ("without_cause", json!(self.without_cause)),
            ("another_copy", json!(self.another_copy)),
            ("ambiguous", json!(self.ambiguous)),
            ("recall_in_small_flows", json!(share(self.right_small, self.traced_small))),
            ("ambiguous_holding_it", json!(share(self.holding, self.ambiguous))),
            ("ambiguous_likeliest_right", json!(share(self.likeliest, self.ambiguous))),
            ("ambiguous_share", json!(share(self.ambiguous, concluded + self.ambiguous))),
        ];
        let mut said: serde_json::Map<_, _> =
            figures.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect();
        said.insert("traced".to_owned(), json!(self.traced));
        said.insert("caused".to_owned(), json!(self.caused));
        Value::Object(said)
    }
}
