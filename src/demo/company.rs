//! The company as data: topics, services, rates and faults, read from `company.toml` and validated.

use crate::config::{FlowWords, business_flows};
use crate::event::BusinessFlow;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

/// The company that ships with the program.
const COMPANY: &str = include_str!("company.toml");

/// The demo promises that at least this share of its injected dead letters can be traced by anyone who reads the records.
const MIN_KNOWABLE: f64 = 0.85;

/// `context_lost` needs a type whose events nearly always name a cause: at least 95 %, so fewer than 5 % may drop it.
const MAX_CONTEXT_DROPS: f64 = 0.05;

/// A company that cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not TOML, or a field that is missing, unknown or of another type.
    #[error("company.toml cannot be read: {0}")]
    Parse(#[from] toml::de::Error),
    /// Well formed, but it does not add up.
    #[error("company.toml: {0}")]
    Rule(String),
}

/// A simulated company.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// New orders a second.
    pub orders_per_second: f64,
    /// All topics, those for retries and dead letters included.
    #[serde(rename = "topic")]
    pub topics: Vec<Topic>,
    /// The services; the first one that `places` starts every order.
    #[serde(rename = "service")]
    pub services: Vec<Service>,
    /// What its business counts.
    #[serde(rename = "business_flow", default)]
    pub business_flows: Vec<FlowWords>,
    /// What goes wrong.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
}

/// One topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Partitions it is created with.
    pub partitions: i32,
}

/// One service: a consumer group and a producer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name, which is also the source of its events.
    pub name: String,
    /// Its consumer group.
    pub group: String,
    /// How it writes envelopes.
    pub style: Style,
    /// The event that begins an order, for the one service that takes orders.
    pub places: Option<Placement>,
    /// Topics it listens to.
    pub consumes: Vec<String>,
    /// Settings of its producer, in librdkafka's words.
    #[serde(default)]
    pub producer: BTreeMap<String, String>,
    /// What it does on which event; any other event it passes over.
    #[serde(rename = "reaction", default)]
    pub reactions: Vec<Reaction>,
}

/// The event that begins an order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Its type.
    pub event: String,
    /// The topic it goes to.
    pub to: String,
}

/// On event `on`, emit `emit` to `to` after a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// Type of the event reacted to.
    pub on: String,
    /// Type of the effect.
    pub emit: String,
    /// Topic of the effect.
    pub to: String,
    /// Shortest and longest time the work takes, in ms.
    pub delay_ms: [u64; 2],
}

/// How a service writes what an event says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A JSON value `{"metadata": {…}, "data": …}`.
    MetadataEnvelope,
    /// CloudEvents, binary content mode: `ce_*` headers.
    CloudeventsBinary,
    /// CloudEvents, structured content mode: one JSON value.
    CloudeventsStructured,
    /// Plain headers: `message-id`, `message-type`, `causation-id`, `correlation-id`.
    Headers,
}

/// What goes wrong, where, and how often.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Name of the class.
    pub class: String,
    /// What happens.
    pub kind: FaultKind,
    /// The service it happens in.
    pub service: String,
    /// The event consumed, or for faults of a producer the event emitted.
    pub event: Option<String>,
    /// Share of orders it strikes.
    #[serde(default)]
    pub rate: f64,
    /// Whether the records tell where the dead letter came from. Present exactly on classes that write dead letters.
    pub knowable: Option<bool>,
    /// How often the event is tried in all, for faults with retries.
    pub attempts: Option<u8>,
    /// The error that the service reports.
    pub error: Option<Failing>,
    /// The one order that a poison record belongs to.
    pub at_order: Option<u64>,
    /// Type of the event that nobody handles.
    pub emit: Option<String>,
    /// Extra work a record, in ms, of a slow group.
    pub work_ms: Option<u64>,
}

/// The error that a failing service reports.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// Class of the exception.
    pub class: String,
    /// Its text.
    pub text: String,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The consumer sends the record to the retry topic until it works.
    RetryThenSuccess,
    /// The consumer gives up at once and says where the record lay.
    DeadLetter,
    /// The consumer gives up after retries.
    DeadLetterAfterRetries,
    /// The consumer gives up and keeps nothing of where the record came from.
    BareDeadLetter,
    /// The event is written without context, and its consumer gives up on it.
    LostContextDeadLetter,
    /// The event is written without context; nothing else happens.
    DropsContext,
    /// The event is published twice.
    Duplicate,
    /// Beside its effect, the service writes an event that nobody handles.
    UnhandledEvent,
    /// The consumer passes over the event.
    Silent,
    /// The consumer never gets past one record.
    Poison,
    /// The group needs too long for each record.
    Slow,
}

