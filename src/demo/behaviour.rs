//! What a service does with a record it hears: pure, so that the same record and plan give the same answer.

use super::company::{Company, Fault, FaultKind, Reaction, Service, dead_letter_topic, retry_topic};
use super::envelope::{Event, Headers, Trace, decode, encode};
use super::ledger::{Coordinates, Entry, Role};
use super::schedule::{Schedule, order_key, order_number};
use super::spring::{self, Failed};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Time between two tries of a record, in ms. Short, so that a demo of some seconds shows every hop.
const BACKOFF_MS: u64 = 400;

/// A record as a service hears it.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Where it lies.
    pub at: Coordinates,
    /// Its timestamp in ms.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Headers,
    /// Its value.
    pub value: Vec<u8>,
}

/// A record to be sent.
#[derive(Debug, Clone)]
pub struct Emission {
    /// Topic.
    pub topic: String,
    /// Key.
    pub key: Option<String>,
    /// Headers.
    pub headers: Headers,
    /// Value.
    pub value: Vec<u8>,
    /// What the ledger will say of it.
    pub entry: Entry,
}

/// What a service does on a record.
#[derive(Debug, Clone)]
pub enum Action {
    /// Nothing: not its business, or it should have and did not.
    Pass,
    /// Works for a while, then sends.
    Send(Duration, Vec<Emission>),
    /// Never gets past it.
    Hold,
}

/// One service with the plan that it acts on.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour<'a> {
    /// The company.
    pub company: &'a Company,
    /// The plan.
    pub schedule: &'a Schedule,
    /// The service.
    pub service: &'a Service,
}

/// A record that is the service's business.
struct Case<'a> {
    heard: &'a Heard,
    event: Event,
    number: u64,
    attempt: i32,
    now_ms: i64,
}

