//! The command line as clap reads it.

mod audit;
mod explain;
mod failures;
mod import;
mod lag;
mod trace;

pub(super) use audit::{Audit, AuditFormat};
pub(super) use explain::{Explain, Looking, Prove, Values};
pub(super) use failures::{Failures, Format as FailureFormat};
pub(super) use import::Import;
pub(super) use lag::Lag;
pub(super) use trace::{Trace, TraceFormat};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(
    name = "headwater",
    version,
    about = "A passive tap for Apache Kafka: trace any failure in your event streams back to its source",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
struct Typed {
    #[command(subcommand)]
    command: Command,
}

/// What to do. The first line of each is its row in `headwater --help`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// a simulated company on an in-process Kafka, tapped live: the terminal UI on a terminal, then a printed report
    Demo(Demo),
    /// the daemon: reads every topic of a cluster, changes nothing, and answers at its door
    Tap(Box<Tap>),
    /// doctor: can the tap reach the brokers, which rights are missing, how much is read, what will not be seen
    Check(Box<Check>),
    /// terminal UI: overview, failures, traces and consumers of a running tap, a closed file or a recording
    Top(Top),
    /// one conversation: causes up to the root, effects down, failures, who has not passed it yet
    Trace(Trace),
    /// grouped by signature, with the events that they come from
    Failures(Failures),
    /// groups behind, in records, time and waiting work; with a GROUP its partitions and the events that wait
    Lag(Lag),
    /// where propagation breaks: which hop loses the trace, which group makes it, and what to fix
    Audit(Audit),
    /// received / passed / failed over a window: text, markdown, html, json, csv
    Report(Report),
    /// read-only SQL (--format table|json|ndjson|csv)
    Sql(Sql),
    /// replay NDJSON captures (kcat -J and the extended form) into a database, no cluster needed
    Import(Import),
    /// export the Grafana dashboards, data source and alert rules
    Dashboards(Dashboards),
    /// why: each field of one record, from where, by which convention, what lost to it, what was not understood
    Explain(Explain),
    /// the certificate of a verdict: which bytes of which records say so, and the barrier where no cause is there
    Prove(Prove),
    /// who may ask at the door: add, list, remove
    User(User),
    /// a whole copy of the database, of a running tap too, while it goes on
    Backup(Backup),
    /// the views of a closed file as Parquet, one file a view
    Export(ExportViews),
    /// remove all that a closed file knows of the records of a key (key:VALUE)
    Erase(Erase),
}

impl Command {
    /// The word that was typed for it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Demo(_) => "demo",
            Self::Tap(_) => "tap",
            Self::Check(_) => "check",
            Self::Top(_) => "top",
            Self::Trace(_) => "trace",
            Self::Explain(_) => "explain",
            Self::Prove(_) => "prove",
            Self::Failures(_) => "failures",
            Self::Lag(_) => "lag",
            Self::Audit(_) => "audit",
            Self::Report(_) => "report",
            Self::Sql(_) => "sql",
            Self::User(_) => "user",
            Self::Import(_) => "import",
            Self::Dashboards(_) => "dashboards",
            Self::Backup(_) => "backup",
            Self::Export(_) => "export",
            Self::Erase(_) => "erase",
        }
    }
}

