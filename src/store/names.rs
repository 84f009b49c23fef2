//! Names of partitions and profiles as lists in the database's own macros: a view that takes them from there is one scan,
//! which DuckDB counts without reading and reads from its newest rows; a view that joins dictionaries is not.

use super::Error;
use super::file::run;
use super::query::{ask, private, write};
use super::restore::{partition, profile, rows};
use super::writer::{MAIN, Writer, time};
use crate::event::{Changes, PartitionRow, ProducerRow, ProfileRow};
use duckdb::{Appender, Connection, params};

/// Longest dictionary that becomes lists. DuckDB copies a list for every 2,048 rows that it is asked for: with 1,000 names
/// 40 ns a row, with 8,000 140 ns. Longer ones are joined.
const LISTED: usize = 4_096;

/// Makes the macros and the view `named_event` from the dictionaries as they stand.
pub(super) fn install(conn: &Connection) -> Result<(), Error> {
    let partitions = rows(conn, &ask::PARTITIONS, [], partition)?;
    let profiles = rows(conn, &ask::PROFILES, [], profile)?;
    let longest = partitions.iter().map(|row| row.ordinal.0 as usize + 1).max().unwrap_or(0).max(profiles.len());
    if longest > LISTED {
        return run(conn, &private::NAMED_EVENT);
    }
    let sql = fill(write::NAMES.sql, &lists(&partitions, &profiles));
    conn.execute_batch(&sql).map_err(Error::statement("run", write::NAMES.name))?;
    run(conn, &write::NAMED_EVENT_LISTED)
}

type List = (&'static str, Vec<String>);

/// Empty where there is no name.
fn lists(partitions: &[PartitionRow], profiles: &[ProfileRow]) -> Vec<List> {
    let places = partitions.iter().map(|row| row.ordinal.0 as usize + 1).max().unwrap_or(0);
    let of_partition = |value: &dyn Fn(&PartitionRow) -> String| {
        let mut list = vec![String::new(); places];
        partitions.iter().for_each(|row| list[row.ordinal.0 as usize] = value(row));
        list
    };
    let numbers = profiles.iter().map(|row| row.profile as usize + 1).max().unwrap_or(0);
    let of_profile = |value: &dyn Fn(&ProfileRow) -> &str| {
        let mut list = vec![String::new(); numbers];
        profiles.iter().for_each(|row| value(row).clone_into(&mut list[row.profile as usize]));
        list
    };
    vec![
        ("cluster", of_partition(&|row| row.partition.cluster.to_string())),
        ("topic", of_partition(&|row| row.partition.topic.to_string())),
        ("partition", of_partition(&|row| row.partition.partition.to_string())),
        ("base", of_partition(&|row| row.base.to_string())),
        ("incarnation", of_partition(&|row| row.incarnation.to_string())),
        ("type", of_profile(&|row| &row.content.kind)),
        ("source", of_profile(&|row| &row.content.source)),
        ("version", of_profile(&|row| &row.content.version)),
        ("convention", of_profile(&|row| &row.content.convention)),
    ]
}

/// What parts the names of a list.
const SEPARATOR: char = '\u{1f}';

/// Names as one text between quotes. They come from outside: a quote in one is doubled, and nothing else has a meaning
/// between quotes, but a zero byte would end the statement.
fn literal(names: &[String]) -> String {
    let foreign = |name: &String| name.replace([SEPARATOR, '\0'], "\u{fffd}").replace('\'', "''");
    let names: Vec<String> = names.iter().map(foreign).collect();
    format!("'{}'", names.join(&SEPARATOR.to_string()))
}

/// Puts the lists in their places. One whose names are all the same is a list of one, and every place is the first.
fn fill(template: &str, lists: &[List]) -> String {
    let mut sql = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, (name, after))) = rest.split_once('{').and_then(|(a, b)| Some((a, b.split_once('}')?))) {
        sql.push_str(before);
        let (name, place) = name.strip_suffix("_place").map_or((name, false), |name| (name, true));
        let names = lists.iter().find(|(list, _)| *list == name).map_or(&[][..], |(_, names)| names);
        let uniform = names.windows(2).all(|pair| pair[0] == pair[1]);
        match place {
            true => sql.push_str(if uniform { "1" } else { "n + 1" }),
            false => sql.push_str(&literal(if uniform { &names[..names.len().min(1)] } else { names })),
        }
        rest = after;
    }
    sql.push_str(rest);
    sql
}

impl Writer {
    /// Writes new dictionary rows.
    pub(super) fn dictionaries(&self, small: &Changes, topic_numbers: &[u32]) -> Result<(), Error> {
        let partitions: Vec<_> = small.partitions.iter().zip(topic_numbers).collect();
        self.rows(MAIN, "partition", &partitions, append_partition)?;
        self.rows(MAIN, "profile", &small.profiles, append_profile)?;
        self.rows(MAIN, "producer_row", &small.producers, append_producer)?;
        if !(small.partitions.is_empty() && small.profiles.is_empty()) {
            install(self.connection())?;
        }
        self.rows(MAIN, "alias_row", &small.aliases, |to, (old, current)| {
            to.append_row(params![old.0, current.0, time(small.at)])
        })
    }
}

fn absent(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn append_partition(to: &mut Appender<'_>, (row, topic): &(&PartitionRow, &u32)) -> duckdb::Result<()> {
    let p = &row.partition;
    to.append_row(params![
        row.ordinal.0,
        &*p.cluster,
        &*p.topic,
        uuid_text(p.topic_id),
        p.partition,
        row.incarnation,
        row.base,
        row.class.as_str(),
        topic
    ])
}

fn uuid_text(bytes: [u8; 16]) -> Option<String> {
    crate::event::Identifier::from_bytes(bytes).text()
}

fn append_profile(to: &mut Appender<'_>, row: &ProfileRow) -> duckdb::Result<()> {
    let c = &row.content;
    to.append_row(params![row.profile, absent(&c.kind), absent(&c.source), absent(&c.version), absent(&c.convention)])
}

fn append_producer(to: &mut Appender<'_>, row: &ProducerRow) -> duckdb::Result<()> {
    to.append_row(params![row.producer, &*row.cluster, row.producer_id, i32::from(row.epoch)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_take_their_places_and_hostile_names_stay_text() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let lists = [
            ("a", names(&["it's {a} '); DROP TABLE x; --", "", "zero\0unit\u{1f}end"])),
            ("b", names(&["7", "7"])),
            ("c", names(&[])),
        ];
        assert_eq!(
            fill("x({a})[{a_place}] y({b})[{b_place}] z({c})[{c_place}]", &lists),
            "x('it''s {a} ''); DROP TABLE x; --\u{1f}\u{1f}zero\u{fffd}unit\u{fffd}end')[n + 1] y('7')[1] z('')[1]"
        );
    }
}
