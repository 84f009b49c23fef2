//! Records in the order in which they are written.

use super::flow::{Declared, Made, Silence, Trace, What, identifier};
use super::topology::{SERVICES, Service, Topology, TraceHabit};
use super::{Options, Shape, mix};
use fastrand::Rng;
use headwater::event::{EventRef, Identifier, Ordinal, Spelling, TraceContext};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

/// Timestamp of the first event, µs: 2026-01-01T00:00:00Z.
pub const EPOCH: i64 = 1_767_225_600_000_000;
/// Records a second, nearly: what a mid-sized company writes.
pub const RATE: i64 = 5_000;
/// Records of a flow on average, with copies; flows begin so that [`RATE`] comes out.
const FLOW_RECORDS: f64 = 13.8;
/// Sizes of flows are Burr distributed; as some end early for want of a type that goes on, median 4, p90 24, p99 110 come
/// out.
const BURR: (f64, f64, f64) = (7.3, 1.1, 1.25);
const LARGEST_FLOW: f64 = 10_000.0;
/// Steps from the first event of a flow, at most.
const DEEPEST: u8 = 20;
/// Effects that a bulk job has at least.
const BULK: u32 = 1_000;
/// Of ten events with effects, so many have one, two to four, five to thirty.
const FAN_OUT: [(u32, std::ops::RangeInclusive<u32>); 3] = [(4, 1..=1), (8, 2..=4), (10, 5..=30)];
/// Of a hundred flows so many carry a correlation id.
const CORRELATED_PERCENT: u64 = 60;
/// Of a hundred retries so many succeed.
const HEALED_PERCENT: u32 = 70;
/// Partitions of each retry and dead-letter topic.
const FAILURE_PARTITIONS: i32 = 3;
/// The topic that is made again half-way, by popularity.
const RECREATED: u16 = 2;

const MILLISECOND: i64 = 1_000;
/// What keeps ids, traces, spans and correlation ids of one number apart.
const ID: u64 = 1 << 60;
const TRACE: u64 = 2 << 60;
const SPAN: u64 = 3 << 60;
const CORRELATION: u64 = 4 << 60;

/// A partition of a topic, for as long as the topic lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the topic.
    pub topic: u16,
    /// Number of the partition.
    pub partition: i32,
    /// How often the topic was made before.
    pub incarnation: i32,
}

#[derive(Debug, Clone, Copy)]
struct Flow {
    number: u64,
    hidden: bool,
    correlation: Option<Identifier>,
}

/// Two siblings that an event needs both of.
#[derive(Debug, Clone, Copy)]
enum Gate {
    None,
    /// The sibling that is written first.
    First(u64),
    /// The one that is written last, and the type of what both cause.
    Last(u64, u16),
}

enum Job {
    Event,
    Duplicate,
    /// A consumer failed on `first`.
    Retry {
        first: Rc<Made>,
    },
    DeadLetter {
        first: Rc<Made>,
    },
}

/// A record that will be written.
struct Plan {
    job: Job,
    flow: Flow,
    /// What it really is, whatever its headers say.
    event_type: u16,
    service: u16,
    /// Records that it may still cause, directly and indirectly.
    budget: u32,
    depth: u8,
    /// The record that is in hand when it is written.
    hand: Option<Rc<Made>>,
    also: Option<EventRef>,
    gate: Gate,
}

/// Records in the order in which they are written; see the module's parent.
pub struct Stream {
    options: Options,
    shape: Shape,
    topology: Topology,
    random: Rng,
    places: Vec<Place>,
    /// First place of each topic.
    homes: Vec<u32>,
    /// Offset that each place gives next.
    next: Vec<i64>,
    due: BinaryHeap<Reverse<(i64, u64, u32)>>,
    plans: Vec<Option<Plan>>,
    free: Vec<u32>,
    planned: u64,
    gates: HashMap<u64, EventRef>,
    now: i64,
    next_flow: i64,
    flows: u64,
    written: u64,
    recreated: bool,
}

