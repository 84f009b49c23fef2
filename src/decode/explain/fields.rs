//! Field by field: what was decoded, from where, and what lost to it.

use super::super::row::{Encoding, Field, Occurrence};
use super::super::{causes, found::Claim, ignored, text, time};
use super::{Story, words};
use crate::event::{AttributeValue, FieldStory, Identifier, Span};
use std::cell::RefCell;

/// Findings that are listed beside the one that counts.
const MAX_LOST: usize = 32;

/// A claim, and what it was read as or why it was not.
pub struct Candidate<'s> {
    pub field: Field,
    pub claim: Claim<'s>,
    pub reads: Result<String, String>,
}

impl<'s> Story<'s> {
    /// All fields, in the order in which people ask.
    pub fn fields(&self) -> Vec<FieldStory> {
        let mut stories = vec![self.kind()];
        if self.scope.role.is_internal() {
            return stories;
        }
        stories.push(self.id("id", &[Field::Id], (self.row.id, self.row.texts[0])));
        let profile = &self.into.profiles[self.row.profile as usize];
        for (field, value) in
            [(Field::Type, &profile.kind), (Field::Source, &profile.source), (Field::Version, &profile.version)]
        {
            stories.push(self.words(field, value));
        }
        stories.push(self.time());
        stories.push(self.id("causation", causes(self.row.kind), (self.row.causation, self.row.texts[1])));
        stories.push(self.id(
            "correlation",
            &self.decoder.flows(self.row.kind),
            (self.row.correlation, self.row.texts[2]),
        ));
        stories.extend(self.root());
        stories.extend(self.trace());
        stories.extend(self.failure());
        stories.extend(self.attributes());
        stories
    }

