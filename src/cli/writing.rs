//! `tap` and `import`: what fills a database.

use super::args;
use super::{Usage, output, stop};
use crate::client::run_file::{self, RunFile, Secret};
use crate::config::{self, PrivacyWords, RetentionWords, TapConfig, Words};
use crate::event::clean;
use crate::tap::{self, ImportConfig, ImportSummary, Users};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// What was typed for a tap, and what the environment says.
pub(super) fn words(args: args::Tap) -> Words {
    let list = |text: Option<String>| text.map(|text| vec![text]);
    let mut kafka = config::kafka_variables(variables());
    // Behind the environment: the last word wins.
    kafka.extend(config::registry_url(&args.registry));
    kafka.extend(args.rack.map(|rack| ("client.rack".to_owned(), crate::event::Secret::new(rack))));
    Words {
        cluster: args.cluster,
        brokers: list(args.brokers),
        db: args.db,
        from: args.from,
        topics: args.topics,
        exclude: args.exclude,
        groups: list(args.groups),
        groups_log: args.groups_log,
        max_read: args.max_read,
        client: args.client,
        serve: args.serve,
        serve_tls_cert: args.serve_tls_cert,
        serve_tls_key: args.serve_tls_key,
        metrics: args.metrics,
        sample_interval: args.sample_interval,
        commit_interval: args.commit_interval,
        otlp: args.otlp,
        telemetry: args.telemetry,
        client_properties: args.client_properties,
        kafka,
        business_flows: Vec::new(),
        not_attending: Vec::new(),
        lag: config::LagWords::default(),
        conventions: Vec::new(),
        retention: RetentionWords::default(),
        privacy: PrivacyWords { failure_text: args.failure_text, ..PrivacyWords::default() },
        memory: args.memory,
    }
}

/// `headwater tap`: runs until a signal.
pub(super) fn tap(args: args::Tap) -> anyhow::Result<ExitCode> {
    let file = args.config.clone();
    let resolved = config::tap(words(args), file.as_deref())?;
    say_defaults(&resolved.defaults);
    for remark in &resolved.remarks {
        output::note(&format!("headwater: {}", clean(remark)));
    }
    let config = resolved.config;
    let database = config.db.clone();
    check_exposure(&config)?;
    let clusters = std::iter::once(&config).chain(&config.also);
    let named: Vec<String> = clusters.map(|one| format!("{} at {}", one.cluster, one.brokers.join(","))).collect();
    let reading = format!("tapping {}", named.join(" and "));
    let stop = stop::flag()?;
    let result = tap::run(config, &stop, |running| {
        output::note(&format!("headwater: {reading} into {}", database.display()));
        output::note(&format!("headwater: {}", running.outlook));
        if let Some(url) = &running.url {
            output::note(&format!("headwater: ask it at {url}, or with `headwater failures`; stop it with Ctrl-C"));
            announce(url, running.own_password(), &database);
        }
        for remark in &running.remarks {
            output::note(&format!("headwater: {remark}"));
        }
    });
    // Nothing answers any more, however it ended; a file that stays behind is noticed by the next reader.
    let _ = run_file::remove(&database, std::process::id());
    let left = result?;
    if left > 0 {
        output::note(&format!(
            "headwater: {left} entries wait in the outbox for the collector; the next start sends them"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The environment, as far as it is text.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.into_string().ok();
    std::env::vars_os().filter_map(move |(name, value)| Some((text(name)?, text(value)?)))
}

/// A door that other machines can reach needs users; said before anything is connected.
fn check_exposure(config: &TapConfig) -> anyhow::Result<()> {
    let Some(address) = config.serve.filter(|address| !address.ip().is_loopback()) else { return Ok(()) };
    if Users::beside(&config.db).names()?.is_empty() {
        return Err(Usage(format!(
            "--serve {address} can be reached from other machines, and there are no users; add one with `headwater user \
             add NAME`, or use 127.0.0.1 or [::1]"
        ))
        .into());
    }
    Ok(())
}

/// Says where the running tap can be asked. The tap works without, so a folder without rights is only worth a note.
fn announce(url: &str, password: Option<&str>, database: &Path) {
    let database = std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
    let password = password.map(|password| Secret(password.to_owned()));
    let run = RunFile { url: url.to_owned(), password, pid: std::process::id(), database };
    if let Err(error) = run_file::write(&run) {
        output::note(&format!(
            "headwater: cannot write {} ({error}); name the tap with --connect {url}",
            run_file::NAME
        ));
    }
}

fn say_defaults(defaults: &[(&'static str, String)]) {
    for (name, value) in defaults {
        output::note(&format!("headwater: default {name} = {value}"));
    }
}

/// `headwater import`: captures into a database.
pub(super) fn import(args: args::Import) -> anyhow::Result<ExitCode> {
    let mut registry = config::kafka_variables(variables());
    registry.extend(config::registry_url(&args.registry));
    let privacy = PrivacyWords { failure_text: args.failure_text, ..PrivacyWords::default() };
    let resolved = config::import(args.cluster, args.db, (args.config.as_deref(), privacy), registry)?;
    say_defaults(&resolved.defaults);
    let config::ImportTarget {
        cluster,
        db,
        business_flows,
        lag_value,
        not_attending,
        conventions,
        registry,
        memory,
        failure_text,
    } = resolved.config;
    let database = db.display().to_string();
    let conventions = tap::conventions(&conventions)?;
    let wanted = ImportConfig {
        cluster,
        db,
        business_flows,
        lag_value,
        not_attending,
        conventions,
        registry,
        memory,
        failure_text,
    };
    let summary = tap::import(&wanted, &args.files)?;
    for unread in &summary.unread {
        output::note(&format!("headwater: import: {}", clean(&unread.to_string())));
    }
    let unread = summary.unread_count;
    if unread > summary.unread.len() as u64 {
        output::note(&format!("headwater: import: … and {} more unread lines", unread - summary.unread.len() as u64));
    }
    output::print(&if args.json { import_json(&summary) } else { import_text(&summary, &database) })?;
    if unread > 0 {
        output::error(&format!("import: {unread} lines were not read; correct them and import again, nothing doubles"));
        return Ok(ExitCode::from(super::FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

fn import_json(summary: &ImportSummary) -> String {
    let unread: Vec<String> = summary.unread.iter().map(ToString::to_string).collect();
    crate::report::json::document(&json!({
        "lines": summary.lines,
        "records": summary.records,
        "internal": summary.internal,
        "commits": summary.commits,
        "aborts_known": summary.aborts_known,
        "unread": summary.unread_count,
        "unread_lines": unread,
    }))
}

fn import_text(summary: &ImportSummary, database: &str) -> String {
    let aborts = match summary.aborts_known {
        true => "",
        false => "\n  the captures hold no transaction markers: aborted records cannot be told from others",
    };
    format!(
        "imported {} records and {} committed offsets from {} lines; {} lines not read\n  \
         {} records of Kafka's own topics were read for what they tell{aborts}\n  \
         next   headwater failures --db {database}\n",
        summary.records, summary.commits, summary.lines, summary.unread_count, summary.internal
    )
}
