//! Which service writes what when it reads what.

use super::Shape;
use fastrand::Rng;

/// Services of the company.
pub const SERVICES: u16 = 40;
/// Types for each topic, in percent: some topics carry two.
const TYPES_PERCENT: u32 = 120;
/// Steps from the first type of a flow to the last one, at most.
const LAYERS: usize = 20;
/// Types that each layer has at least.
const LAYER_LEAST: usize = 3;
/// An effect lies at most so many layers below its cause.
const STEP: usize = 3;
/// How unevenly topics are written to: the share of the n-th is 1 / n^1.1.
const ZIPF: f64 = 1.1;
/// Types that a type causes, one of these.
const EFFECTS: [usize; 8] = [1, 1, 1, 2, 2, 3, 4, 5];

/// What a service does with the trace context of what it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceHabit {
    /// The same trace, a span of its own.
    Keeps,
    /// A new trace for each record.
    Breaks,
    /// All headers as they came: the trace, the span and the ids.
    Copies,
    /// It writes none.
    None,
}

/// One service.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// What it does with the trace context.
    pub trace: TraceHabit,
    /// How far its clock is off, in µs.
    pub skew: i64,
    /// How long it takes to react, in µs on average.
    pub latency: f64,
    /// Whether the records that begin a flow say so: their causation id is their own id.
    pub says_root: bool,
}

/// One type of events.
#[derive(Debug, Clone)]
pub struct EventType {
    /// The topic it lies on.
    pub topic: u16,
    /// The service that writes it.
    pub service: u16,
    /// The types that it causes.
    pub effects: Vec<u16>,
}

/// Which service writes what when it reads what.
#[derive(Debug, Clone)]
pub struct Topology {
    /// Services by number.
    pub services: Vec<Service>,
    /// Types by number.
    pub types: Vec<EventType>,
    /// Types that begin flows, with the sum of their weights up to each.
    entries: Vec<(f64, u16)>,
}

impl Topology {
    /// A company of this shape with so many topics.
    pub fn new(shape: &Shape, topics: u16, random: &mut Rng) -> Self {
        let mut numbers: Vec<u16> = (0..topics).collect();
        random.shuffle(&mut numbers);
        let count = usize::from(topics) * TYPES_PERCENT as usize / 100;
        let layers: Vec<usize> = (0..count).map(|number| layer(number, random)).collect();
        let topic = |number: usize| numbers[number % numbers.len()];
        let weight = |number: usize| 1.0 / f64::from(topic(number) + 1).powf(ZIPF);
        let among = |range: std::ops::RangeInclusive<usize>| {
            sums((0..count).filter(|number| range.contains(&layers[*number])).map(|n| (weight(n), n as u16)))
        };
        let below: Vec<_> = (0..LAYERS).map(|layer| among(layer + 1..=layer + STEP)).collect();
        let (anywhere, entries) = (among(0..=LAYERS), among(0..=0));
        let types = (0..count).map(|number| {
            let wanted = EFFECTS[random.usize(..EFFECTS.len())];
            let mut effects: Vec<u16> = (0..wanted)
                .filter_map(|_| {
                    let circle = random.f64() < shape.circles;
                    draw(if circle { &anywhere } else { &below[layers[number]] }, random)
                })
                .collect();
            effects.sort_unstable();
            effects.dedup();
            EventType { topic: topic(number), service: random.u16(..SERVICES), effects }
        });
        Self { types: types.collect(), services: services(shape, random), entries }
    }

    /// A type that begins a flow.
    pub fn entry(&self, random: &mut Rng) -> u16 {
        draw(&self.entries, random).unwrap_or_default()
    }
}

/// The first types fill each layer with its least; of the others half lie in the first, half of the rest in the second.
fn layer(number: usize, random: &mut Rng) -> usize {
    if number < LAYERS * LAYER_LEAST {
        return number % LAYERS;
    }
    (0..LAYERS - 1).find(|_| random.bool()).unwrap_or(LAYERS - 1)
}

fn services(shape: &Shape, random: &mut Rng) -> Vec<Service> {
    let (breaking, copying) = (shape.breaking, shape.breaking + shape.copying);
    let habit = |number: u16| match number {
        _ if number < breaking => TraceHabit::Breaks,
        _ if number < copying => TraceHabit::Copies,
        _ if number < copying + shape.untraced => TraceHabit::None,
        _ => TraceHabit::Keeps,
    };
    let service = |number: u16| Service {
        trace: habit(number),
        skew: random.i64(-shape.skew_ms..=shape.skew_ms) * 1_000,
        // From 0.4 to 20 s: most of it is time that records wait to be read.
        latency: 400_000.0 * 50f64.powf(random.f64()),
        says_root: number.is_multiple_of(2),
    };
    (0..SERVICES).map(service).collect()
}

fn sums(weighted: impl Iterator<Item = (f64, u16)>) -> Vec<(f64, u16)> {
    let mut sum = 0.0;
    weighted
        .map(|(weight, number)| {
            sum += weight;
            (sum, number)
        })
        .collect()
}

fn draw(sums: &[(f64, u16)], random: &mut Rng) -> Option<u16> {
    let (whole, _) = sums.last()?;
    let at = random.f64() * whole;
    Some(sums[sums.partition_point(|(sum, _)| *sum <= at).min(sums.len() - 1)].1)
}