impl FaultKind {
    /// Whether the fault ends in a dead letter.
    pub const fn writes_dead_letter(self) -> bool {
        matches!(
            self,
            Self::DeadLetter | Self::DeadLetterAfterRetries | Self::BareDeadLetter | Self::LostContextDeadLetter
        )
    }

    /// Whether the fault sends records to a retry topic.
    pub const fn retries(self) -> bool {
        matches!(self, Self::RetryThenSuccess | Self::DeadLetterAfterRetries)
    }

    /// Whether the fault writes an event without its context.
    pub const fn drops_context(self) -> bool {
        matches!(self, Self::DropsContext | Self::LostContextDeadLetter)
    }
}

/// The topic on which records of `topic` are tried again.
pub fn retry_topic(topic: &str) -> String {
    format!("{}-retry", base_topic(topic))
}

/// The topic to which records of `topic` go that a consumer gave up on.
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{}.dlt", base_topic(topic))
}

/// The topic that a retry topic belongs to; any other topic is its own.
pub fn base_topic(topic: &str) -> &str {
    topic.strip_suffix("-retry").unwrap_or(topic)
}

impl Company {
    /// The company that ships with the program.
    ///
    /// # Errors
    /// When the shipped file was edited into something that breaks a rule.
    pub fn shipped() -> Result<Self, Error> {
        Self::parse(COMPANY)
    }

    /// What its business counts.
    ///
    /// # Errors
    /// [`Error::Rule`] for words that the configuration of a tap would refuse.
    pub fn flows(&self) -> Result<Vec<BusinessFlow>, Error> {
        business_flows(self.business_flows.clone()).map_err(|error| Error::Rule(error.to_string()))
    }

    fn flows_begin_and_end(&self) -> Result<(), Error> {
        let placed = self.services.iter().filter_map(|service| service.places.as_ref()).map(|placed| &placed.event);
        let emitted = self.services.iter().flat_map(|service| &service.reactions).map(|reaction| &reaction.emit);
        let known: HashSet<&String> = placed.chain(emitted).collect();
        for flow in self.flows()? {
            if let Some(event) = [&flow.started_by, &flow.completed_by].into_iter().find(|event| !known.contains(event))
            {
                return Err(Error::Rule(format!("business flow {} waits for {event}, which nobody emits", flow.name)));
            }
        }
        Ok(())
    }

