//! `headwater explain ID`: why a record was understood as it was.

use super::args::{self, Values};
use super::source::Source;
use super::{Usage, output, writing};
use crate::client::find::{self, FindError, Found};
use crate::client::{query, trace};
use crate::config::{self, ConfigError, TapConfig, Words};
use crate::event::{Coordinates, Explanation, Secret, clean};
use crate::report::explanation::{self, Verdict};
use crate::report::rows::{Match, PassageRow, TraceEdge, TraceFailure, TraceNode};
use crate::report::text::{self, Look};
use crate::report::{Cell, Table, json};
use crate::tap::{self, Wanted};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Explains the one record that the id means; several are listed.
pub(super) fn run(args: args::Explain) -> anyhow::Result<ExitCode> {
    if args.id.trim().is_empty() {
        return Err(Usage(FindError::Empty.to_string()).into());
    }
    let config = config(&args.looking)?;
    if let Some(file) = &args.capture {
        return captured(&args, file, config.as_ref());
    }
    let at = Coordinates::parse(&args.id);
    let source = match Source::open(&args.reading.source) {
        Ok(source) => Some(source),
        // A record on a cluster needs no database; one that was named must be there.
        Err(_) if at.is_some() && config.is_some() && !args.names_source() => None,
        Err(error) => return Err(error),
    };
    let Some(source) = source else {
        return match (&config, &at) {
            (Some(config), Some(at)) => live(&args, config, at),
            _ => Err(Usage("name the record as topic/partition/offset".to_owned()).into()),
        };
    };
    stored(&args, &source, (config.as_ref(), at.as_ref()))
}

impl args::Explain {
    fn names_source(&self) -> bool {
        self.reading.source.connect.is_some() || self.reading.source.db.is_some()
    }

    fn finish(&self, mut explanation: Explanation) -> Explanation {
        if self.looking.values == Values::None {
            explanation.hide_values();
        }
        explanation
    }
}

