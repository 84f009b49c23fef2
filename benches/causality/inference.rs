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
    let known = ["concluded", "wrong", "ambiguous", "ambiguous_share", "without_cause"];
    let known = known.into_iter().map(|name| (name, said[format!("{prefix}{name}")].clone()));
    precision.more.extend(known.filter(|(_, value)| !value.is_null()));
    let mut recall = Row::new(name, value("recall"), "recall", goals[1]);
    recall.more = vec![("preset", json!(preset.as_str())), ("of_all_causes", json!(value("recall_of_all")))];
    recall.more.extend(["traced", "caused"].map(|name| (name, said[name].clone())));
    vec![precision, recall]
}

/// The resolver's conclusions and the baseline's on one stream.
pub fn run(options: generator::Options) -> Value {
    let mut source = Source::new(options);
    let (mut batch, mut reader) = (Batch::default(), Reader::default());
    let mut resolver = Resolver::new(KEY);
    let mut all = Vec::new();
    let mut concluded: HashMap<EventRef, Vec<EventRef>> = HashMap::new();
    let mut declared: HashMap<EventRef, EventRef> = HashMap::new();
    let mut note = |changes: &Changes| {
        for row in changes.edges() {
            match row.evidence {
                Evidence::TraceOrder => concluded.entry(row.effect).or_default().push(row.cause),
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
    for causes in concluded.values_mut() {
        causes.sort_unstable();
        causes.dedup();
    }
    let mut said = Tally::of(&all, |made| concluded.get(&made.reference).cloned().unwrap_or_default()).say("");
    let nearest = nearest(&all);
    merge(
        &mut said,
        Tally::of(&all, |made| nearest.get(&made.reference).copied().into_iter().collect()).say("nearest_"),
    );
    said
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
    /// Wrong ones of records that nothing caused.
    without_cause: u64,
}

impl Tally {
    fn of(all: &[Made], concluded: impl Fn(&Made) -> Vec<EventRef>) -> Self {
        let mut tally = Self::default();
        for made in all.iter().filter(|made| matches!(made.declared, Declared::Nothing(_))) {
            let traced = made.cause.is_some() && made.same_trace;
            tally.caused += u64::from(made.cause.is_some());
            tally.traced += u64::from(traced);
            match concluded(made)[..] {
                [] => {}
                [cause] if [made.cause, made.cause_first, made.also].contains(&Some(cause)) => {
                    tally.right += 1;
                    tally.right_traced += u64::from(traced);
                }
                [_] => {
                    tally.wrong += 1;
                    tally.without_cause += u64::from(made.cause.is_none());
                }
                _ => tally.ambiguous += 1,
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
            ("ambiguous", json!(self.ambiguous)),
            ("ambiguous_share", json!(share(self.ambiguous, concluded + self.ambiguous))),
        ];
        let mut said: serde_json::Map<_, _> =
            figures.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect();
        said.insert("traced".to_owned(), json!(self.traced));
        said.insert("caused".to_owned(), json!(self.caused));
        Value::Object(said)
    }
}
