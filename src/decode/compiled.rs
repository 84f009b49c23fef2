//! The conventions, made ready to run: names indexed, fingerprints as sets of bits.

use super::convention;
use super::names::{Candidate, NameIndex, Place};
use super::row::{Condition, Convention, Encoding, Failure, Field, Location, Occurrence, Rank, Row, Says};
use crate::event::Kind;
use regex::Regex;
use std::sync::{Arc, LazyLock};

/// The conventions that come with the program, strongest first within each rank.
const FILES: &[&str] = &[
    include_str!("../../conventions/frameworks.toml"),
    include_str!("../../conventions/failures.toml"),
    include_str!("../../conventions/tracing.toml"),
    include_str!("../../conventions/bodies.toml"),
    include_str!("../../conventions/generic.toml"),
];

/// A row as the engine reads it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Number of its convention.
    pub convention: u16,
    /// Its bit in the convention's set.
    pub slot: u8,
    /// How the value is written.
    pub encoding: Encoding,
    /// Rank of the convention above the number of the row: smaller is stronger.
    pub strength: u32,
    /// Whether later occurrences are stronger.
    pub last: bool,
    /// What the value has to be; where that fails, the row finds nothing.
    pub says: Option<Says>,
    /// Values that say nothing.
    pub ignore: Vec<String>,
    /// What an attribute or a noted field is called.
    pub label: Arc<str>,
}

/// A convention as the engine reads it.
#[derive(Debug, Clone)]
pub struct Recognition {
    /// The name that people see.
    pub name: Arc<str>,
    /// What it makes of a record that names a failure.
    pub failure: Failure,
    /// Beginning of the error classes with which its coordinates are not to be trusted.
    pub doubt: Option<String>,
    /// What its records are.
    pub kind: Option<Kind>,
    /// Whether what passed until the record was written is kept.
    pub publish_delay: bool,
    /// The topics on which it counts; `None` for all.
    pub topics: Option<Regex>,
    /// Sets of bits of which one must be there.
    pub sets: Vec<u64>,
    /// Least number of different fields.
    pub least: u32,
    /// Whether a header alone can say that the body follows it.
    pub announces_body: bool,
}

/// Bits of all fields.
const FIELDS: u64 = (1 << Field::COUNT) - 1;

impl Recognition {
    /// Whether a record on which these fields and conditions were found follows the convention.
    #[inline]
    pub fn holds(&self, found: u64) -> bool {
        (self.sets.is_empty() || self.sets.iter().any(|set| found & set == *set))
            && (self.least <= 1 || (found & FIELDS).count_ones() >= self.least)
    }
}

/// All conventions.
#[derive(Debug)]
pub struct Compiled {
    /// All rows.
    pub rules: Vec<Rule>,
    /// All conventions.
    pub conventions: Vec<Recognition>,
    /// Names of headers and of members of bodies.
    pub names: NameIndex,
    /// Rows that read the record key: the number of the field, and the row.
    pub key_fields: Vec<(u32, u16)>,
    /// Whether a convention of the user reads bodies: then they are read whatever the headers say.
    pub house_reads_bodies: bool,
}

/// The conventions that come with the program, built when they are first needed.
static SHIPPED: LazyLock<Arc<Compiled>> = LazyLock::new(|| Arc::new(Compiled::new(ranked(&[]), false)));

/// The conventions that come with the program. That all files can be read is a test.
pub fn shipped() -> Vec<Convention> {
    FILES.iter().flat_map(|text| convention::read(text).unwrap_or_default()).collect()
}

/// The same behind the user's own, in the order of their numbers.
pub fn ranked(house: &[Convention]) -> Vec<Convention> {
    let mut all = [house, &shipped()].concat();
    all.sort_by_key(|convention| convention.rank);
    all
}

impl Compiled {
    /// The conventions that come with the program, and nothing else.
    pub fn shipped() -> Arc<Self> {
        SHIPPED.clone()
    }

    /// Those and the user's own, which come first.
    pub fn with(house: &[Convention]) -> Arc<Self> {
        if house.is_empty() { Self::shipped() } else { Arc::new(Self::new(ranked(house), false)) }
    }

    /// The same with the fields that are of no use to the graph: for people who ask what a record holds.
    pub fn in_full(house: &[Convention]) -> Arc<Self> {
        Arc::new(Self::new(ranked(house), true))
    }

    /// `noted`: fields that are of no use to the graph are found too.
    fn new(all: Vec<Convention>, noted: bool) -> Self {
        let mut compiled = Self {
            rules: Vec::new(),
            conventions: Vec::with_capacity(all.len()),
            names: NameIndex::new(),
            key_fields: Vec::new(),
            house_reads_bodies: false,
        };
        for convention in all {
            compiled.add(convention, noted);
        }
        compiled.names = std::mem::replace(&mut compiled.names, NameIndex::new()).build();
        compiled
    }

