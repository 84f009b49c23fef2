//! Why a record was understood as it was. The decoder itself reads the record, and what it found is asked afterwards:
//! there is no second reading that could disagree.

mod failed;
mod fields;
#[cfg(test)]
mod tests;
mod words;

use super::compiled::{Compiled, ranked};
use super::failure::Evidence;
use super::found::{Claim, Found, Spot};
use super::habit::Habits;
use super::row::{Convention, Field, Rank};
use super::schema::Schemas;
use super::scope::Scope;
use super::{Decoder, topic};
use crate::event::{
    BodyStory, ConventionStory, Envelope, Envelopes, Explanation, FailureText, Finding, HashKey, Piece, Record,
    TopicName, TopicPartition, Undecodable, Undecoded,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Headers that are listed where no convention knows them: enough for people, too few for a hostile record.
const MAX_UNKNOWN: usize = 128;

/// Reads records, and says why it read them so.
pub struct Explainer {
    decoder: Decoder,
    /// Knows the fields too that are of no use to the graph.
    full: Found,
    /// By number.
    conventions: Vec<Convention>,
}

impl Explainer {
    /// `ids` is the database's key for ids that are no UUIDs, where there is one; `house` are conventions of the user's
    /// own.
    pub fn new(ids: HashKey, house: &[Convention]) -> Self {
        // Record keys are not shown, so their secret is not needed.
        let mut decoder = Decoder::with_house(ids, HashKey([0; 16]), house);
        decoder.found.keep_notes();
        let mut full = Found::new(Compiled::in_full(house));
        full.keep_notes();
        Self { decoder, full, conventions: ranked(house) }
    }

    /// The same with schemas for bodies that need one.
    pub fn with_schemas(mut self, schemas: Option<Arc<dyn Schemas>>) -> Self {
        self.decoder = self.decoder.with_schemas(schemas.clone());
        self.full.learn(schemas);
        self
    }

    /// Decodes `record` of `partition`, and says where everything is from.
    pub fn explain(&mut self, partition: &TopicPartition, record: &Record<'_>) -> Explanation {
        // What other records were like decides nothing here: the body is read whenever it may say something.
        self.decoder.habits = Habits::default();
        let mut into = Envelopes::default();
        self.decoder.decode(partition, record, &mut into);
        let scope = self.decoder.scopes.of(&partition.topic, &self.decoder.table);
        let Some(row) = into.rows.first().copied() else { return Explanation::default() };
        let was_read = self.decoder.found.notes().is_some_and(|notes| notes.body.is_some());
        if !scope.role.is_internal() {
            let mut uncounted = [0; Undecoded::ALL.len()];
            self.full.read(record, &scope, |_| was_read, &mut uncounted);
        }
        let (unknown, unknown_more) = if scope.role.is_internal() { Default::default() } else { self.unknown(record) };
        let story = Story {
            decoder: &self.decoder,
            conventions: &self.conventions,
            record,
            partition,
            scope: &scope,
            into: &into,
            row,
        };
        Explanation {
            fields: story.fields(),
            conventions: story.conventions(),
            body: story.body(),
            noted: self.noted(&story),
            unknown,
            unknown_more,
            undecoded: undecoded(&into),
            ..story.place()
        }
    }

    /// Fields of recognised conventions that are of no use to the graph.
    fn noted(&self, story: &Story<'_>) -> Vec<Piece> {
        if story.scope.role.is_internal() {
            return Vec::new();
        }
        let recognised: HashSet<u16> = story.recognised().collect();
        let noted = self
            .full
            .all(story.record)
            .filter(|claim| claim.rule.slot == Field::Noted.slot() && recognised.contains(&claim.rule.convention));
        let piece = |claim: Claim<'_>| Piece {
            place: place(self.full.spot(&claim), story.record),
            known_as: Some(format!("{} of {}", claim.rule.label, self.full.convention(claim.rule.convention).name)),
            raw: words::raw(claim.raw.bytes),
            bytes: Some(claim.raw.bytes.len()),
        };
        noted.map(piece).collect()
    }

    /// Headers and members of the body that no row knows, and how many more there are.
    fn unknown(&mut self, record: &Record<'_>) -> (Vec<Piece>, usize) {
        let (mut unknown, mut more) = (Vec::new(), 0);
        for (order, header) in record.headers.iter().enumerate() {
            let spot = Spot::Header(order as u16);
            if self.full.knows_header(header.name) || self.full.is_condition(&spot) {
                continue;
            }
            if unknown.len() >= MAX_UNKNOWN {
                more += 1;
                continue;
            }
            unknown.push(Piece {
                place: place(Some(spot), record),
                known_as: None,
                raw: words::raw(header.value.unwrap_or_default()),
                bytes: header.value.map(<[u8]>::len),
            });
        }
        let members = self.full.notes().into_iter().flat_map(|notes| &notes.members);
        // Their values are the payload, which stays in Kafka.
        unknown.extend(members.map(|member| Piece {
            place: format!("body {}", member.path),
            known_as: None,
            raw: String::new(),
            bytes: member.bytes,
        }));
        more += self.full.notes().map_or(0, |notes| notes.members_more);
        (unknown, more)
    }
}

/// One record, decoded, with all that was found on it.
struct Story<'s> {
    decoder: &'s Decoder,
    conventions: &'s [Convention],
    record: &'s Record<'s>,
    partition: &'s TopicPartition,
    scope: &'s Scope,
    into: &'s Envelopes,
    row: Envelope,
}

