//! `headwater prove REF`: the certificate of a verdict, checked against the bytes.

use super::args;
use super::source::Source;
use super::{Usage, explain, output};
use crate::client::find::{self, FindError, Found};
use crate::client::{proof, query};
use crate::config::TapConfig;
use crate::event::{Coordinates, Explanation, Timestamp, clean};
use crate::report::certificate::{self, Case, Certificate, Checked, Witness};
use crate::report::rows::{BarrierEnd, Match};
use crate::report::text::{self, Look};
use crate::report::{Cell, Table, json};
use crate::tap::{self, Wanted};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Causes whose records are read again: an event has one or few.
const CAUSES_MAX: usize = 12;

/// Proves the one record that the id means; several are listed.
pub(super) fn run(args: &args::Prove) -> anyhow::Result<ExitCode> {
    if args.id.trim().is_empty() {
        return Err(Usage(FindError::Empty.to_string()).into());
    }
    let source = Source::open(&args.reading.source)?;
    let config = explain::config(&args.looking)?;
    let secret = || source.secret();
    let found = find::all(find::Place { client: &source.client, secret: &secret }, &args.id)?;
    for note in &found.notes {
        output::note(&format!("headwater: {note}"));
    }
    match found.matches.as_slice() {
        [] => nothing(args, &source),
        [one] => {
            let prover = Prover { args, source: &source, config: config.as_ref() };
            prover.prove(one)
        }
        _ => several(args, &source, &found),
    }
}

fn nothing(args: &args::Prove, source: &Source) -> anyhow::Result<ExitCode> {
    let (_, coverage) = source.coverage()?;
    let why = find::why_not(&source.client, &args.id, &coverage)?;
    let sentence = format!("headwater: prove: no event `{}` was found", args.id);
    output::note(text::nothing(&sentence, &why, &coverage).trim_end());
    Ok(ExitCode::from(super::FAILED))
}

