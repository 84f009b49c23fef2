//! How wild a stream is.

use std::str::FromStr;

/// How wild a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Every record has its ids, every partition is read in time.
    Calm,
    /// What a fleet of services of many ages writes on a good day.
    Typical,
    /// The same on a bad day: late partitions, duplicates, open transactions, a topic made again, clocks that are off.
    Hostile,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Calm, Self::Typical, Self::Hostile];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Typical => "typical",
            Self::Hostile => "hostile",
        }
    }

    /// What it means in numbers.
    pub const fn shape(self) -> Shape {
        match self {
            Self::Calm => CALM,
            Self::Typical => TYPICAL,
            Self::Hostile => HOSTILE,
        }
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|preset| preset.as_str() == name);
        found.ok_or_else(|| format!("no preset {name}; there are calm, typical and hostile"))
    }
}

/// A preset in numbers. Shares are of records unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Records that carry no ids, neither their own nor their cause's.
    pub without_ids: f64,
    /// Records whose trace context breaks the rules.
    pub malformed: f64,
    /// Events that are published twice.
    pub duplicates: f64,
    /// Events that a consumer fails on: a retry, and now and then a dead letter.
    pub failed: f64,
    /// Flows that begin on a topic which nobody taps.
    pub untapped: f64,
    /// Records with the one correlation id that a careless service writes on everything.
    pub hub: f64,
    /// Pairs of siblings that an event needs both of.
    pub joins: f64,
    /// Effects whose type lies anywhere in the topology, so that types cause each other in circles.
    pub circles: f64,
    /// Whether a flow of a thousand events may be one job with a thousand effects.
    pub bulk: bool,
    /// Services that start a new trace with each record they write: they read batches.
    pub breaking: u16,
    /// … that copy the headers of what they read, ids and trace context alike.
    pub copying: u16,
    /// … that write no trace context.
    pub untraced: u16,
    /// A broker may be read so many reads later than another.
    pub lag_reads: u64,
    /// Clocks of services are off by up to so many ms.
    pub skew_ms: i64,
    /// One partition is read 90 minutes late, or by a third of a short stream.
    pub late: bool,
    /// A transaction holds a partition for 3 s every minute, and services that read uncommitted records go on meanwhile.
    pub held: bool,
}

const CALM: Shape = Shape {
    without_ids: 0.0,
    malformed: 0.0,
    duplicates: 0.0,
    failed: 0.001,
    untapped: 0.001,
    hub: 0.0,
    joins: 0.02,
    circles: 0.0,
    bulk: true,
    breaking: 4,
    copying: 0,
    untraced: 0,
    lag_reads: 0,
    skew_ms: 0,
    late: false,
    held: false,
};

const TYPICAL: Shape = Shape {
    without_ids: 0.05,
    malformed: 0.002,
    duplicates: 0.002,
    failed: 0.005,
    untapped: 0.002,
    joins: 0.05,
    breaking: 8,
    copying: 3,
    untraced: 2,
    lag_reads: 1,
    skew_ms: 5,
    ..CALM
};

const HOSTILE: Shape = Shape {
    malformed: 0.01,
    duplicates: 0.01,
    untapped: 0.005,
    hub: 0.000_5,
    circles: 0.05,
    copying: 5,
    lag_reads: 2,
    skew_ms: 200,
    late: true,
    held: true,
    ..TYPICAL
};