/// The cluster and the conventions that are configured; `None` where no brokers are named.
pub(super) fn config(args: &args::Looking) -> anyhow::Result<Option<TapConfig>> {
    let words = Words {
        cluster: args.cluster.clone(),
        brokers: args.brokers.clone().map(|list| vec![list]),
        client_properties: args.client_properties.clone(),
        kafka: settings(args),
        ..Words::default()
    };
    match config::tap(words, args.config.as_deref()) {
        Ok(resolved) => Ok(Some(resolved.config)),
        Err(ConfigError::NoBrokers) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Settings of the cluster and of its schema registry, as the environment and what was typed say them.
fn settings(args: &args::Looking) -> Vec<(String, Secret)> {
    let mut settings = config::kafka_variables(writing::variables());
    settings.extend(config::registry_url(&args.registry));
    settings
}

/// A record that no database was asked about.
fn live(args: &args::Explain, config: &TapConfig, at: &Coordinates) -> anyhow::Result<ExitCode> {
    let explanation = args.finish(tap::explain_live(config, None, at)?);
    show(args, &explanation, ("read live from Kafka", None))
}

fn show(
    args: &args::Explain,
    explanation: &Explanation,
    (source, verdict): (&str, Option<(Verdict, Value)>),
) -> anyhow::Result<ExitCode> {
    let style = output::style();
    output::print(&match args.reading.json {
        true => {
            let (words, said) = (source, verdict.map(|(_, said)| said));
            json::document(&json!({ "source": words, "explanation": explanation, "verdict": said }))
        }
        false => {
            let said = verdict.map(|(verdict, _)| explanation::verdict(&verdict, &style)).unwrap_or_default();
            explanation::render(explanation, source, &style) + &said
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The records of the capture `file` that are wanted.
pub(super) fn in_capture(
    looking: &args::Looking,
    file: &Path,
    (config, wanted): (Option<&TapConfig>, &Wanted),
) -> anyhow::Result<tap::Captured> {
    let (sections, registry) = match config {
        Some(config) => (config.conventions.clone(), config.registry.clone()),
        None => {
            let config = config::import(
                None,
                None,
                (looking.config.as_deref(), config::PrivacyWords::default()),
                settings(looking),
            )?
            .config;
            (config.conventions, config.registry)
        }
    };
    let house = tap::conventions(&sections)?;
    let cluster = looking.cluster.as_deref().unwrap_or(config::DEFAULT_CLUSTER);
    tap::explain_captured(file, (cluster, wanted), (&house, &registry))
}

fn captured(args: &args::Explain, file: &Path, config: Option<&TapConfig>) -> anyhow::Result<ExitCode> {
    let wanted = match (args.id.strip_prefix("key:"), Coordinates::parse(&args.id)) {
        (Some(key), _) => Wanted::Key(find::key_bytes(key)),
        (None, Some(at)) => Wanted::At(at),
        (None, None) => Wanted::Id(find::trace_of(&args.id).unwrap_or_else(|| args.id.trim().to_owned())),
    };
    let found = in_capture(&args.looking, file, (config, &wanted))?;
    if found.unread > 0 {
        output::note(&format!("headwater: {} lines of {} could not be read", found.unread, file.display()));
    }
    let name = format!("from the capture {}", file.display());
    match found.explanations.as_slice() {
        [] => {
            output::error(&format!(
                "explain: no record of {} carries `{}`; is the file the right one? `headwater import` reads all of it",
                file.display(),
                clean(&args.id)
            ));
            Ok(ExitCode::from(super::FAILED))
        }
        [one] => show(args, &args.finish(one.clone()), (&name, None)),
        several => {
            let listed = several.iter().map(|one| args.finish(one.clone())).collect::<Vec<_>>();
            list(args, &listed, found.more)
        }
    }
}

/// Several records carry the id: all of them, and nothing is guessed.
fn list(args: &args::Explain, several: &[Explanation], more: u64) -> anyhow::Result<ExitCode> {
    if args.reading.json {
        output::print(&json::document(&json!({ "matches": several, "more": more })))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = format!("`{}` is carried by {} records:\n\n", clean(&args.id), several.len() as u64 + more);
    for one in several {
        let value = |name| one.field(name).and_then(|story| story.value.clone()).unwrap_or_else(|| "-".to_owned());
        let text = format!("  {}  {}  {}  {}\n", one.record_time, one.coordinates, value("kind"), value("type"));
        out.push_str(&clean(text.trim_end()));
        out.push('\n');
    }
    if more > 0 {
        out.push_str(&format!("  … and {more} more\n"));
    }
    out.push_str("\n  next   headwater explain topic/partition/offset --capture FILE\n");
    output::print(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// A record that a database may know.
fn stored(
    args: &args::Explain,
    source: &Source,
    (config, at): (Option<&TapConfig>, Option<&Coordinates>),
) -> anyhow::Result<ExitCode> {
    let secret = || source.secret();
    let found = find::all(find::Place { client: &source.client, secret: &secret }, &args.id)?;
    for note in &found.notes {
        output::note(&format!("headwater: {note}"));
    }
    match (found.matches.as_slice(), at) {
        ([], Some(at)) if config.is_some() || !source.file => {
            output::note("headwater: the database holds no such event: what follows is the record alone");
            let explanation = args.finish(look(args, source, (config, at))?);
            show(args, &explanation, (from(config), None))
        }
        ([], _) => {
            let (_, coverage) = source.coverage()?;
            let why = find::why_not(&source.client, &args.id, &coverage)?;
            let sentence = format!("headwater: explain: no event `{}` was found", args.id);
            output::note(text::nothing(&sentence, &why, &coverage).trim_end());
            Ok(ExitCode::from(super::FAILED))
        }
        ([one], _) => explained(args, source, (config, one)),
        _ => several(args, source, &found),
    }
}

fn several(args: &args::Explain, source: &Source, found: &Found) -> anyhow::Result<ExitCode> {
    let look = Look { style: &output::style(), now: output::now(), reach: &source.reach };
    output::print(&match args.reading.json {
        true => json::document(&json!({ "matches": found.json })),
        false => text::matches(&args.id, &found.matches, &look).replace("headwater trace ", "headwater explain "),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn from(config: Option<&TapConfig>) -> &'static str {
    if config.is_some() { "read live from Kafka" } else { "read live from Kafka by the running tap" }
}

/// Reads and explains the record: from the cluster, else through the door of the tap.
fn look(
    args: &args::Explain,
    source: &Source,
    (config, at): (Option<&TapConfig>, &Coordinates),
) -> anyhow::Result<Explanation> {
    if let Some(config) = config {
        let ids = find::id_key(&source.client).ok();
        return tap::explain_live(config, ids, at);
    }
    let values = args.looking.values == Values::Some;
    Ok(serde_json::from_str(&find::live_explanation(&source.client, at, values)?)?)
}

fn explained(
    args: &args::Explain,
    source: &Source,
    (config, one): (Option<&TapConfig>, &Match),
) -> anyhow::Result<ExitCode> {
    let said = verdict(source, one.reference)?;
    let at = Coordinates::parse(&one.coordinates);
    let looked = match at {
        Some(at) if config.is_some() || !source.file => {
            let cluster = said.as_ref().map(|(verdict, _)| verdict.event.cluster.clone());
            // The name that the cluster has in the database need not be the one that was typed.
            let cluster = cluster.filter(|_| config.is_none());
            match look(args, source, (config, &Coordinates { cluster, ..at })) {
                Ok(explanation) => Some(args.finish(explanation)),
                Err(error) => {
                    output::note(&format!(
                        "headwater: the record itself was not read: {}",
                        clean(&format!("{error:#}"))
                    ));
                    None
                }
            }
        }
        _ => None,
    };
    match looked {
        Some(explanation) => show(args, &explanation, (from(config), said)),
        None => row(args, source, (one, said)),
    }
}

/// What was decoded then, without the record.
fn row(
    args: &args::Explain,
    source: &Source,
    (one, said): (&Match, Option<(Verdict, Value)>),
) -> anyhow::Result<ExitCode> {
    let table = source.client.ask(&query::EVENT_OF, &[Cell::Int(one.reference)])?;
    let event = json::rows(&table).into_iter().next().unwrap_or(Value::Null);
    if args.reading.json {
        let said = said.map(|(_, said)| said);
        let words = "the database alone";
        output::print(&json::document(&json!({ "source": words, "event": event, "verdict": said })))?;
        return Ok(ExitCode::SUCCESS);
    }
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let value = |name: &String| event.get(name).filter(|value| !value.is_null()).map(plain);
    let names = table.columns.iter().map(|column| column.name.clone());
    let columns: Vec<_> = names.filter_map(|name| value(&name).map(|value| (name, value))).collect();
    let style = output::style();
    let said = said.map(|(verdict, _)| explanation::verdict(&verdict, &style)).unwrap_or_default();
    output::print(&(explanation::stored(&one.coordinates, &columns, &style) + &said))?;
    Ok(ExitCode::SUCCESS)
}

/// What the database says of the event, as rows and as JSON.
pub(super) fn verdict(source: &Source, reference: i64) -> anyhow::Result<Option<(Verdict, Value)>> {
    let client = &source.client;
    let scope = trace::scope(client, reference)?;
    let (tables, _) = trace::fetch(client, &scope, &[reference])?;
    let nodes = TraceNode::from_table(&tables.nodes)?;
    let events = nodes.len() + tables.summed.as_ref().map_or(0, |summed| summed.events);
    let Some(event) = nodes.iter().find(|node| node.reference == reference).cloned() else { return Ok(None) };
    let node = |of: i64| nodes.iter().find(|node| node.reference == of).cloned();
    let edges = TraceEdge::from_table(&tables.edges)?.into_iter().filter(|edge| edge.effect == reference);
    let causes: Vec<_> = edges.map(|edge| (node(edge.cause), edge)).map(|(cause, edge)| (edge, cause)).collect();
    let failure = TraceFailure::from_table(&tables.failures)?.into_iter().find(|one| one.reference == reference);
    let passages = client.ask(&query::PASSAGES_OF, &[Cell::Text(reference.to_string())])?;
    let said = json!({
        "event": only(&tables.nodes, "ref", reference),
        "causes": only(&tables.edges, "effect", reference),
        "failures": only(&tables.failures, "ref", reference),
        "passage": json::rows(&passages),
        "conversation_events": events,
    });
    let passage = PassageRow::from_table(&passages)?;
    Ok(Some((Verdict { event, causes, failure, passage, conversation_events: events }, said)))
}

/// The rows of `table` that name the event in `column`.
fn only(table: &Table, column: &str, reference: i64) -> Vec<Value> {
    let Some(at) = table.columns.iter().position(|one| one.name == column) else { return Vec::new() };
    let names = |row: &&Vec<Cell>| row.get(at) == Some(&Cell::Int(reference));
    let rows = table.rows.iter().filter(names).cloned().collect();
    json::rows(&Table { columns: table.columns.clone(), rows })
}
