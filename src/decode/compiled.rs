//! The table of conventions, made ready to run: names indexed, fingerprints as sets of bits.

use super::names::{Candidate, Folded, NameIndex};
use super::row::{Encoding, Failure, Field, Fingerprint, Location, Names, Occurrence, Row, Sign};
use super::table::CONVENTIONS;
use std::sync::LazyLock;

/// Bits of all signs: they show a convention and are not counted as its fields.
const SIGNS: u32 =
    Field::Sign(Sign::Envelope).bit() | Field::Sign(Sign::ContentType).bit() | Field::Sign(Sign::Payload).bit();

/// A row as the engine reads it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Number of its convention.
    pub convention: u16,
    /// Number of its field.
    pub slot: u8,
    /// How the value is written.
    pub encoding: Encoding,
    /// Rank of the convention above the number of the row: smaller is stronger.
    pub strength: u32,
    /// Whether later occurrences are stronger.
    pub last: bool,
}

/// How a convention is recognised, in bits.
#[derive(Debug, Clone)]
enum Test {
    Any,
    Has(Vec<u32>),
    Fields(u32, u32),
}

/// A convention as the engine reads it.
#[derive(Debug, Clone)]
pub struct Recognition {
    /// The name that people see.
    pub name: &'static str,
    /// What it makes of a record that names a failure.
    pub failure: Failure,
    test: Test,
}

impl Recognition {
    /// Whether a record on which these fields were found follows the convention.
    #[inline]
    pub fn holds(&self, fields: u32) -> bool {
        match &self.test {
            Test::Any => true,
            Test::Has(sets) => sets.iter().any(|set| fields & set == *set),
            Test::Fields(least, sign) => fields & sign != 0 && (fields & !SIGNS).count_ones() >= *least,
        }
    }
}

/// The whole table.
#[derive(Debug)]
pub struct Compiled {
    /// All rows.
    pub rules: Vec<Rule>,
    /// All conventions.
    pub conventions: Vec<Recognition>,
    /// Header names.
    pub headers: NameIndex,
    /// Members of a body, as `member` or `parent/member`.
    pub members: NameIndex,
}

/// The table, built when it is first needed.
pub static TABLE: LazyLock<Compiled> = LazyLock::new(Compiled::new);

impl Compiled {
    fn new() -> Self {
        let (mut rules, mut conventions) = (Vec::new(), Vec::new());
        let (mut headers, mut members) = (Vec::new(), Vec::new());
        for (number, convention) in CONVENTIONS.iter().enumerate() {
            for row in convention.rows {
                let id = rules.len() as u16;
                rules.push(Rule {
                    convention: number as u16,
                    slot: row.field.slot(),
                    encoding: row.encoding,
                    strength: (convention.rank as u32) << 16 | u32::from(id),
                    last: row.occurrence == Occurrence::Last,
                });
                place(row, id, convention.names, (&mut headers, &mut members));
            }
            let test = match convention.fingerprint {
                Fingerprint::Any => Test::Any,
                Fingerprint::Has(sets) => Test::Has(sets.iter().map(|set| bits(set)).collect()),
                Fingerprint::Fields(least, sign) => Test::Fields(least, sign.bit()),
            };
            conventions.push(Recognition { name: convention.name, failure: convention.failure, test });
        }
        Self { rules, conventions, headers: NameIndex::new(headers), members: NameIndex::new(members) }
    }
}

fn bits(fields: &[Field]) -> u32 {
    fields.iter().fold(0, |set, field| set | field.bit())
}

type Placed = Vec<(Folded, Option<Candidate>)>;

/// Enters the names of `row` where they are looked up.
fn place(row: &Row, id: u16, names: Names, (headers, members): (&mut Placed, &mut Placed)) {
    let loose = Some(Candidate { row: id, exact: None });
    let fold = |name: &str| Folded::new(name.as_bytes());
    match row.location {
        Location::Header(spellings) => headers.extend(spellings.iter().filter_map(|name| {
            let exact = (names == Names::Exact).then_some(*name);
            Some((fold(name)?, Some(Candidate { row: id, exact })))
        })),
        Location::Member(spellings) => members.extend(spellings.iter().filter_map(|name| Some((fold(name)?, loose)))),
        Location::Nested(parents, spellings) => {
            for parent in parents.iter().filter_map(|parent| fold(parent)) {
                members.push((parent, None));
                members.extend(spellings.iter().filter_map(|name| Some((parent.member(name.as_bytes())?, loose))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::names::MAX_NAME_BYTES;
    use std::collections::HashSet;

    #[test]
    fn every_name_of_every_row_leads_to_its_row() {
        let mut id = 0;
        for convention in CONVENTIONS {
            for row in convention.rows {
                let found = |index: &NameIndex, name: Option<Folded>| {
                    let name = name.unwrap();
                    assert!(
                        index.find(&name).unwrap().1.candidates.iter().any(|c| c.row == id),
                        "{} {row:?}",
                        convention.name
                    );
                };
                match row.location {
                    Location::Header(names) => {
                        names.iter().for_each(|n| found(&TABLE.headers, Folded::new(n.as_bytes())));
                    }
                    Location::Member(names) => {
                        names.iter().for_each(|n| found(&TABLE.members, Folded::new(n.as_bytes())));
                    }
                    Location::Nested(parents, names) => {
                        for parent in parents {
                            assert!(parent.len() <= MAX_NAME_BYTES);
                            let parent = Folded::new(parent.as_bytes()).unwrap();
                            names.iter().for_each(|n| found(&TABLE.members, parent.member(n.as_bytes())));
                        }
                    }
                }
                id += 1;
            }
        }
        assert_eq!(id as usize, TABLE.rules.len());
    }

    #[test]
    fn conventions_are_told_apart_by_name_and_stand_in_order_of_rank() {
        let names: HashSet<_> = CONVENTIONS.iter().map(|c| c.name).collect();
        assert_eq!(names.len(), CONVENTIONS.len());
        assert!(CONVENTIONS.iter().all(|c| !c.rows.is_empty()));
        assert!(CONVENTIONS.is_sorted_by_key(|c| c.rank));
    }

    #[test]
    fn no_fingerprint_asks_for_a_field_that_its_convention_cannot_give() {
        for (convention, recognition) in CONVENTIONS.iter().zip(&TABLE.conventions) {
            let all = convention.rows.iter().fold(0, |set, row| set | row.field.bit());
            assert!(recognition.holds(all), "{}", convention.name);
            match &recognition.test {
                Test::Has(sets) => assert!(sets.iter().all(|set| all & set == *set && *set != 0)),
                Test::Fields(_, sign) => assert!(all & sign != 0),
                Test::Any => {}
            }
        }
    }
}