impl Stream {
    /// The stream of these options.
    pub fn new(options: Options) -> Self {
        let shape = options.preset.shape();
        let mut random = Rng::with_seed(options.seed);
        let (topics, partitions) = options.topics;
        let topology = Topology::new(&shape, topics, &mut random);
        let mut places = Vec::new();
        let mut homes = Vec::new();
        for topic in 0..topics + 2 * SERVICES {
            let partitions = if topic < topics { i32::from(partitions) } else { FAILURE_PARTITIONS };
            homes.push(places.len() as u32);
            places.extend((0..partitions).map(|partition| Place { topic, partition, incarnation: 0 }));
        }
        Self {
            options,
            shape,
            topology,
            random,
            next: vec![0; places.len()],
            places,
            homes,
            due: BinaryHeap::new(),
            plans: Vec::new(),
            free: Vec::new(),
            planned: 0,
            gates: HashMap::new(),
            now: EPOCH,
            next_flow: EPOCH,
            flows: 0,
            written: 0,
            recreated: false,
        }
    }

    /// Where records lie, by ordinal. More come when a topic is made again.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The offset that comes next in each place.
    pub fn ends(&self) -> &[i64] {
        &self.next
    }

    /// How long the whole stream takes, in µs, nearly.
    pub fn length(&self) -> i64 {
        self.options.events as i64 * 1_000_000 / RATE
    }

    /// What it was made of.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// What causes what.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Name of a topic.
    pub fn topic_name(&self, topic: u16) -> String {
        let business = self.options.topics.0;
        match topic.checked_sub(business) {
            None => format!("domain-{topic:03}"),
            Some(service) if service < SERVICES => format!("service-{service:02}.retry"),
            Some(service) => format!("service-{:02}.dlt", service - SERVICES),
        }
    }

    /// The place of a popular partition that a stream may read late: it is there in every company.
    pub fn popular(&self) -> Ordinal {
        Ordinal(self.homes[1] + 1)
    }