    /// All claims to `field`, each with what `read` makes of it.
    pub fn candidates(&self, field: Field, read: impl Fn(&Claim<'s>) -> Result<String, String>) -> Vec<Candidate<'s>> {
        let claims = self.found().claims(field, None, self.record);
        claims.map(|claim| Candidate { field, reads: read(&claim), claim }).collect()
    }

    /// The story of a field of which the first candidate that was understood counts.
    pub fn settle(&self, field: &str, value: Option<String>, candidates: Vec<Candidate<'_>>) -> FieldStory {
        let winner = candidates.iter().position(|candidate| candidate.reads.is_ok());
        let means = winner.or(Some(0)).and_then(|at| candidates.get(at)).map(|candidate| candidate.field);
        let mut story = FieldStory { field: field.to_owned(), value, ..FieldStory::default() };
        story.meaning = means.map(words::meaning).unwrap_or_default().to_owned();
        for (at, candidate) in candidates.iter().enumerate() {
            let mut finding = self.finding(&candidate.claim, candidate.reads.clone());
            if winner == Some(at) {
                story.from = Some(finding);
            } else if story.lost.len() >= MAX_LOST {
                story.lost_more += 1;
            } else {
                if let (Some(winner), Ok(_)) = (winner.and_then(|at| candidates.get(at)), &candidate.reads) {
                    finding.reason = Some(self.why_weaker(winner, candidate));
                }
                story.lost.push(finding);
            }
        }
        story
    }

    fn why_weaker(&self, winner: &Candidate<'_>, loser: &Candidate<'_>) -> String {
        let same = if winner.reads == loser.reads { "says the same; " } else { "" };
        let (by, of) = (self.name(&winner.claim), self.name(&loser.claim));
        let (stronger, weaker) = (self.rank(&winner.claim), self.rank(&loser.claim));
        let why = if winner.field != loser.field {
            format!("{} comes before {}", winner.field.name(), loser.field.name())
        } else if std::ptr::eq(winner.claim.rule, loser.claim.rule) {
            match self.occurrence(&winner.claim) {
                Occurrence::First => "the first occurrence counts".to_owned(),
                Occurrence::Last => "the last occurrence counts".to_owned(),
            }
        } else if by == of {
            format!("{by} prefers the other place")
        } else if stronger != weaker {
            format!("rank {} is weaker than {}", words::rank(weaker), words::rank(stronger))
        } else {
            format!("{by} is tried before {of}")
        };
        format!("{same}{why}")
    }

    fn occurrence(&self, claim: &Claim<'_>) -> Occurrence {
        if claim.rule.last { Occurrence::Last } else { Occurrence::First }
    }

    /// How an id is shown.
    fn id_text(&self, id: Option<Identifier>, span: Span) -> Option<String> {
        id.map(|id| id.text().unwrap_or_else(|| self.into.arena.get(span).to_owned()))
    }

    fn read_id(&self, claim: &Claim<'_>) -> Result<String, String> {
        if ignored(claim) {
            return Err("its convention says that this value means nothing".to_owned());
        }
        let read = text::identifier(claim.raw, &self.decoder.ids);
        read.map(|(id, text)| id.text().unwrap_or_else(|| text.into_owned())).ok_or_else(|| words::no_id(claim.raw))
    }

    fn id(&self, name: &str, fields: &[Field], (id, span): (Option<Identifier>, Span)) -> FieldStory {
        let candidates = fields.iter().flat_map(|field| self.candidates(*field, |claim| self.read_id(claim)));
        self.settle(name, self.id_text(id, span), candidates.collect())
    }

    fn words(&self, field: Field, value: &str) -> FieldStory {
        let nothing = RefCell::new(None);
        let candidates = self.candidates(field, |claim| {
            if ignored(claim) {
                *nothing.borrow_mut() = Some(claim.raw.text());
                return Err("its convention says that this value means nothing".to_owned());
            }
            if nothing.borrow().as_ref().is_some_and(|nothing| *nothing == text::field(claim.raw, &claim.rule.encoding))
            {
                return Err("a stronger convention says that this value means nothing".to_owned());
            }
            read_text(claim)
        });
        let mut story = self.settle(field.name(), (!value.is_empty()).then(|| value.to_owned()), candidates);
        if story.from.is_none() && story.value.is_some() {
            story.meaning = words::meaning(field).to_owned();
            story.because = Some("the schema of the body names it".to_owned());
        }
        story
    }

    fn time(&self) -> FieldStory {
        let candidates = self.candidates(Field::Time, |claim| {
            let none = || "it is neither RFC 3339 nor a number since the epoch".to_owned();
            time::parse(claim.raw).map(words::time).ok_or_else(none)
        });
        let mut story = self.settle("time", Some(words::time(self.row.time)), candidates);
        if story.from.is_none() {
            story.meaning = words::meaning(Field::Time).to_owned();
            story.because = Some("the record's timestamp: the record names no time of its own".to_owned());
        }
        story
    }

    /// The first event of its flow, and whether it says that it is the first.
    fn root(&self) -> Option<FieldStory> {
        let mut candidates = self.candidates(Field::RootId, |claim| {
            let read = text::identifier(claim.raw, &self.decoder.ids);
            read.map(|(id, text)| id.text().unwrap_or_else(|| text.into_owned())).ok_or_else(|| words::no_id(claim.raw))
        });
        // Of several only the strongest is looked at.
        let first = candidates.first().and_then(|candidate| candidate.reads.clone().ok());
        for later in candidates.iter_mut().skip(1) {
            later.reads = later.reads.clone().and(Err("only the strongest is looked at".to_owned()));
        }
        if candidates.is_empty() && !self.row.says_root {
            return None;
        }
        let mut story = self.settle("root", first, candidates);
        story.meaning = words::meaning(Field::RootId).to_owned();
        if self.row.says_root {
            story.because = Some(match self.row.causation {
                Some(_) => "it names itself as its cause: it says that nothing caused it".to_owned(),
                None if self.found().has(Field::Depth) => "it counts no step from the root: it is the root".to_owned(),
                None => "it names itself as the root of its flow".to_owned(),
            });
        }
        Some(story)
    }

    /// The record's own trace, and the other ones that it names.
    fn trace(&self) -> Vec<FieldStory> {
        let whole = self.candidates(Field::Trace, |claim| self.read_trace(claim));
        let parted = self.candidates(Field::TraceId, |claim| self.read_trace(claim));
        let mut candidates: Vec<_> = whole.into_iter().chain(parted).collect();
        candidates.sort_unstable_by_key(|candidate| candidate.claim.score);
        let own = candidates.iter().position(|candidate| candidate.reads.is_ok());
        let of = own.and_then(|at| candidates.get(at)).map(|candidate| candidate.claim.rule.convention);
        let mut story = self.settle("trace", self.row.trace.as_ref().map(words::trace), candidates);
        story.meaning = words::meaning(Field::Trace).to_owned();
        if story.from.as_ref().is_some_and(|from| from.says == Field::TraceId.name()) {
            for field in [Field::SpanId, Field::TraceHigh] {
                let part = self.found().claims(field, of, self.record).next();
                story.with.extend(part.map(|claim| self.finding(&claim, read_text(&claim))));
            }
        }
        let trace = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
        let own = story.value.as_deref().map(trace);
        let mut others = Vec::new();
        for lost in &mut story.lost {
            let Some(other) = lost.reads_as.as_deref().map(trace) else { continue };
            if Some(&other) == own.as_ref() {
                continue;
            }
            lost.reason = Some(format!("{}; kept as a further trace", lost.reason.take().unwrap_or_default()));
            if !others.contains(&other) {
                others.push(other);
            }
        }
        others.truncate(super::super::MAX_SHARED_IDS);
        let further = FieldStory {
            field: "further_traces".to_owned(),
            value: Some(others.join(", ")),
            meaning: "other traces that it names: their events belong to the same conversation".to_owned(),
            ..FieldStory::default()
        };
        let further = (!others.is_empty()).then_some(further);
        std::iter::once(story).chain(further).collect()
    }

    fn read_trace(&self, claim: &Claim<'_>) -> Result<String, String> {
        let context = self.decoder.trace(claim, self.record);
        context.as_ref().map(words::trace).ok_or_else(|| words::no_trace(claim.raw, &claim.rule.encoding))
    }

    fn attributes(&self) -> Vec<FieldStory> {
        let Some(extra) = self.row.extra.map(|at| &self.into.extras[at as usize]) else { return Vec::new() };
        let claims = [Field::Attribute, Field::ClaimCheck]
            .into_iter()
            .flat_map(|field| self.candidates(field, read_text))
            .collect::<Vec<_>>();
        let story = |attribute: &crate::event::Attribute| {
            let value = match &attribute.value {
                AttributeValue::Text(text) => text.clone(),
                AttributeValue::Number(number) => number.to_string(),
            };
            let by = claims.iter().find(|candidate| match candidate.field {
                Field::Attribute => candidate.claim.rule.label == attribute.name,
                _ => *attribute.name == *super::super::CLAIM_CHECK,
            });
            let derived = || match &*attribute.name {
                super::super::SCHEMA_ID => "the schema that the body names".to_owned(),
                _ => "what passed between the event's time and the record's".to_owned(),
            };
            FieldStory {
                field: format!("attribute {}", attribute.name),
                value: Some(value),
                meaning: by.map(|by| words::meaning(by.field)).unwrap_or_default().to_owned(),
                because: by.is_none().then(derived),
                from: by.map(|by| self.finding(&by.claim, by.reads.clone())),
                ..FieldStory::default()
            }
        };
        extra.attributes.iter().map(story).collect()
    }
}

/// A text as its encoding says; why not, where it says nothing.
pub fn read_text(claim: &Claim<'_>) -> Result<String, String> {
    let read = text::field(claim.raw, &claim.rule.encoding);
    match (read.is_empty(), &claim.rule.encoding) {
        (false, _) => Ok(words::raw(&read)),
        (true, Encoding::Before(mark)) => Err(format!("no single word stands before `{mark}`")),
        (true, _) => Err("it is empty".to_owned()),
    }
}
