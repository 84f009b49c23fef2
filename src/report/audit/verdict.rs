//! The hops that break the trace, worst first.

use super::Audit;
use super::fixes::{Fix, Seen, Sees, candidates};
use super::groups::by_name;
use crate::report::rows::AuditRow;
use std::collections::BTreeMap;

/// Of the new traces, so many per cent shared by effects of several causes show a batch: the last of its messages, and
/// batches of one, share with nobody.
const BATCH_PERCENT: i64 = 20;

/// The same for effects of one cause: not every record has several.
const TOGETHER_PERCENT: i64 = 20;

/// Below this share of its effects a hop breaks the trace now and then: more likely one code path than the client.
const SELDOM_PERCENT: i64 = 20;

/// How the groups of a verdict are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// No other group reads the topic, or a failure names it.
    Certain,
    /// By a word that its name shares with the source or topic of the effects.
    Name,
    /// One of several that read the topic.
    Several,
    /// No group was seen.
    Unknown,
}

impl Maker {
    /// Its name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "only_reader",
            Self::Name => "name",
            Self::Several => "one_of",
            Self::Unknown => "unknown",
        }
    }
}

/// One hop that breaks the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Cluster.
    pub cluster: &'a str,
    /// Topic of the causes.
    pub from_topic: &'a str,
    /// Topic of the effects.
    pub to_topic: &'a str,
    /// Effects with a new trace though their cause has one.
    pub restarted: i64,
    /// Effects without a trace though their cause has one.
    pub lost: i64,
    /// Effects whose cause has a trace.
    pub of: i64,
    /// The groups one of which makes the hop.
    pub groups: Vec<&'a str>,
    /// How they are known.
    pub maker: Maker,
    /// What the members of the group call themselves, where it is one.
    pub clients: &'a [String],
    /// The libraries that they look like.
    pub libraries: &'a [String],
    /// What the new trace was begun for; `None` where record and sending look the same.
    pub sees: Option<Sees>,
    /// The clients that it can be, each with its fix.
    pub fixes: Vec<&'static Fix>,
    /// Coordinates of an effect that breaks the trace.
    pub sample: Option<&'a str>,
}

/// A hop over all types.
#[derive(Default)]
struct Hop<'a> {
    rows: Vec<&'a AuditRow>,
}

impl<'a> Hop<'a> {
    fn sum(&self, of: impl Fn(&AuditRow) -> Option<i64>) -> i64 {
        self.rows.iter().filter_map(|row| of(row)).fold(0, i64::saturating_add)
    }

    fn broken(&self) -> i64 {
        self.sum(|row| row.trace_restarted) + self.sum(|row| row.trace_lost)
    }

    /// The groups one of which makes the hop, and how that is known.
    fn makers(&self) -> (Vec<&'a str>, Maker) {
        let mut all: Vec<&str> = self.rows.iter().flat_map(|row| &row.consumer_groups).map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        match all.len() {
            0 => return (all, Maker::Unknown),
            1 => return (all, Maker::Certain),
            _ => {}
        }
        let sources = self.rows.iter().filter_map(|row| row.source.as_deref());
        let names: Vec<&str> = sources.chain(self.rows.iter().filter_map(|row| row.to_topic.as_deref())).collect();
        let named = by_name(&all, &names);
        match named.len() < all.len() {
            true => (named, Maker::Name),
            false => (all, Maker::Several),
        }
    }
}

/// The hops of `audit` that break the trace, those with most broken effects first.
pub fn verdicts<'a>(audit: &Audit<'a>) -> Vec<Verdict<'a>> {
    let mut hops: BTreeMap<(&str, &str, &str), Hop<'_>> = BTreeMap::new();
    for row in audit.of("hop") {
        let name = |name: &'a Option<String>| name.as_deref().unwrap_or_default();
        hops.entry((name(&row.cluster), name(&row.from_topic), name(&row.to_topic))).or_default().rows.push(row);
    }
    let mut found: Vec<Verdict<'_>> =
        hops.iter().filter(|(_, hop)| hop.broken() > 0).map(|(name, hop)| verdict(*name, hop, &hops, audit)).collect();
    found.sort_by_key(|verdict| -(verdict.restarted + verdict.lost));
    found
}