fn several(args: &args::Prove, source: &Source, found: &Found) -> anyhow::Result<ExitCode> {
    let look = Look { style: &output::style(), now: output::now(), reach: &source.reach };
    output::print(&match args.reading.json {
        true => json::document(&json!({ "matches": found.json })),
        false => text::matches(&args.id, &found.matches, &look).replace("headwater trace ", "headwater prove "),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Where verdicts and bytes are from.
struct Prover<'a> {
    args: &'a args::Prove,
    source: &'a Source,
    config: Option<&'a TapConfig>,
}

impl Prover<'_> {
    fn prove(&self, one: &Match) -> anyhow::Result<ExitCode> {
        let client = &self.source.client;
        let Some((verdict, said)) = explain::verdict(self.source, one.reference)? else {
            return nothing(self.args, self.source);
        };
        let (own, seen) = self.witness(one.reference)?;
        let mut causes = Vec::new();
        for (edge, _) in verdict.causes.iter().take(CAUSES_MAX) {
            causes.push(self.witness(edge.cause)?.0);
        }
        let healed = verdict.failure.as_ref().and_then(|failure| failure.healed_by);
        let healed_by = healed.map(|by| self.witness(by)).transpose()?.map(|(witness, _)| witness);
        let barrier = client.ask(&proof::BARRIER, &[Cell::Int(one.reference)])?;
        let lost = matches!(verdict.event.resolution.as_str(), "orphaned" | "waiting");
        let found_since = if lost { self.found_since(one.reference, &own)? } else { Vec::new() };
        let barrier = BarrierEnd::from_table(&barrier)?;
        let case = Case { verdict, own, causes, healed_by, found_since, barrier, seen };
        let certificate = Certificate::of(&case, &self.from());
        output::print(&match self.args.reading.json {
            true => json::document(&json!({ "certificate": certificate, "verdict": said })),
            false => certificate::render(&certificate, &self.source.reach, &output::style()),
        })?;
        Ok(match certificate.checked {
            Checked::NotConfirmed => ExitCode::from(super::FAILED),
            Checked::Confirmed | Checked::NotChecked => ExitCode::SUCCESS,
        })
    }

    /// Where the bytes are from, in words.
    fn from(&self) -> String {
        match (&self.args.capture, self.config) {
            (Some(file), _) => format!("bytes from the capture {}", file.display()),
            (None, Some(_)) => "bytes read again from Kafka".to_owned(),
            (None, None) if self.source.file => "the database alone: no bytes were read again".to_owned(),
            (None, None) => "bytes read again from Kafka by the running tap".to_owned(),
        }
    }

    /// The record under `reference`, as it lies there and as the database keeps it; and when it was read.
    fn witness(&self, reference: i64) -> anyhow::Result<(Witness, Option<Timestamp>)> {
        let client = &self.source.client;
        let event = client.ask(&query::EVENT_OF, &[Cell::Int(reference)])?;
        let mut at = place(&client.ask(&query::PLACE_OF, &[Cell::Int(reference)])?);
        let coordinates = at
            .as_ref()
            .map_or_else(|| format!("ref {reference}"), |at| format!("{}/{}/{}", at.topic, at.partition, at.offset));
        // The name that the cluster has in the database need not be the one that was typed.
        if let (Some(at), true) = (at.as_mut(), self.config.is_some() || self.args.capture.is_some()) {
            at.cluster = None;
        }
        let (explanation, hindrance) = match at.map(|at| self.look(&at)).transpose() {
            Ok(looked) => (looked.flatten(), None),
            Err(error) => (None, Some(clean(&format!("{error:#}")))),
        };
        let seen = event.columns.iter().position(|column| column.name == "seen_time");
        let seen = seen.and_then(|at| match event.rows.first()?.get(at)? {
            Cell::Time(us) => Some(Timestamp(*us)),
            _ => None,
        });
        Ok((Witness { coordinates, explanation, hindrance, stored: stored(&event) }, seen))
    }

    /// Reads and decodes a record again; `None` where nothing can be asked for it.
    fn look(&self, at: &Coordinates) -> anyhow::Result<Option<Explanation>> {
        let hide = |mut explanation: Explanation| {
            if self.args.looking.values == args::Values::None {
                explanation.hide_values();
            }
            explanation
        };
        if let Some(file) = &self.args.capture {
            let found = explain::in_capture(&self.args.looking, file, (self.config, &Wanted::At(at.clone())))?;
            let Some(one) = found.explanations.into_iter().next() else {
                anyhow::bail!("{} holds no record {at}", file.display());
            };
            return Ok(Some(hide(one)));
        }
        if let Some(config) = self.config {
            let ids = find::id_key(&self.source.client).ok();
            return Ok(Some(hide(tap::explain_live(config, ids, at)?)));
        }
        if self.source.file {
            return Ok(None);
        }
        let values = self.args.looking.values == args::Values::Some;
        Ok(Some(serde_json::from_str(&find::live_explanation(&self.source.client, at, values)?)?))
    }

    /// Other events that carry the id which the record names as its cause.
    fn found_since(&self, reference: i64, own: &Witness) -> anyhow::Result<Vec<String>> {
        let Some(named) = own.named_cause() else { return Ok(Vec::new()) };
        let place = find::Place { client: &self.source.client, secret: &|| self.source.secret() };
        let found = find::all(place, named)?;
        let others = found.matches.iter().zip(&found.json);
        let is_it = |one: &Match| one.matched == "id" && one.reference != reference;
        Ok(others
            .filter(|(one, _)| is_it(one) && !is_copy(&one.kind))
            .map(|(one, _)| one.coordinates.clone())
            .collect())
    }
}

/// Copies do not answer for the id that they carry.
fn is_copy(kind: &str) -> bool {
    matches!(kind, "retry" | "dead_letter" | "forward" | "fault")
}

fn place(table: &Table) -> Option<Coordinates> {
    match table.rows.first()?.as_slice() {
        [Cell::Text(cluster), Cell::Text(topic), Cell::Int(partition), Cell::Int(offset)] => Some(Coordinates {
            cluster: Some(cluster.clone()),
            topic: topic.clone(),
            partition: i32::try_from(*partition).ok()?,
            offset: *offset,
        }),
        _ => None,
    }
}

/// The columns of an event that are not NULL, as text.
fn stored(event: &Table) -> BTreeMap<String, String> {
    let Some(Value::Object(row)) = json::rows(event).into_iter().next() else { return BTreeMap::new() };
    let text = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    row.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}