impl<'s> Story<'s> {
    fn found(&self) -> &'s Found {
        &self.decoder.found
    }

    fn evidence(&self) -> Evidence<'_, 's> {
        let (found, record, scope) = (self.found(), self.record, self.scope);
        // What else lies on the partition is not known here.
        Evidence { found, record, topic: &self.partition.topic, scope, among_events: false, keeps: FailureText::Masked }
    }

    fn place(&self) -> Explanation {
        let TopicPartition { cluster, topic: name, partition, .. } = self.partition;
        let role = &self.scope.role;
        Explanation {
            coordinates: format!("{name}/{partition}/{}", self.record.offset),
            cluster: cluster.to_string(),
            topic: name.to_string(),
            partition: *partition,
            offset: self.record.offset,
            record_time: words::time(self.row.record_time),
            key_bytes: self.record.key.map(<[u8]>::len),
            value_bytes: self.record.value.map(<[u8]>::len),
            headers: self.record.headers.len(),
            topic_name: TopicName {
                class: role.by_name.as_str().to_owned(),
                pattern: topic::pattern(name).map(str::to_owned),
                with_evidence: role.with_evidence.as_str().to_owned(),
            },
            ..Explanation::default()
        }
    }

    fn recognised(&self) -> impl Iterator<Item = u16> {
        self.found().touched().filter(|(.., recognised)| *recognised).map(|(number, ..)| number)
    }

    fn conventions(&self) -> Vec<ConventionStory> {
        let mut touched: Vec<_> = self.found().touched().collect();
        touched.sort_unstable_by_key(|(number, _, recognised)| (!recognised, *number));
        let tell = |(number, bits, recognised): (u16, u64, bool)| {
            let convention = &self.conventions[number as usize];
            let off = self.scope.off.get(number as usize).copied().unwrap_or_default();
            ConventionStory {
                name: convention.name.clone(),
                rank: words::rank(convention.rank).to_owned(),
                recognised,
                found: if recognised { words::fields(bits) } else { self.found_by(number) },
                missing: (!recognised).then(|| words::missing(convention, bits, off)),
            }
        };
        touched.into_iter().map(tell).collect()
    }

    /// What a convention found that was not recognised, and where.
    fn found_by(&self, number: u16) -> Vec<String> {
        let claims = self.found().strangers(self.record).filter(|claim| claim.rule.convention == number);
        let mut found: Vec<String> = Vec::new();
        for claim in claims {
            let field = Field::ALL.get(claim.rule.slot as usize).map_or("", |field| field.name());
            let one = format!("{field} ({})", place(self.found().spot(&claim), self.record));
            if !found.contains(&one) {
                found.push(one);
            }
        }
        found
    }

    fn body(&self) -> BodyStory {
        let notes = self.found().notes();
        let read = notes.and_then(|notes| notes.body);
        let outcome = match (self.record.value, read) {
            (None, _) => "a null: a tombstone".to_owned(),
            _ if self.scope.role.is_internal() => {
                "not read: an internal record follows no convention of the business".to_owned()
            }
            (Some(body), None) => words::unread(body),
            (Some(_), Some((read, schema))) => words::read(read, schema),
        };
        let unwrapped = notes.into_iter().flat_map(|notes| &notes.unwrapped);
        BodyStory { read: read.is_some(), outcome, unwrapped: unwrapped.map(|what| (*what).to_owned()).collect() }
    }

    /// A claim as it is shown: `reads` is what it was read as, or why it was not.
    fn finding(&self, claim: &Claim<'_>, reads: Result<String, String>) -> Finding {
        let spot = self.found().spot(claim);
        let (occurrence, occurrences) = match &spot {
            Some(Spot::Header(order)) => occurrence(self.record, *order as usize),
            _ => (None, None),
        };
        let convention = &self.conventions[claim.rule.convention as usize];
        let field = Field::ALL.get(claim.rule.slot as usize);
        let (reads_as, reason) = match reads {
            Ok(value) => (Some(value), None),
            Err(why) => (None, Some(why)),
        };
        Finding {
            place: place(spot, self.record),
            occurrence,
            occurrences,
            convention: convention.name.clone(),
            rank: words::rank(convention.rank).to_owned(),
            says: field.map_or("", |field| field.name()).to_owned(),
            raw: words::raw(claim.raw.bytes),
            hex: words::hex(claim.raw.bytes),
            reads_as,
            reason,
        }
    }

    fn rank(&self, claim: &Claim<'_>) -> Rank {
        self.conventions[claim.rule.convention as usize].rank
    }

    fn name(&self, claim: &Claim<'_>) -> Arc<str> {
        self.found().convention(claim.rule.convention).name.clone()
    }
}

fn undecoded(into: &Envelopes) -> Vec<Undecodable> {
    let counted = Undecoded::ALL.iter().map(|reason| (reason, into.undecoded[*reason as usize]));
    let told = |(reason, count): (&Undecoded, u64)| Undecodable { reason: reason.as_str().to_owned(), count };
    counted.filter(|(_, count)| *count > 0).map(told).collect()
}

/// Which of the headers of its name the one of this number is, and how many there are; nothing where it is the only one.
fn occurrence(record: &Record<'_>, order: usize) -> (Option<usize>, Option<usize>) {
    let Some(header) = record.headers.get(order) else { return (None, None) };
    let same = |other: &&crate::event::Header<'_>| other.name.eq_ignore_ascii_case(header.name);
    let before = record.headers[..order].iter().filter(same).count();
    let all = before + record.headers[order..].iter().filter(same).count();
    if all > 1 { (Some(before + 1), Some(all)) } else { (None, None) }
}

fn place(spot: Option<Spot>, record: &Record<'_>) -> String {
    match spot {
        Some(Spot::Header(order)) => {
            let name = record.headers.get(order as usize).map_or(&[][..], |header| header.name);
            format!("header {}", words::raw(name))
        }
        Some(Spot::Body(path)) => format!("body {path}"),
        Some(Spot::KeyField(number)) => format!("key field {number}"),
        None => "somewhere".to_owned(),
    }
}