impl Behaviour<'_> {
    /// The event that begins order `number`. `now_ms` is the time on it.
    pub fn place(&self, number: u64, now_ms: i64) -> Option<Emission> {
        let places = self.service.places.as_ref()?;
        let order = self.schedule.order(number);
        let id = self.schedule.event_id(number, &places.event);
        let event = Event {
            // An event that names itself as its cause says that nothing else caused it.
            causation: Some(id.clone()),
            id,
            kind: places.event.clone(),
            trace: Some(self.sent_in(self.schedule.trace_id(number), number, &places.event)),
            correlation: Some(order_key(number)),
        };
        let data = json!({
            "order": order_key(number),
            "customer": format!("customer-{:03}", order.customer),
            "pizza": order.pizza,
            "count": order.count,
            "cents": order.cents,
        });
        let (headers, value) = encode(self.service.style, &event, (&self.service.name, &rfc3339(now_ms)), &data);
        let entry = Entry {
            role: Role::Event,
            event: places.event.as_str().into(),
            order: number,
            group: None,
            cause: None,
            fault: None,
        };
        Some(Emission { topic: places.to.clone(), key: Some(order_key(number)), headers, value, entry })
    }

    /// What the service does on `heard` at `now_ms`.
    pub fn react(&self, heard: &Heard, now_ms: i64) -> Action {
        let Some(event) = decode(&heard.headers, &heard.value) else { return Action::Pass };
        let Some(reaction) = self.service.reactions.iter().find(|r| r.on == event.kind) else { return Action::Pass };
        let Some(number) = heard.key.as_deref().and_then(order_number) else { return Action::Pass };
        let attempt = spring::attempt(&heard.headers);
        let fault = self.schedule.strikes(self.company, number, &self.service.name, &event.kind);
        let case = Case { heard, event, number, attempt, now_ms };
        let delay = self.schedule.delay(number, &reaction.emit, reaction.delay_ms);
        match fault {
            None => Action::Send(delay, self.effects(&case, reaction, delay)),
            Some(fault) => self.suffer(&case, fault, reaction, delay),
        }
    }

    fn suffer(&self, case: &Case<'_>, fault: &Fault, reaction: &Reaction, delay: Duration) -> Action {
        let more_tries = case.attempt < i32::from(fault.attempts.unwrap_or(1));
        match fault.kind {
            FaultKind::Silent => Action::Pass,
            FaultKind::Poison => Action::Hold,
            FaultKind::RetryThenSuccess | FaultKind::DeadLetterAfterRetries if more_tries => {
                let backoff = Duration::from_millis(BACKOFF_MS);
                Action::Send(backoff, vec![self.failed(case, fault, retry_topic(&case.heard.at.topic))])
            }
            FaultKind::DeadLetter
            | FaultKind::DeadLetterAfterRetries
            | FaultKind::LostContextDeadLetter
            | FaultKind::BareDeadLetter => {
                Action::Send(delay, vec![self.failed(case, fault, dead_letter_topic(&case.heard.at.topic))])
            }
            FaultKind::UnhandledEvent => {
                let mut emissions = self.effects(case, reaction, delay);
                let unhandled = Reaction { emit: fault.emit.clone().unwrap_or_default(), ..reaction.clone() };
                emissions.extend(self.effects(case, &unhandled, delay));
                Action::Send(delay, emissions)
            }
            FaultKind::RetryThenSuccess | FaultKind::DropsContext | FaultKind::Duplicate | FaultKind::Slow => {
                Action::Send(delay, self.effects(case, reaction, delay))
            }
        }
    }

    /// The effect of an event; twice when the plan says that it is published twice.
    fn effects(&self, case: &Case<'_>, reaction: &Reaction, delay: Duration) -> Vec<Emission> {
        let Case { heard, event, number, .. } = case;
        let kind = &reaction.emit;
        // A fault of this event's producer, or of a consumer that trips over how it was written.
        let fault = self.schedule.fault(*number).map(|index| &self.company.faults[index]);
        let fault = fault.filter(|fault| fault.event.as_deref() == Some(kind));
        let trace_id = match event.trace {
            Some(trace) => trace.trace_id,
            None => self.schedule.new_trace_id(*number, &event.kind),
        };
        let mut effect = Event {
            id: self.schedule.event_id(*number, kind),
            kind: kind.clone(),
            trace: Some(self.sent_in(trace_id, *number, kind)),
            causation: Some(event.id.clone()),
            correlation: event.correlation.clone(),
        };
        if fault.is_some_and(|fault| fault.kind.drops_context()) {
            effect = Event { trace: None, causation: None, correlation: None, ..effect };
        }
        let time = rfc3339(case.now_ms.saturating_add(delay.as_millis() as i64));
        let data = json!({ "order": order_key(*number) });
        let (headers, value) = encode(self.service.style, &effect, (&self.service.name, &time), &data);
        let entry = Entry {
            role: Role::Event,
            event: kind.as_str().into(),
            order: *number,
            group: None,
            cause: Some(heard.at.clone()),
            fault: None,
        };
        let key = Some(order_key(*number));
        let once = Emission { topic: reaction.to.clone(), key, headers, value, entry };
        if fault.is_some_and(|fault| fault.kind == FaultKind::Duplicate) {
            let mut again = once.clone();
            again.entry.role = Role::Duplicate;
            return vec![once, again];
        }
        vec![once]
    }

    /// The record, on its way to the retry or dead-letter topic `topic`.
    fn failed(&self, case: &Case<'_>, fault: &Fault, topic: String) -> Emission {
        let Case { heard, event, number, attempt, now_ms } = case;
        let again = topic == retry_topic(&heard.at.topic);
        let entry = Entry {
            role: if again { Role::Retry } else { Role::DeadLetter },
            event: event.kind.as_str().into(),
            order: *number,
            group: Some(Arc::from(self.service.group.as_str())),
            cause: Some(heard.at.clone()),
            fault: self.company.faults.iter().position(|other| other.class == fault.class),
        };
        let Some(error) = fault.error.as_ref().filter(|_| fault.kind != FaultKind::BareDeadLetter) else {
            let text = fault.error.as_ref().map(|error| error.text.clone()).unwrap_or_default();
            return Emission { topic, key: None, headers: Vec::new(), value: text.into(), entry };
        };
        let mut headers = heard.headers.clone();
        let trace = event.trace.map(|t| self.resent_in(t.trace_id, *number, &event.kind, *attempt));
        spring::resend(&mut headers, trace);
        let failed = Failed {
            at: &heard.at,
            timestamp_ms: heard.timestamp_ms,
            group: &self.service.group,
            error,
            attempt: *attempt,
            due_ms: now_ms.saturating_add(BACKOFF_MS as i64),
        };
        let headers = match fault.kind.retries() {
            true => spring::retry(headers, failed),
            false => spring::dead_letter(headers, failed),
        };
        Emission { topic, key: Some(order_key(*number)), headers, value: heard.value.clone(), entry }
    }

    fn sent_in(&self, trace_id: u128, number: u64, event: &str) -> Trace {
        self.resent_in(trace_id, number, event, 0)
    }

    fn resent_in(&self, trace_id: u128, number: u64, event: &str, attempt: i32) -> Trace {
        Trace { trace_id, span_id: self.schedule.span_id(number, event, attempt) }
    }
}

/// `ms` since the epoch as RFC 3339 in UTC.
fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests;
