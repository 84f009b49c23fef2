//! What kind of record this is, and what it says about a failure.

use super::error_text::error_text;
use super::found::{Claim, Found};
use super::row::{Encoding, Failure, Field};
use super::scope::Scope;
use super::text::{Raw, field, number};
use crate::event::{FailureKind, FailureNotice, FailureText, Kind, Origin, Record, TopicClass, Undecoded, clean, clip};
use std::borrow::Cow;

/// Longest topic name that Kafka allows.
const MAX_TOPIC_BYTES: usize = 249;

/// Bytes of a group or error class that are kept.
const MAX_NAME_BYTES: usize = 256;

/// Bytes of a text in which is sought what a convention calls the mark before or behind its words, and that are taken out
/// of Base64: a power of four.
const MAX_READ_BYTES: usize = 64 * 1024;

/// A record as its failure fields are read.
pub struct Evidence<'r, 'a> {
    /// What the table found.
    pub found: &'r Found,
    /// The record.
    pub record: &'r Record<'a>,
    /// Name of its topic.
    pub topic: &'r str,
    /// What that name says, and which conventions count on it.
    pub scope: &'r Scope,
    /// Whether its partition holds ordinary events too.
    pub among_events: bool,
    /// How much of its error's words is kept.
    pub keeps: FailureText,
}

/// Why a record is a failure, or is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The topic is one of Kafka's or a framework's own.
    Internal,
    /// No convention of failures was recognised.
    NoFailure,
    /// The same, and the topic is for failures by its name.
    TopicName,
    /// It reports a failure and is no copy of the record that failed.
    Reports,
    /// The record that failed lies on the same topic.
    LeftOver,
    /// The record that failed lies on another topic.
    LiesElsewhere,
    /// The same, and its partition holds ordinary events too: headers may be copies of old ones.
    AmongEvents,
    /// It does not say which record failed.
    WithoutOrigin,
}

impl Evidence<'_, '_> {
    /// The kind of the record, and the notice of a retry or dead letter.
    pub fn judge(&self, undecoded: &mut [u64]) -> (Kind, Option<FailureNotice>) {
        let role = self.scope.role;
        if role.is_internal() {
            return (Kind::Internal, None);
        }
        let by_name = kind_of(role.by_name);
        let Some(failure) = self.found.failure() else {
            return (by_name.map_or(Kind::Event, record_kind), by_name.map(empty));
        };
        let (topic, origin) = self.origin(undecoded);
        let (kind, _) = self.weigh(failure, topic.as_deref());
        match kind {
            None => (Kind::Event, None),
            Some(kind) => {
                let origin_topic = if origin.is_some() { None } else { topic };
                (record_kind(kind), Some(self.notice(empty(kind), (origin_topic, origin), undecoded)))
            }
        }
    }

    /// What a convention of failures makes of the record whose origin lies on `topic`, and why.
    fn weigh(&self, failure: Failure, topic: Option<&str>) -> (Option<FailureKind>, Why) {
        let role = self.scope.role;
        match topic {
            // A report of a failure is no copy of the record that failed: where it lies says nothing.
            _ if failure == Failure::Fault => (Some(FailureKind::Fault), Why::Reports),
            // On the topic that failed, such headers are left over from a redrive: an ordinary delivery, except on a
            // topic that is for failures by its own name.
            Some(topic) if topic == self.topic => (kind_of(role.by_name), Why::LeftOver),
            // Stream processors and careless producers copy the headers of their input on to their output, old failures
            // included. A topic for failures holds nothing else.
            Some(_) if self.among_events && failure == Failure::ByTopic => {
                (kind_of(role.with_evidence), Why::AmongEvents)
            }
            Some(_) => (Some(self.kind(failure)), Why::LiesElsewhere),
            // Without coordinates, headers may have been copied on to a later event.
            None => (kind_of(role.with_evidence), Why::WithoutOrigin),
        }
    }

    /// The record that failed, where it lies on this record's own topic and this one is no failure: it was given to its
    /// readers again.
    pub fn given_again(&self) -> Option<Origin> {
        let role = self.scope.role;
        let failure = self.found.failure().filter(|failure| *failure != Failure::Fault)?;
        if role.is_internal() || kind_of(role.by_name).is_some() {
            return None;
        }
        let (topic, origin) = self.origin(&mut [0; Undecoded::ALL.len()]);
        let left_over = self.weigh(failure, topic.as_deref()).1 == Why::LeftOver;
        origin.filter(|_| left_over)
    }

    /// Why the record is a failure, or is none.
    pub fn why(&self) -> Why {
        let role = self.scope.role;
        if role.is_internal() {
            return Why::Internal;
        }
        let Some(failure) = self.found.failure() else {
            return if kind_of(role.by_name).is_some() { Why::TopicName } else { Why::NoFailure };
        };
        let (topic, _) = self.origin(&mut [0; Undecoded::ALL.len()]);
        self.weigh(failure, topic.as_deref()).1
    }

    fn kind(&self, failure: Failure) -> FailureKind {
        match (failure, kind_of(self.scope.role.with_evidence)) {
            (Failure::DeadLetter, _) => FailureKind::DeadLetter,
            (_, Some(kind)) => kind,
            (Failure::Retry, None) => FailureKind::Retry,
            // A topic of any name: who counts attempts will try again more often than give up.
            _ if self.found.has(Field::Attempts) => FailureKind::Retry,
            _ => FailureKind::DeadLetter,
        }
    }