    /// Reads and validates a company.
    ///
    /// # Errors
    /// [`Error::Parse`] when the text is not a company, [`Error::Rule`] when it does not add up.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let company: Self = toml::from_str(text)?;
        company.rates_are_shares()?;
        company.names_are_unique()?;
        company.services_use_known_topics()?;
        company.one_service_takes_orders()?;
        for fault in &company.faults {
            company.fault_fits(fault)?;
        }
        company.flows_begin_and_end()?;
        company.enough_is_knowable()?;
        company.context_is_rarely_lost()?;
        Ok(company)
    }

    /// The service that takes orders, and the event that begins one.
    pub fn counter(&self) -> Option<(&Service, &Placement)> {
        self.services.iter().find_map(|service| service.places.as_ref().map(|places| (service, places)))
    }

    /// The service called `name`.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The topic on which events of type `event` lie.
    pub fn topic_of(&self, event: &str) -> Option<&str> {
        let placed = self.services.iter().filter_map(|s| s.places.as_ref()).find(|p| p.event == event);
        placed.map(|p| p.to.as_str()).or_else(|| {
            let reactions = self.services.iter().flat_map(|service| &service.reactions);
            reactions.into_iter().find(|reaction| reaction.emit == event).map(|reaction| reaction.to.as_str())
        })
    }

    /// Extra work a record of `service`, in ms.
    pub fn work_ms(&self, service: &str) -> u64 {
        let slow = self.faults.iter().filter(|f| f.kind == FaultKind::Slow && f.service == service);
        slow.filter_map(|fault| fault.work_ms).sum()
    }

    /// Share of the injected dead letters that can be traced, by the rates.
    pub fn knowable_share(&self) -> f64 {
        let rate = |knowable| {
            self.faults.iter().filter(|f| f.knowable == Some(knowable)).fold(0.0, |sum, fault| sum + fault.rate)
        };
        rate(true) / (rate(true) + rate(false))
    }

    fn rates_are_shares(&self) -> Result<(), Error> {
        rule(self.orders_per_second > 0.0 && self.orders_per_second <= 1_000.0, || {
            "orders_per_second must lie above 0 and not above 1000".into()
        })?;
        let all_fine = self.faults.iter().all(|fault| (0.0..1.0).contains(&fault.rate));
        let sum: f64 = self.faults.iter().map(|fault| fault.rate).sum();
        rule(all_fine && sum < 1.0, || format!("fault rates must be shares whose sum ({sum}) stays below 1"))
    }

    fn names_are_unique(&self) -> Result<(), Error> {
        unique("topic", self.topics.iter().map(|topic| topic.name.as_str()))?;
        unique("service", self.services.iter().map(|service| service.name.as_str()))?;
        unique("group", self.services.iter().map(|service| service.group.as_str()))?;
        unique("fault class", self.faults.iter().map(|fault| fault.class.as_str()))
    }

    fn services_use_known_topics(&self) -> Result<(), Error> {
        rule(self.topics.iter().all(|topic| topic.partitions > 0), || "a topic needs a partition".into())?;
        for service in &self.services {
            let sent = service.reactions.iter().map(|reaction| &reaction.to);
            let placed = service.places.iter().map(|places| &places.to);
            for topic in service.consumes.iter().chain(sent).chain(placed) {
                self.known_topic(topic)?;
            }
            for reaction in &service.reactions {
                let [least, most] = reaction.delay_ms;
                rule(least <= most, || format!("delay_ms of {} ends before it begins", reaction.on))?;
                let heard =
                    self.topic_of(&reaction.on).is_some_and(|topic| service.consumes.iter().any(|t| t == topic));
                rule(heard, || format!("{} reacts to {}, which it cannot hear", service.name, reaction.on))?;
            }
        }
        Ok(())
    }

    fn one_service_takes_orders(&self) -> Result<(), Error> {
        let counters = self.services.iter().filter(|service| service.places.is_some()).count();
        rule(counters == 1, || format!("one service must take orders, not {counters}"))
    }

    fn fault_fits(&self, fault: &Fault) -> Result<(), Error> {
        let class = &fault.class;
        let service = self.service(&fault.service).ok_or_else(|| Error::Rule(format!("{class}: no such service")))?;
        rule(fault.knowable.is_some() == fault.kind.writes_dead_letter(), || {
            format!("{class}: `knowable` belongs to exactly those faults that write dead letters")
        })?;
        let failing = fault.kind.writes_dead_letter() || fault.kind.retries();
        rule(fault.error.is_some() == failing, || format!("{class}: `error` belongs to failing consumers only"))?;
        rule(fault.attempts.is_some_and(|n| n >= 2) == fault.kind.retries(), || {
            format!("{class}: `attempts` (2 or more) belongs to faults with retries")
        })?;
        rule(fault.at_order.is_some() == (fault.kind == FaultKind::Poison), || {
            format!("{class}: `at_order` belongs to poison")
        })?;
        rule(fault.emit.is_some() == (fault.kind == FaultKind::UnhandledEvent), || {
            format!("{class}: `emit` belongs to unhandled events")
        })?;
        if fault.kind == FaultKind::Slow {
            return rule(fault.work_ms.is_some() && fault.event.is_none(), || format!("{class}: slow needs `work_ms`"));
        }
        let event = fault.event.as_deref().ok_or_else(|| Error::Rule(format!("{class}: which event?")))?;
        self.event_fits(fault, service, event)
    }

    fn event_fits(&self, fault: &Fault, service: &Service, event: &str) -> Result<(), Error> {
        let class = &fault.class;
        let emits = self.services.iter().flat_map(|s| s.reactions.iter().map(move |r| (s, r)));
        let emitted_by_it = emits.clone().any(|(s, r)| s.name == service.name && r.emit == event);
        let fits = match fault.kind {
            FaultKind::DropsContext | FaultKind::Duplicate => emitted_by_it,
            FaultKind::LostContextDeadLetter => {
                emits.clone().any(|(_, r)| r.emit == event) && service.reactions.iter().any(|r| r.on == event)
            }
            _ => service.reactions.iter().any(|reaction| reaction.on == event),
        };
        rule(fits, || format!("{class}: {} has nothing to do with {event}", service.name))?;
        let Some(topic) = self.topic_of(event) else { return Ok(()) };
        if fault.kind.writes_dead_letter() {
            self.known_topic(&dead_letter_topic(topic))?;
        }
        if fault.kind.retries() {
            let retry = retry_topic(topic);
            self.known_topic(&retry)?;
            let readers: Vec<_> = self.services.iter().filter(|s| s.consumes.contains(&retry)).collect();
            let alone = matches!(readers[..], [reader] if reader.name == service.name);
            rule(alone, || format!("{class}: {retry} must be read by {} and nobody else", service.name))?;
        }
        Ok(())
    }

    fn enough_is_knowable(&self) -> Result<(), Error> {
        let share = self.knowable_share();
        rule(share >= MIN_KNOWABLE, || {
            format!("only {share:.2} of the dead letters can be known, at least {MIN_KNOWABLE} must be")
        })
    }

    fn context_is_rarely_lost(&self) -> Result<(), Error> {
        for fault in self.faults.iter().filter(|fault| fault.kind.drops_context()) {
            let same = self.faults.iter().filter(|f| f.kind.drops_context() && f.event == fault.event);
            let rate: f64 = same.map(|f| f.rate).sum();
            rule(rate < MAX_CONTEXT_DROPS, || {
                format!(
                    "{}: {rate} of these events lack their context, fewer than {MAX_CONTEXT_DROPS} may",
                    fault.class
                )
            })?;
        }
        Ok(())
    }

    fn known_topic(&self, name: &str) -> Result<(), Error> {
        rule(self.topics.iter().any(|topic| topic.name == name), || format!("topic {name} is not listed"))
    }
}