    fn plan(&mut self, at: i64, plan: Plan) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.plans.push(None);
                self.plans.len() as u32 - 1
            }
        };
        self.plans[slot as usize] = Some(plan);
        self.planned += 1;
        self.due.push(Reverse((at, self.planned, slot)));
    }

    fn begin_flow(&mut self) {
        let at = self.next_flow;
        let gap = -(1.0 - self.random.f64()).ln() * 1e6 * FLOW_RECORDS / RATE as f64;
        self.next_flow += (gap as i64).max(1);
        self.flows += 1;
        let number = self.flows;
        let hidden = self.random.f64() < self.options.hide;
        let correlated = mix(number) % 100 < CORRELATED_PERCENT;
        let correlation = correlated.then(|| self.id(CORRELATION, number));
        let event_type = self.topology.entry(&mut self.random);
        let service = self.topology.types[usize::from(event_type)].service;
        let budget = self.flow_size() - 1;
        let plan = Plan {
            job: Job::Event,
            flow: Flow { number, hidden, correlation },
            event_type,
            service,
            budget,
            depth: 0,
            hand: None,
            also: None,
            gate: Gate::None,
        };
        self.plan(at, plan);
    }

    fn flow_size(&mut self) -> u32 {
        let (scale, c, k) = BURR;
        let left = 1.0 - self.random.f64();
        (scale * (left.powf(-1.0 / k) - 1.0).powf(1.0 / c)).round().clamp(1.0, LARGEST_FLOW) as u32
    }

    fn id(&self, salt: u64, number: u64) -> Identifier {
        let seed = mix(self.options.seed) ^ salt;
        identifier((mix(seed ^ number), mix(seed.rotate_left(17) ^ number)), Spelling::Uuid)
    }

    /// Writes one planned record; `None` for one that lies where nobody taps.
    fn write(&mut self, at: i64, plan: Plan) -> Option<Made> {
        let untapped = plan.hand.is_none() && self.random.f64() < self.shape.untapped;
        let mut made = match (&plan.job, &plan.hand) {
            (Job::Duplicate, Some(hand)) => duplicate(hand),
            (Job::Retry { first }, Some(hand)) => self.failure(What::Retry, first, hand),
            (Job::DeadLetter { first }, Some(hand)) => self.failure(What::DeadLetter, first, hand),
            _ => self.event(&plan),
        };
        let service = self.topology.services[usize::from(plan.service)];
        (made.number, made.written, made.service) = (self.written, at, plan.service);
        let not_before = plan.hand.as_ref().filter(|hand| hand.id.is_some() && hand.id == made.id);
        // Whoever writes an id again never dates it before the first time.
        let not_before = not_before.map_or(i64::MIN, |hand| hand.record_time + MILLISECOND);
        made.record_time = ((at + service.skew) / MILLISECOND * MILLISECOND).max(not_before);
        made.cause_written = plan.hand.as_ref().map_or(at, |hand| hand.written);
        made.topic = match plan.job {
            Job::Retry { .. } => self.options.topics.0 + plan.service,
            Job::DeadLetter { .. } => self.options.topics.0 + SERVICES + plan.service,
            Job::Duplicate => made.topic,
            Job::Event => self.topology.types[usize::from(plan.event_type)].topic,
        };
        if untapped {
            made.holder = None;
        } else {
            self.settle_place(&mut made, &plan);
            self.written += 1;
        }
        if let (Gate::First(gate), false) = (plan.gate, untapped) {
            self.gates.insert(gate, made.reference);
        }
        let written = (!untapped).then(|| made.clone());
        self.follow(at, plan, Rc::new(made));
        written
    }

    /// Gives the record its offset, and what depends on its name.
    fn settle_place(&mut self, made: &mut Made, plan: &Plan) {
        let home = self.homes[usize::from(made.topic)];
        let business = made.topic < self.options.topics.0;
        let partitions = if business { u64::from(self.options.topics.1) } else { FAILURE_PARTITIONS as u64 };
        // Records of one flow have one key. Whoever publishes twice without one finds another partition.
        let stray = matches!(plan.job, Job::Duplicate) && self.random.bool();
        let place = home + (mix(made.flow + u64::from(stray)) % partitions) as u32;
        let offset = &mut self.next[place as usize];
        made.reference = EventRef::new(Ordinal(place), *offset);
        *offset += 1;
        if made.original.is_none() {
            made.first = made.reference;
        }
        made.holder.get_or_insert(made.reference);
    }

    fn event(&mut self, plan: &Plan) -> Made {
        let service = self.topology.services[usize::from(plan.service)];
        let cause = plan.hand.as_deref().filter(|hand| hand.holder.is_some());
        // A retry carries headers of the framework that wrote it, which no service copies.
        let copied = cause.filter(|hand| hand.what != What::Retry);
        if let (TraceHabit::Copies, Some(hand)) = (service.trace, copied) {
            return forward(hand, plan.also);
        }
        let number = self.planned + (self.written << 24);
        let without = self.random.f64() < self.shape.without_ids;
        let id = (!without).then(|| self.id(ID, number));
        let named = plan.hand.as_deref().and_then(|hand| hand.id);
        let declared = match (&plan.hand, named) {
            _ if without => Declared::Nothing(Silence::WithoutIds),
            _ if plan.flow.hidden => Declared::Nothing(Silence::Hidden),
            (None, _) if service.says_root => Declared::Root,
            (None, _) => Declared::Nothing(Silence::NotCaused),
            (Some(_), None) => Declared::Nothing(Silence::CauseWithoutId),
            (Some(hand), Some(_)) => hand.holder.map_or(Declared::Absent, Declared::Names),
        };
        let declared = match declared {
            // Nothing is kept silent where there is nothing to say.
            Declared::Nothing(_) if plan.hand.is_none() => Declared::Nothing(Silence::NotCaused),
            declared => declared,
        };
        let causation = match declared {
            Declared::Root => id,
            Declared::Names(_) | Declared::Absent => named,
            Declared::Nothing(_) => None,
        };
        let hub = self.random.f64() < self.shape.hub;
        let correlation = if hub { Some(self.id(CORRELATION, 0)) } else { plan.flow.correlation };
        let trace = self.trace(&service, plan, number);
        let before = plan.hand.as_deref().and_then(|hand| hand.trace.context()).map(|context| context.identifier());
        Made {
            number: 0,
            reference: EventRef(0),
            written: 0,
            record_time: 0,
            flow: plan.flow.number,
            service: plan.service,
            topic: 0,
            event_type: plan.event_type,
            what: What::Event,
            id,
            causation,
            correlation: correlation.filter(|_| !without),
            trace,
            failed: None,
            declared,
            cause: cause.map(|hand| hand.reference),
            cause_first: cause.map(|hand| hand.first),
            cause_written: 0,
            also: plan.also,
            original: None,
            first: EventRef(0),
            holder: None,
            same_trace: before.is_some() && before == trace.context().map(|context| context.identifier()),
        }
    }

    fn trace(&mut self, service: &Service, plan: &Plan, number: u64) -> Trace {
        if service.trace == TraceHabit::None {
            return Trace::None;
        }
        if self.random.f64() < self.shape.malformed {
            return Trace::Malformed;
        }
        let parent_id = mix(mix(self.options.seed) ^ SPAN ^ number).max(1);
        let kept = plan.hand.as_deref().and_then(|hand| hand.trace.context());
        let kept = kept.filter(|_| service.trace != TraceHabit::Breaks);
        Trace::Context(match kept {
            Some(context) => TraceContext { parent_id, ..context },
            None => {
                let Identifier { hi: trace_hi, lo: trace_lo, .. } = self.id(TRACE, number);
                TraceContext { trace_hi, trace_lo, parent_id }
            }
        })
    }

    /// A record that a consumer failed on, written to a topic of its own; `hand` is the attempt before.
    fn failure(&mut self, what: What, first: &Rc<Made>, hand: &Rc<Made>) -> Made {
        let number = self.planned + (self.written << 24);
        let coordinates = first.id.is_none() || first.service.is_multiple_of(2);
        let failed = coordinates.then_some(first.reference);
        let named = failed.or(first.holder);
        let parent_id = mix(mix(self.options.seed) ^ SPAN ^ number).max(1);
        let trace = match first.trace {
            Trace::Context(context) => Trace::Context(TraceContext { parent_id, ..context }),
            other => other,
        };
        Made {
            what,
            trace,
            failed,
            declared: named.map_or(Declared::Absent, Declared::Names),
            cause: Some(hand.reference),
            cause_first: Some(first.first),
            also: None,
            original: Some(hand.reference),
            first: first.first,
            same_trace: trace.context().is_some(),
            ..(**first).clone()
        }
    }

    /// Plans what the record causes.
    fn follow(&mut self, at: i64, plan: Plan, made: Rc<Made>) {
        let Plan { job, flow, event_type, budget, depth, gate, .. } = plan;
        let next = |job: Job, service: u16, budget: u32| Plan {
            job,
            flow,
            event_type,
            service,
            budget,
            depth,
            hand: Some(made.clone()),
            also: None,
            gate: Gate::None,
        };
        if let Gate::Last(gate, joined) = gate
            && let Some(also) = self.gates.remove(&gate)
        {
            let service = self.topology.types[usize::from(joined)].service;
            let joined = Plan { event_type: joined, depth: depth + 1, ..next(Job::Event, service, 0) };
            self.plan_after(at, Plan { also: Some(also), ..joined });
        }
        match job {
            Job::Duplicate | Job::DeadLetter { .. } => {}
            Job::Retry { first } if self.random.u32(..100) >= HEALED_PERCENT => {
                self.plan_after(at, next(Job::DeadLetter { first }, made.service, 0));
            }
            Job::Retry { .. } => self.plan_effects(at, &next(Job::Event, 0, budget)),
            Job::Event => {
                let written = made.holder.is_some();
                if written && self.random.f64() < self.shape.duplicates {
                    let again = at + self.random.i64(1..500) * MILLISECOND;
                    self.plan(again, next(Job::Duplicate, made.service, 0));
                }
                if written && self.random.f64() < self.shape.failed {
                    let consumer = self.consumer(event_type);
                    self.plan_after(at, next(Job::Retry { first: made.clone() }, consumer, budget));
                } else {
                    self.plan_effects(at, &next(Job::Event, 0, budget));
                }
            }
        }
    }

    /// Who reads a type.
    fn consumer(&self, event_type: u16) -> u16 {
        let effects = &self.topology.types[usize::from(event_type)].effects;
        let first = effects.first().map(|effect| self.topology.types[usize::from(*effect)].service);
        first.unwrap_or(event_type % SERVICES)
    }

    fn plan_after(&mut self, at: i64, plan: Plan) {
        let latency = self.latency(plan.service);
        self.plan(at + latency, plan);
    }

    fn latency(&mut self, service: u16) -> i64 {
        let mean = self.topology.services[usize::from(service)].latency;
        let drawn = -(1.0 - self.random.f64()).ln() * mean;
        (drawn as i64).clamp(MILLISECOND, 30_000 * MILLISECOND)
    }

    /// Plans the effects of the record in `model`'s hand.
    fn plan_effects(&mut self, at: i64, model: &Plan) {
        let slots = self.topology.types[usize::from(model.event_type)].effects.clone();
        if slots.is_empty() || model.budget == 0 || model.depth >= DEEPEST {
            return;
        }
        let count = self.fan_out(model.budget);
        let shift = self.random.usize(..slots.len());
        let join = count > 1 && self.random.f64() < self.shape.joins;
        let mut left = model.budget - count;
        let mut ends = [0; 2];
        for number in 0..count {
            let event_type = slots[(shift + number as usize) % slots.len()];
            let service = self.topology.types[usize::from(event_type)].service;
            let share = if number + 1 == count { left } else { self.random.u32(..=left) };
            left -= share;
            // A bulk job writes one record after the other.
            let delay = self.latency(service) + i64::from(number) * 200;
            let mut gate = Gate::None;
            if join && number < 2 {
                ends[number as usize] = delay;
                let joined = slots[0];
                gate = match number {
                    // The siblings react in the order of their delays; the second one waits for the first.
                    0 => Gate::First(self.planned),
                    _ => Gate::Last(self.planned - 1, joined),
                };
            }
            let delay = if number == 1 && join { delay.max(ends[0] + 1) } else { delay };
            let plan = Plan {
                job: Job::Event,
                flow: model.flow,
                event_type,
                service,
                budget: share,
                depth: model.depth + 1,
                hand: model.hand.clone(),
                also: None,
                gate,
            };
            self.plan(at + delay, plan);
        }
    }

    fn fan_out(&mut self, budget: u32) -> u32 {
        if self.shape.bulk && budget >= BULK && self.random.bool() {
            return self.random.u32(BULK..=budget);
        }
        let drawn = self.random.u32(..10);
        let range = FAN_OUT.iter().find(|(below, _)| drawn < *below).map_or(1..=1, |(_, range)| range.clone());
        self.random.u32(range).min(budget)
    }

    /// The topic under this number gets partitions of its own: the old ones are gone.
    fn recreate(&mut self, topic: u16) {
        let home = self.homes[usize::from(topic)] as usize;
        let partitions = usize::from(self.options.topics.1);
        self.homes[usize::from(topic)] = self.places.len() as u32;
        for at in home..home + partitions {
            let place = Place { incarnation: self.places[at].incarnation + 1, ..self.places[at] };
            self.places.push(place);
            self.next.push(0);
        }
    }
}

fn duplicate(original: &Made) -> Made {
    Made { what: What::Duplicate, original: Some(original.reference), ..original.clone() }
}

/// A copy of all headers: the ids are those of what was copied, and so is what they name.
fn forward(hand: &Made, also: Option<EventRef>) -> Made {
    Made {
        what: What::Forward,
        cause: Some(hand.reference),
        cause_first: Some(hand.first),
        also,
        original: Some(hand.reference),
        failed: None,
        same_trace: hand.trace.context().is_some(),
        ..hand.clone()
    }
}

impl Iterator for Stream {
    type Item = Made;

    fn next(&mut self) -> Option<Made> {
        while self.written < self.options.events {
            if self.options.recreate && !self.recreated && self.written * 2 >= self.options.events {
                self.recreated = true;
                self.recreate(RECREATED);
            }
            while self.due.peek().is_none_or(|Reverse((at, ..))| *at >= self.next_flow) {
                self.begin_flow();
            }
            let Reverse((at, _, slot)) = self.due.pop()?;
            self.now = at;
            let plan = self.plans[slot as usize].take()?;
            self.free.push(slot);
            if let Some(made) = self.write(at, plan) {
                return Some(made);
            }
        }
        None
    }
}