type Hops<'a> = BTreeMap<(&'a str, &'a str, &'a str), Hop<'a>>;

fn verdict<'a>(
    (cluster, from_topic, to_topic): (&'a str, &'a str, &'a str),
    hop: &Hop<'a>,
    all: &Hops<'a>,
    audit: &Audit<'a>,
) -> Verdict<'a> {
    let (groups, maker) = hop.makers();
    let one = if groups.len() == 1 { groups.first().copied() } else { None };
    // All that is seen of the same group is seen of whoever makes this hop.
    let same = |other: &&Hop<'a>| one.is_some_and(|group| other.makers().0 == [group]);
    let others: Vec<&Hop<'_>> = all.values().filter(same).collect();
    let (restarted, lost) = (hop.sum(|row| row.trace_restarted), hop.sum(|row| row.trace_lost));
    let sees = begun_by(hop, &others);
    let of_group = |row: &&AuditRow| row.consumer_groups.first().map(String::as_str) == one && one.is_some();
    let told = audit.of("group").find(of_group);
    let clients = told.map_or(&[][..], |row| &row.clients[..]);
    let libraries = told.map_or(&[][..], |row| &row.libraries[..]);
    let seen = Seen {
        sees: sees.map_or_else(|| vec![Sees::Record, Sees::Send], |sees| vec![sees]),
        appends: others.iter().any(|other| other.sum(|row| row.appended) > 0),
        clients,
        libraries,
        conventions: hop.rows.iter().filter_map(|row| row.convention.as_deref()).collect(),
    };
    Verdict {
        cluster,
        from_topic,
        to_topic,
        restarted,
        lost,
        of: hop.sum(|row| row.events) - hop.sum(|row| row.cause_untraced),
        groups,
        maker,
        clients,
        libraries,
        sees,
        fixes: candidates(&seen),
        sample: hop.rows.iter().filter(|row| row.breaks()).find_map(|row| row.sample.as_deref()),
    }
}

/// What the new traces of `hop` were begun for; `others` are the hops of the same group.
fn begun_by(hop: &Hop<'_>, others: &[&Hop<'_>]) -> Option<Sees> {
    let restarted = hop.sum(|row| row.trace_restarted);
    if hop.sum(|row| row.trace_lost) > restarted {
        return Some(Sees::None);
    }
    if hop.sum(|row| row.batched) * 100 >= restarted * BATCH_PERCENT {
        return Some(Sees::Batch);
    }
    let together = |hop: &Hop<'_>| hop.sum(|row| row.handled_together) * 100;
    let shares = |hop: &&Hop<'_>| hop.sum(|row| row.trace_restarted) > 0 && together(hop) > 0;
    if together(hop) >= restarted * TOGETHER_PERCENT || others.iter().copied().any(|hop| shares(&hop)) {
        return Some(Sees::Record);
    }
    // Of one cause it sends to several topics, and the traces differ: each was begun by the sending.
    let from = |hop: &Hop<'_>| hop.rows.first().and_then(|row| row.from_topic.clone());
    let copies = |hop: &Hop<'_>| hop.rows.iter().all(|row| row.evidence.as_deref() == Some("failure_coordinates"));
    let siblings = others.iter().filter(|other| from(other) == from(hop) && !copies(other));
    (!copies(hop) && siblings.filter(|other| other.sum(|row| row.trace_restarted) > 0).count() > 1)
        .then_some(Sees::Send)
}

impl Verdict<'_> {
    /// It breaks the trace now and then only.
    pub fn is_seldom(&self) -> bool {
        (self.restarted + self.lost) * 100 < self.of * SELDOM_PERCENT
    }
}

impl AuditRow {
    /// Whether some effects of the hop break the trace of their cause.
    pub fn breaks(&self) -> bool {
        self.trace_restarted.unwrap_or(0) + self.trace_lost.unwrap_or(0) > 0
    }
}