fn rule(holds: bool, why: impl FnOnce() -> String) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Rule(why())) }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for name in names {
        rule(seen.insert(name), || format!("{what} {name} is listed twice"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_company_keeps_every_rule() {
        let company = Company::shipped().unwrap();
        assert_eq!(company.services.len(), 5);
        assert!(company.knowable_share() >= MIN_KNOWABLE, "{}", company.knowable_share());
        let kinds: HashSet<_> = company.faults.iter().map(|fault| fault.kind).collect();
        assert_eq!(kinds.len(), 11, "every kind of fault occurs");
        let styles: Vec<_> = company.services.iter().map(|service| service.style).collect();
        for style in [Style::MetadataEnvelope, Style::CloudeventsBinary, Style::CloudeventsStructured, Style::Headers] {
            assert!(styles.contains(&style), "{style:?}");
        }
    }

    #[test]
    fn every_rule_is_enforced() {
        for (from, to, complaint) in [
            ("rate = 0.02", "rate = 0.02\nspeed = 3", "unknown field"),
            ("orders_per_second = 24.0", "orders_per_second = 0.0", "orders_per_second"),
            ("rate = 0.05", "rate = 0.98", "below 1"),
            ("name = \"payments\"", "name = \"orders\"", "listed twice"),
            ("consumes = [\"payments\", \"delivery\"]", "consumes = [\"payments\"]", "cannot hear"),
            ("name = \"kitchen-retry\"", "name = \"kitchen-again\"", "not listed"),
            ("delay_ms = [20, 120]", "delay_ms = [20, 12]", "ends before it begins"),
            ("knowable = true", "", "`knowable`"),
            ("attempts = 2\n", "attempts = 1\n", "`attempts`"),
            ("at_order = 90", "", "`at_order`"),
            ("emit = \"oven.overheated\"\n", "", "`emit`"),
            ("rate = 0.007", "rate = 0.07", "0.85"),
            ("rate = 0.008", "rate = 0.05", "lack their context"),
            ("event = \"payment.taken\"\nrate", "event = \"pizza.boxed\"\nrate", "nothing to do with"),
            (
                "consumes = [\"orders\", \"loyalty\"]",
                "consumes = [\"orders\", \"loyalty\", \"orders-retry\"]",
                "nobody",
            ),
            ("work_ms = 10", "", "work_ms"),
        ] {
            assert!(COMPANY.contains(from), "{from}");
            let error = Company::parse(&COMPANY.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(complaint), "{to}: {error}");
        }
    }

    #[test]
    fn failed_records_of_a_retry_topic_go_where_those_of_its_base_go() {
        assert_eq!(retry_topic("orders"), "orders-retry");
        assert_eq!(retry_topic("orders-retry"), "orders-retry");
        assert_eq!(dead_letter_topic("orders-retry"), "orders.dlt");
    }
}