/// Where answers come from. With neither, the running tap that `headwater.run` names, else the default door.
#[derive(Debug, Default, Args)]
pub(super) struct Source {
    /// ask a running tap at this door [env: HEADWATER_CONNECT] [default: postgres://127.0.0.1:5439/headwater]
    #[arg(long, value_name = "URL")]
    pub connect: Option<String>,
    /// open a closed database file instead [env: HEADWATER_DB]
    #[arg(long, value_name = "FILE", conflicts_with = "connect")]
    pub db: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Reading {
    #[command(flatten)]
    pub source: Source,
    /// print JSON; field names are the view columns
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Looks {
    Dark,
    Light,
    Contrast,
}

#[derive(Debug, Args)]
pub(super) struct Top {
    #[command(flatten)]
    pub source: Source,
    /// write everything that happens on the screen, keys and answers, to a new file
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// show a recording, without any tap
    #[arg(long, value_name = "FILE", conflicts_with_all = ["connect", "db"])]
    pub replay: Option<PathBuf>,
    /// colours for a dark or a light terminal, or few and strong ones; NO_COLOR takes them away
    #[arg(long, value_enum, default_value = "dark")]
    pub theme: Looks,
    /// draw with plain ASCII
    #[arg(long)]
    pub ascii: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    Text,
    Markdown,
    Html,
    Json,
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct Report {
    /// begin of the window: a duration ago (24h, 7d), a day (2026-01-31) or a time (2026-01-31T08:00:00Z), UTC
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    pub since: String,
    /// end of the window [default: now]
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// only this business flow
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,
    /// how it is written down [default: by the ending of --output, else text]
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,
    /// write it to this file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct Sql {
    /// one SELECT over the views: event, cause, failure, progress, topic, coverage, …; `-` reads it from stdin
    #[arg(value_name = "QUERY")]
    pub query: String,
    /// columns for people, one array, one object a line, or RFC 4180 with a header
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// folder for the copy; made if it is not there. Of a running tap: a folder on its machine
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Args)]
pub(super) struct ExportViews {
    /// folder to write into; made if it is not there
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub of: Database,
    /// only this view; may be given several times [default: all views]
    #[arg(long = "view", value_name = "NAME")]
    pub views: Vec<String>,
    /// only events seen since a duration ago (24h), a day or a time, their causes and attributes, failures and minutes
    /// since then; views without a time are written whole
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// only what was before
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// the record key, as key:VALUE
    #[arg(value_name = "key:VALUE")]
    pub key: String,
    #[command(flatten)]
    pub of: Database,
    /// list what would go, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// do not ask
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Tap {
    /// bootstrap addresses
    #[arg(long, value_name = "HOST:PORT,…", env = "HEADWATER_BROKERS", hide_env_values = true)]
    pub brokers: Option<String>,
    /// settings of an existing client, Java's or librdkafka's: addresses, TLS, SASL. HEADWATER_KAFKA_SSL_CA_LOCATION and
    /// so on give single ones
    #[arg(long, value_name = "FILE", env = "HEADWATER_CLIENT_PROPERTIES", hide_env_values = true)]
    pub client_properties: Option<PathBuf>,
    /// name of the cluster in every row [default: kafka]
    #[arg(long, value_name = "NAME", env = "HEADWATER_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,
    /// configuration file [default: headwater.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "HEADWATER_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// database to write [default: headwater.duckdb]
    #[arg(long, value_name = "FILE", env = "HEADWATER_DB", hide_env_values = true)]
    pub db: Option<PathBuf>,
    /// where reading begins: earliest, latest, a time, or a duration ago such as 15m [default: 1h]
    #[arg(long, value_name = "WHEN", env = "HEADWATER_FROM", hide_env_values = true)]
    pub from: Option<String>,
    /// topics to read; the pattern matches whole names [default: all that are not internal]
    #[arg(long, value_name = "REGEX", env = "HEADWATER_TOPICS", hide_env_values = true)]
    pub topics: Option<String>,
    /// topics to leave out
    #[arg(long, value_name = "REGEX", env = "HEADWATER_EXCLUDE", hide_env_values = true)]
    pub exclude: Option<String>,
    /// groups to sample where the cluster cannot list them
    #[arg(long, value_name = "A,B,…", env = "HEADWATER_GROUPS", hide_env_values = true)]
    pub groups: Option<String>,
    /// read every commit from Kafka's own log of them, where it may be read: auto or never [default: auto]
    #[arg(long, value_name = "HOW", env = "HEADWATER_GROUPS_LOG", hide_env_values = true)]
    pub groups_log: Option<String>,
    /// read no faster than so many bytes a second, such as 20M [default: no cap]
    #[arg(long, value_name = "BYTES", env = "HEADWATER_MAX_READ", hide_env_values = true)]
    pub max_read: Option<String>,
    /// memory for the search of causes, such as 4GiB: how far back they are found without asking the database [default: 1GiB]
    #[arg(long, value_name = "BYTES", env = "HEADWATER_MEMORY", hide_env_values = true)]
    pub memory: Option<String>,
    /// the words of errors that are kept: none, masked (without what looks like a secret) or full [default: masked]
    #[arg(long, value_name = "HOW", env = "HEADWATER_FAILURE_TEXT", hide_env_values = true)]
    pub failure_text: Option<String>,
    /// what reads the records: native, or librdkafka for brokers that the native reader cannot read [default: native]
    #[arg(long, value_name = "NAME", env = "HEADWATER_CLIENT", hide_env_values = true)]
    pub client: Option<String>,
    /// where the tap stands, as the brokers' broker.rack says it: followers there are read, not leaders elsewhere
    #[arg(long, value_name = "RACK", env = "HEADWATER_RACK", hide_env_values = true)]
    pub rack: Option<String>,
    /// schema registry of Avro and Protobuf bodies; several addresses of one with commas. HEADWATER_REGISTRY_USER_INFO,
    /// _TOKEN and _CA say the rest
    #[arg(long, value_name = "URL", value_delimiter = ',', env = "HEADWATER_REGISTRY", hide_env_values = true)]
    pub registry: Vec<String>,
    /// address of the door, or off; other than loopback needs users [default: 127.0.0.1:5439]
    #[arg(long, value_name = "ADDR", env = "HEADWATER_SERVE", hide_env_values = true)]
    pub serve: Option<String>,
    /// certificates of an encrypted door, PEM
    #[arg(long, value_name = "FILE", env = "HEADWATER_SERVE_TLS_CERT", hide_env_values = true)]
    pub serve_tls_cert: Option<PathBuf>,
    /// key of the first certificate, PEM
    #[arg(long, value_name = "FILE", env = "HEADWATER_SERVE_TLS_KEY", hide_env_values = true)]
    pub serve_tls_key: Option<PathBuf>,
    /// address of /metrics and /healthz, or off [default: 127.0.0.1:9439]
    #[arg(long, value_name = "ADDR", env = "HEADWATER_METRICS", hide_env_values = true)]
    pub metrics: Option<String>,
    /// time between two samples of groups and log ends [default: 5s]
    #[arg(long, value_name = "TIME", env = "HEADWATER_SAMPLE_INTERVAL", hide_env_values = true)]
    pub sample_interval: Option<String>,
    /// time between two commits [default: 1s]
    #[arg(long, value_name = "TIME", env = "HEADWATER_COMMIT_INTERVAL", hide_env_values = true)]
    pub commit_interval: Option<String>,
    /// tell events, passes and failures as spans to this OTLP collector (gRPC), such as http://127.0.0.1:4317
    #[arg(long, value_name = "URL", env = "HEADWATER_OTLP", hide_env_values = true)]
    pub otlp: Option<String>,
    /// send the tap's own counters to this OTLP collector (gRPC)
    #[arg(long, value_name = "URL", env = "HEADWATER_TELEMETRY", hide_env_values = true)]
    pub telemetry: Option<String>,
}

/// The words of a tap: what is checked is what would run.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub tap: Tap,
    /// print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct User {
    #[command(subcommand)]
    pub what: UserCommand,
}

/// What to do with a user. A tap that runs takes notice at the next login.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// a new user; the password is read from stdin, or asked for on a terminal
    Add {
        /// letters, digits, `.`, `_`, `-` or `@`
        #[arg(value_name = "NAME")]
        name: String,
        /// make a password and print it, once
        #[arg(long)]
        generate: bool,
        #[command(flatten)]
        of: Database,
    },
    /// names of all users
    List {
        #[command(flatten)]
        of: Database,
        /// print JSON
        #[arg(long)]
        json: bool,
    },
    /// no more logins; sessions that are open stay open
    Remove {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        of: Database,
    },
}

#[derive(Debug, Args)]
pub(super) struct Database {
    /// the database [default: headwater.duckdb]
    #[arg(long, value_name = "FILE", env = "HEADWATER_DB", hide_env_values = true)]
    pub db: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// end after this time and print the report; without a terminal 20s
    #[arg(long = "for", value_name = "TIME")]
    pub duration: Option<String>,
    /// repeat the schedule and the ids of a run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// leave the database here
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
    /// run until a signal, and print the door's URL
    #[arg(long)]
    pub serve: bool,
    /// run the company on a real cluster; one that has topics is refused
    #[arg(long, value_name = "HOST:PORT,…")]
    pub brokers: Option<String>,
    /// tell events, passes and failures as spans to this OTLP collector (gRPC), such as http://127.0.0.1:4317
    #[arg(long, value_name = "URL")]
    pub otlp: Option<String>,
    /// a self-refreshing summary on a terminal, instead of the terminal UI
    #[arg(long)]
    pub no_top: bool,
    /// print the verdict as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(super) struct Dashboards {
    #[command(subcommand)]
    pub command: DashboardsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum DashboardsCommand {
    /// write three dashboards, and the provisioning of data source, dashboards and two alert rules
    Export(Export),
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// folder to write into; made if it is not there
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// overwrite files that were changed
    #[arg(long)]
    pub force: bool,
}

/// Reads what was typed; help, version and refusals come as errors that know how to print themselves.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let matches = command().try_get_matches_from(args)?;
    Ok(Typed::from_arg_matches(&matches)?.command)
}

/// The whole command line, with an overview that reads as one table.
pub(super) fn command() -> clap::Command {
    let command = Typed::command();
    let overview = overview(&command);
    command.override_help(overview)
}

fn overview(command: &clap::Command) -> String {
    let mut out = String::new();
    if let Some(about) = command.get_about() {
        let _ = writeln!(out, "{about}\n");
    }
    for sub in command.get_subcommands() {
        let values: String = sub.get_positionals().map(|arg| format!(" {}", value_name(arg))).collect();
        let name = format!("{}{values}", sub.get_name());
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, "  headwater {name:<12} {about}");
    }
    out.push_str(
        "\n`headwater COMMAND --help` lists the options of a command.\n\
         Reading commands ask a running tap (--connect URL), or open a closed file (--db FILE); --json on all of them.\n\
         Configuration: flag > HEADWATER_* > headwater.toml > default. Exit codes: 0 fine, 1 failed, 2 wrong usage.\n",
    );
    out
}

fn value_name(arg: &clap::Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let name = names.first().map(ToString::to_string).unwrap_or_default();
    let many = arg.get_num_args().is_some_and(|n| n.max_values() > 1);
    match (many, arg.is_required_set()) {
        (true, _) => format!("{name}…"),
        (false, true) => name,
        (false, false) => format!("[{name}]"),
    }
}
