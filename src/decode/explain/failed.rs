//! What the record is, and what it says about a failure.

use super::super::failure::{Why, topic_name};
use super::super::row::{Encoding, Field};
use super::super::text::number;
use super::fields::{Candidate, read_text};
use super::{Story, words};
use crate::event::{FailureNotice, FieldStory, Kind, Origin, TopicClass};

impl Story<'_> {
    /// What the record is, and why.
    pub fn kind(&self) -> FieldStory {
        let kind = self.row.kind;
        let is_failure = matches!(kind, Kind::Retry | Kind::DeadLetter | Kind::Fault);
        let said = match is_failure || self.scope.role.is_internal() {
            true => Vec::new(),
            false => self.candidates(Field::Kind, read_kind),
        };
        let mut story = self.settle("kind", Some(kind.as_str().to_owned()), said);
        story.meaning = words::meaning(Field::Kind).to_owned();
        let why = self.evidence().why();
        let mut because = vec![self.about_failure(why).to_owned()];
        if why == Why::LiesElsewhere && self.scope.role.by_name == TopicClass::Business {
            because.push("where its partition holds ordinary events too, the name of its topic decides".to_owned());
        }
        if story.from.is_none() && !is_failure && why != Why::Internal {
            because.push(self.about_kind(kind));
        }
        story.because = Some(because.join("; "));
        story
    }

    fn about_failure(&self, why: Why) -> &'static str {
        let is_failure = self.row.notice.is_some();
        match (why, is_failure) {
            (Why::Internal, _) => "its topic is one of Kafka's or a framework's own",
            (Why::NoFailure, _) => "no failure: no convention of failures was recognised",
            (Why::TopicName, _) => "its topic is for failures by its name; no convention of failures was recognised",
            (Why::Reports, _) => "a failure: it reports that another record failed, and is no copy of it",
            (Why::LeftOver, true) => "a failure: its topic is for failures by its own name",
            (Why::LeftOver, false) => {
                "no failure: it lies on the topic of the record that failed, so its headers are left over from a redrive"
            }
            (Why::LiesElsewhere, _) => "a failure: it lies on another topic than the record that failed",
            (Why::AmongEvents, _) => {
                "its partition holds ordinary events too, so its headers may be copies of an old failure's"
            }
            (Why::WithoutOrigin, true) => "a failure: it carries an error, and its topic's name is one for failures",
            (Why::WithoutOrigin, false) => {
                "no failure: it names no record that failed, and its topic's name is none for failures"
            }
        }
    }

    /// Why an ordinary record is of this kind, where it does not say it itself.
    fn about_kind(&self, kind: Kind) -> String {
        match kind {
            Kind::Command if self.found().has(Field::RequestId) => {
                "it has a request id and says where the answer goes: a request".to_owned()
            }
            Kind::Reply if self.found().has(Field::RequestId) => {
                "it has a request id and does not say where an answer goes: a reply".to_owned()
            }
            Kind::Event => "nothing says that it is anything else than an event".to_owned(),
            kind => {
                let of = self.found().conventions(&self.scope.off).find(|convention| convention.kind == Some(kind));
                let name = of.map(|convention| convention.name.to_string()).unwrap_or_default();
                format!("all records of {name} are")
            }
        }
    }

    /// The fields of a failure; where the record is none, those that were found all the same, and why they do not count.
    pub fn failure(&self) -> Vec<FieldStory> {
        let notice = self.row.notice.map(|at| &self.into.notices[at as usize]);
        let mut stories = vec![self.origin(notice)];
        let text =
            |field: Field, value: Option<String>| self.settle(field.name(), value, self.candidates(field, read_text));
        let of = |value: fn(&FailureNotice) -> Option<String>| notice.and_then(value);
        let mut group = text(Field::Group, of(|notice| notice.group.clone()));
        if group.value.is_some() && group.from.is_none() {
            group.meaning = words::meaning(Field::Group).to_owned();
            group.because = Some("the end of its topic's name: error.<destination>.<group>".to_owned());
        }
        stories.push(group);
        let attempts = self.candidates(Field::Attempts, read_attempts);
        stories.push(self.settle("attempts", of(|notice| notice.attempt.map(|n| n.to_string())), attempts));
        stories.push(text(Field::ErrorClass, of(|notice| notice.error_class.clone())));
        stories.push(text(Field::ErrorMessage, of(|notice| notice.error_message.clone())));
        stories.retain(|story| story.value.is_some() || story.from.is_some() || !story.lost.is_empty());
        for story in stories.iter_mut().filter(|story| story.value.is_none() && story.from.is_some()) {
            let mut idle = story.from.take().into_iter().collect::<Vec<_>>();
            idle.iter_mut().for_each(|finding| finding.reason = Some("the record is no failure".to_owned()));
            idle.append(&mut story.lost);
            story.lost = idle;
        }
        stories
    }

    fn origin(&self, notice: Option<&FailureNotice>) -> FieldStory {
        let candidates = self.candidates(Field::OriginTopic, |claim| {
            topic_name(claim).ok_or_else(|| "no topic can be called so".to_owned())
        });
        let of = candidates.iter().find(|candidate| candidate.reads.is_ok());
        let of = of.map(|Candidate { claim, .. }| claim.rule.convention);
        let coordinates = notice.and_then(|notice| notice.origin.as_ref());
        let value = match coordinates {
            Some(Origin { topic, partition, offset }) => Some(format!("{topic}/{partition}/{offset}")),
            None => notice.and_then(|notice| notice.origin_topic.clone()),
        };
        let mut story = self.settle("origin", value, candidates);
        story.meaning = words::meaning(Field::OriginTopic).to_owned();
        if notice.is_none() || story.value.is_none() || of.is_none() {
            return story;
        }
        for field in [Field::OriginPartition, Field::OriginOffset] {
            let part = self.found().claims(field, of, self.record).next();
            let read = |claim: &super::Claim<'_>| {
                number(claim.raw).map(|n| n.to_string()).ok_or_else(|| "it is no number".to_owned())
            };
            story.with.extend(part.map(|claim| self.finding(&claim, read(&claim))));
        }
        if coordinates.is_none() {
            story.because = Some(match story.with.len() {
                2 => "the topic alone: its partition or offset could not be read".to_owned(),
                _ => "the topic alone: the record names no partition and offset beside it".to_owned(),
            });
        } else if notice.is_some_and(|notice| notice.doubtful) {
            let convention = story.from.as_ref().map(|from| from.convention.as_str()).unwrap_or_default();
            let doubt = format!("with errors of this class {convention} names a wrong record: not to be trusted");
            story.because = Some(doubt);
        }
        story
    }
}

fn read_kind(claim: &super::Claim<'_>) -> Result<String, String> {
    let text = claim.raw.text();
    let Encoding::Kinds(kinds) = &claim.rule.encoding else { return Err("its words are not known".to_owned()) };
    let said = kinds.iter().find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(text.trim_ascii()));
    said.map(|(_, kind)| kind.as_str().to_owned()).ok_or_else(|| "this word stands for no kind".to_owned())
}

fn read_attempts(claim: &super::Claim<'_>) -> Result<String, String> {
    let next = i64::from(claim.rule.encoding == Encoding::NextNumber);
    let count = number(claim.raw).and_then(|count| count.checked_sub(next)).filter(|count| *count >= 0);
    let count = count.and_then(|count| i32::try_from(count).ok());
    count.map(|count| count.to_string()).ok_or_else(|| "it is no count".to_owned())
}