    fn add(&mut self, convention: Convention, noted: bool) {
        let number = self.conventions.len() as u16;
        let rank = (convention.rank as u32) << 16;
        let house = convention.rank == Rank::House;
        for row in convention.rows.iter().filter(|row| noted || row.field != Field::Noted) {
            self.house_reads_bodies |= house && matches!(row.location, Location::Body(_));
            let strength = rank | self.rules.len() as u32;
            self.place(&row.location, convention.loose);
            self.rules.push(rule(number, strength, row));
        }
        let mut conditions = 0;
        let mut sets = Vec::new();
        for all_of in &convention.when {
            let mut set = 0;
            for condition in all_of {
                set |= match condition {
                    Condition::Field(field) => field.bit(),
                    Condition::There(location, says) => {
                        let slot = (Field::COUNT + conditions) as u8;
                        conditions += 1;
                        self.place(location, convention.loose);
                        self.rules.push(condition_rule(number, slot, says.clone()));
                        1 << slot
                    }
                };
            }
            sets.push(set);
        }
        let of_headers = |all_of: &Vec<Condition>| all_of.iter().all(Condition::is_of_header);
        let reads_body = convention.rows.iter().any(|row| matches!(row.location, Location::Body(_)));
        self.conventions.push(Recognition {
            name: convention.name.into(),
            failure: convention.failure,
            doubt: convention.doubt,
            kind: convention.kind,
            publish_delay: convention.publish_delay,
            topics: convention.topics.and_then(|pattern| Regex::new(&pattern).ok()),
            sets,
            least: convention.least,
            announces_body: reads_body && convention.when.iter().any(of_headers),
        });
    }

    /// Enters the names of the row that comes next where they are looked up.
    fn place(&mut self, location: &Location, loose: bool) {
        let row = self.rules.len() as u16;
        match location {
            Location::Header(spellings) => {
                for name in spellings {
                    let exact = (!loose).then(|| name.as_str().into());
                    self.names.add(Place::HEADERS, name, Candidate { row, exact });
                }
            }
            Location::Body(levels) => self.place_path(Place::BODY, levels, row),
            Location::KeyField(number) => self.key_fields.push((*number, row)),
        }
    }

    fn place_path(&mut self, place: Place, levels: &[Vec<String>], row: u16) {
        let Some((names, deeper)) = levels.split_first() else { return };
        for name in names {
            if deeper.is_empty() {
                self.names.add(place, name, Candidate { row, exact: None });
            } else if let Some(members) = self.names.enter(place, name) {
                self.place_path(members, deeper, row);
            }
        }
    }
}

fn rule(convention: u16, strength: u32, row: &Row) -> Rule {
    Rule {
        convention,
        slot: row.field.slot(),
        encoding: row.encoding.clone(),
        strength,
        last: row.occurrence == Occurrence::Last,
        says: row.only.clone(),
        ignore: row.ignore.clone(),
        label: row.label.as_str().into(),
    }
}

fn condition_rule(convention: u16, slot: u8, says: Says) -> Rule {
    Rule {
        convention,
        slot,
        encoding: Encoding::Text,
        strength: u32::MAX,
        last: false,
        says: Some(says),
        ignore: Vec::new(),
        label: "".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_file_can_be_read_and_names_are_told_apart() {
        let mut names = HashSet::new();
        for file in FILES {
            for convention in convention::read(file).unwrap() {
                assert!(names.insert(convention.name.clone()), "{}", convention.name);
            }
        }
        assert_eq!(names.len(), shipped().len());
    }

    #[test]
    fn no_fingerprint_asks_for_a_field_that_its_convention_cannot_give() {
        for convention in shipped() {
            let given = convention.rows.iter().fold(0, |set, row| set | row.field.bit());
            let asked = convention.when.iter().flatten().fold(0, |set, condition| match condition {
                Condition::Field(field) => set | field.bit(),
                Condition::There(..) => set,
            });
            assert_eq!(asked & !given, 0, "{}", convention.name);
            assert!(given == 0 || given.count_ones() >= convention.least, "{}", convention.name);
        }
    }

    /// `tests/fixtures/catalogue.tsv` lists what frameworks write, read in their sources: framework, field, place, name.
    #[test]
    fn every_name_that_a_framework_writes_is_known() {
        let table = Compiled::in_full(&[]);
        let unknown: Vec<&str> = include_str!("../../tests/fixtures/catalogue.tsv")
            .lines()
            .filter(|line| {
                let mut columns = line.split('\t').skip(2);
                let (place, name) = (columns.next().unwrap(), columns.next().unwrap());
                !match place {
                    "header" => table.names.find(Place::HEADERS, name.as_bytes()).is_some(),
                    _ => leads_to_a_row(&table.names, name),
                }
            })
            .collect();
        assert_eq!(unknown, [""; 0]);
    }

    fn leads_to_a_row(names: &NameIndex, path: &str) -> bool {
        let mut place = Some(Place::BODY);
        let mut found = false;
        for name in path[1..].split('/') {
            let name = if name.bytes().all(|byte| byte.is_ascii_digit()) { "*" } else { name };
            let Some(entry) = place.and_then(|place| names.find(place, name.as_bytes())) else { return false };
            (place, found) = (entry.members, true);
        }
        found
    }
}