    /// Topic and, where they can be read, coordinates of the record that failed first: all of one convention.
    fn origin(&self, undecoded: &mut [u64]) -> (Option<String>, Option<Origin>) {
        let malformed = Undecoded::MalformedCoordinates as usize;
        for claim in self.claims(Field::OriginTopic, None) {
            let Some(topic) = topic_name(&claim) else {
                undecoded[malformed] += 1;
                continue;
            };
            let of = Some(claim.rule.convention);
            let part = |field| self.claims(field, of).next().map(|claim| number(claim.raw));
            let (partition, offset) = (part(Field::OriginPartition), part(Field::OriginOffset));
            let (Some(partition), Some(offset)) = (partition, offset) else { return (Some(topic), None) };
            let partition = partition.and_then(|partition| i32::try_from(partition).ok());
            let origin = match (partition, offset) {
                (Some(partition @ 0..), Some(offset @ 0..)) => Some(Origin { topic: topic.clone(), partition, offset }),
                _ => {
                    undecoded[malformed] += 1;
                    None
                }
            };
            return (Some(topic), origin);
        }
        (None, None)
    }

    fn claims(&self, field: Field, of: Option<u16>) -> impl Iterator<Item = Claim<'_>> {
        self.found.claims(field, of, self.record)
    }

    fn notice(
        &self,
        notice: FailureNotice,
        (origin_topic, origin): (Option<String>, Option<Origin>),
        undecoded: &mut [u64],
    ) -> FailureNotice {
        let named = origin.as_ref().map(|origin| origin.topic.as_str()).or(origin_topic.as_deref());
        let group = self.text(Field::Group, MAX_NAME_BYTES, undecoded).or_else(|| self.group_in_topic(named?));
        let error_class = self.text(Field::ErrorClass, MAX_NAME_BYTES, undecoded).map(|class| clean(&class));
        FailureNotice {
            group,
            attempt: self.attempts(),
            doubtful: error_class.as_deref().is_some_and(|class| self.is_doubtful(class)),
            error_class,
            error_message: self.message(undecoded),
            origin_topic,
            origin,
            ..notice
        }
    }

    /// Spring Cloud Stream names its dead-letter topics `error.<destination>.<group>` and has no header for the group.
    fn group_in_topic(&self, origin: &str) -> Option<String> {
        let group = self.topic.strip_prefix("error.")?.strip_prefix(origin)?.strip_prefix('.')?;
        (!group.is_empty()).then(|| group.to_owned())
    }

    /// Whether the convention is known to name the wrong record when the error is of this class.
    fn is_doubtful(&self, class: &str) -> bool {
        let of_topic = self.claims(Field::OriginTopic, None).next();
        let doubt = of_topic.and_then(|claim| self.found.convention(claim.rule.convention).doubt.as_deref());
        doubt.is_some_and(|begins| class.starts_with(begins))
    }

    fn attempts(&self) -> Option<i32> {
        let mut counts = self.claims(Field::Attempts, None).filter_map(|claim| {
            let next = i64::from(claim.rule.encoding == Encoding::NextNumber);
            i32::try_from(number(claim.raw)?.checked_sub(next)?).ok().filter(|count| *count >= 0)
        });
        counts.next()
    }

    /// The error's own words.
    fn message(&self, undecoded: &mut [u64]) -> Option<String> {
        for claim in self.claims(Field::ErrorMessage, None) {
            let read = error_text(&read(&claim), self.keeps);
            if !read.text.is_empty() {
                undecoded[Undecoded::Clipped as usize] += u64::from(read.clipped);
                undecoded[Undecoded::SecretsMasked as usize] += read.masked as u64;
                return Some(read.text);
            }
        }
        None
    }

    fn text(&self, of: Field, limit: usize, undecoded: &mut [u64]) -> Option<String> {
        for claim in self.claims(of, None) {
            let text = read(&claim);
            if !text.is_empty() {
                undecoded[Undecoded::Clipped as usize] += u64::from(text.len() > limit);
                return Some(clip(&text, limit));
            }
        }
        None
    }
}

/// The text that `claim` makes of what was written, however long that is.
fn read<'c>(claim: &Claim<'c>) -> Cow<'c, [u8]> {
    let (raw, encoding) = (claim.raw, &claim.rule.encoding);
    let whole = matches!(encoding, Encoding::Text);
    let len = if whole { raw.bytes.len() } else { raw.bytes.len().min(MAX_READ_BYTES) };
    field(Raw { bytes: &raw.bytes[..len], ..raw }, encoding)
}

/// The topic that `claim` names; `None` where no topic can be called so.
pub fn topic_name(claim: &Claim<'_>) -> Option<String> {
    let text = field(claim.raw, &claim.rule.encoding);
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let fits = !text.is_empty() && text.len() <= MAX_TOPIC_BYTES && text.iter().all(legal);
    fits.then(|| String::from_utf8_lossy(&text).into_owned())
}

fn kind_of(class: TopicClass) -> Option<FailureKind> {
    match class {
        TopicClass::DeadLetter => Some(FailureKind::DeadLetter),
        TopicClass::Retry => Some(FailureKind::Retry),
        _ => None,
    }
}

fn record_kind(kind: FailureKind) -> Kind {
    match kind {
        FailureKind::DeadLetter => Kind::DeadLetter,
        FailureKind::Retry => Kind::Retry,
        FailureKind::Fault => Kind::Fault,
    }
}

/// A notice of a record that says nothing more.
fn empty(kind: FailureKind) -> FailureNotice {
    FailureNotice {
        kind,
        origin: None,
        origin_topic: None,
        doubtful: false,
        group: None,
        attempt: None,
        error_class: None,
        error_message: None,
    }
}
