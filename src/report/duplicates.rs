//! Events that came again: one id twice on a topic, and one cause with the same effect twice, with what made them where
//! the ledger saw it.

use super::rows::Duplicate;
use super::style::{self, Style, Tone};
use super::text::Look;
use crate::event::clean;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Topics and types that are told.
const KINDS_MAX: usize = 20;
/// Events of one topic and type that are told.
const EVENTS_MAX: usize = 6;
/// Rewinds told of one topic and type.
const REWINDS_MAX: usize = 4;
/// Columns for a name.
const NAME_MAX: usize = 48;

/// All that came again in `window`, the most frequent topic and type first.
pub fn render(duplicates: &[Duplicate], window: &str, look: &Look<'_>) -> String {
    let Look { style, reach, .. } = *look;
    let with = |kind: &str| duplicates.iter().filter(|one| one.kind == kind).count() as i64;
    let head = format!("{window} · {} came again", style::plural(duplicates.len() as i64, "event"));
    let (ids, effects) = (style::count(with("same_id")), style::count(with("same_effect")));
    let mut out = format!(
        "{} · {ids} with an id that was there, {effects} of a cause that had such an effect\n",
        style.paint(Tone::Strong, &head)
    );
    let mut kinds: BTreeMap<(&str, &str, &str), Vec<&Duplicate>> = BTreeMap::new();
    for one in duplicates {
        let name = one.event_type.as_deref().unwrap_or_default();
        kinds.entry((&one.kind, &one.topic, name)).or_default().push(one);
    }
    let mut kinds: Vec<Vec<&Duplicate>> = kinds.into_values().collect();
    kinds.sort_by_key(|ones| std::cmp::Reverse(ones.len()));
    for ones in kinds.iter().take(KINDS_MAX) {
        kind(&mut out, ones, style);
    }
    if kinds.len() > KINDS_MAX {
        let _ = writeln!(out, "\n  … and {} more topics and types", kinds.len() - KINDS_MAX);
    }
    if let Some(first) = duplicates.first() {
        let place = super::ticket::quoted(&clean(&first.coordinates));
        let _ = writeln!(out, "\n  {}   headwater trace {place}{reach}", style.paint(Tone::Faint, "next"));
    }
    out
}

fn kind(out: &mut String, ones: &[&Duplicate], style: &Style) {
    let Some(first) = ones.first() else { return };
    let name = style::fit(first.event_type.as_deref().unwrap_or(&first.topic), NAME_MAX);
    let topic = style::fit(&first.topic, NAME_MAX);
    let times = style::plural(ones.len() as i64, "time");
    let what = match first.kind.as_str() {
        "same_id" => format!("{name} on {topic}: the same id again, {times}"),
        _ => format!("{name} on {topic}: again for the same cause, {times}"),
    };
    let _ = writeln!(out, "\n  {} {what} ({})", style.paint(Tone::Warn, "≡"), usual(first));
    for one in ones.iter().take(EVENTS_MAX) {
        let _ = writeln!(out, "      {}", places(one));
    }
    if ones.len() > EVENTS_MAX {
        let _ = writeln!(out, "      … and {} more; --json lists them", style::count((ones.len() - EVENTS_MAX) as i64));
    }
    let mut rewinds: Vec<String> = ones.iter().filter_map(|one| rewind(one)).collect();
    rewinds.sort();
    rewinds.dedup();
    for rewind in rewinds.iter().take(REWINDS_MAX) {
        let _ = writeln!(out, "      {} {rewind}", style.paint(Tone::Faint, "why"));
    }
    if rewinds.is_empty() && ones.iter().any(|one| one.came_back) {
        let why = "a group came back to these after it had dealt with later ones; no commit tells of it";
        let _ = writeln!(out, "      {} {why}", style.paint(Tone::Faint, "why"));
    }
}

/// `99.4 % of 166 come once`.
fn usual(one: &Duplicate) -> String {
    let once = (one.usual * one.known as f64).round() as i64;
    format!("{} of {} come once", style::percent(once, one.known), style::count(one.known))
}

/// `payments/1/11 after payments/1/10, both of orders/1/9`.
fn places(one: &Duplicate) -> String {
    let of = one.cause_coordinates.as_ref().map(|cause| format!(", both of {cause}")).unwrap_or_default();
    clean(&format!("{} after {}{of}", one.coordinates, one.first_coordinates))
}

/// `billing payments/3 went back from 812 to 775 at 10:42:07.120; these offsets ran twice`.
pub fn rewind(one: &Duplicate) -> Option<String> {
    let group = one.consumer_group.as_ref()?;
    let (topic, partition) = (one.cause_topic.as_ref()?, one.cause_partition?);
    let at = style::date_time(one.rewound_at?);
    Some(clean(&format!(
        "{group} {topic}/{partition} went back from {} to {} at {at} UTC; these offsets ran twice",
        one.from_offset?, one.to_offset?
    )))
}

/// What a trace says of an event that came again.
pub fn note(one: &Duplicate) -> String {
    let first = clean(&one.first_coordinates);
    let why = match (rewind(one), one.came_back) {
        (Some(rewind), _) => format!(": {rewind}"),
        (None, true) => ": its group came back to the cause after later ones".to_owned(),
        (None, false) => String::new(),
    };
    match one.kind.as_str() {
        "same_id" => format!("≡ again: the same id as {first}{why}"),
        _ => format!("≡ again: its cause has {first} already{why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timestamp;

    fn duplicate(kind: &str, offset: i64, group: Option<&str>) -> Duplicate {
        Duplicate {
            kind: kind.to_owned(),
            topic: "invoices".to_owned(),
            event_type: Some("invoice.issued".to_owned()),
            reference: offset,
            coordinates: format!("invoices/0/{offset}"),
            first_coordinates: format!("invoices/0/{}", offset - 40),
            cause_coordinates: (kind == "same_effect").then(|| format!("payments/3/{}", offset + 700)),
            seen_time: Timestamp(1_763_635_267_120_000),
            nth: 2,
            usual: 0.98,
            known: 4_000,
            came_back: group.is_none(),
            consumer_group: group.map(str::to_owned),
            from_offset: group.map(|_| 812),
            to_offset: group.map(|_| 775),
            rewound_at: group.map(|_| Timestamp(1_763_635_200_000_000)),
            cause_topic: Some("payments".to_owned()),
            cause_partition: Some(3),
        }
    }

    #[test]
    fn what_ran_twice_is_told_with_the_rewind_that_made_it() {
        let rows: Vec<Duplicate> = (75..84)
            .map(|offset| duplicate("same_effect", offset, Some("billing")))
            .chain([duplicate("same_id", 90, None)])
            .collect();
        let style = Style::default();
        let look = Look { style: &style, now: Timestamp(0), reach: " --db x.duckdb" };
        insta::assert_snapshot!(render(&rows, "last 24 h", &look), @r"
            last 24 h · 10 events came again · 1 with an id that was there, 9 of a cause that had such an effect

              ≡ invoice.issued on invoices: again for the same cause, 9 times (98 % of 4,000 come once)
                  invoices/0/75 after invoices/0/35, both of payments/3/775
                  invoices/0/76 after invoices/0/36, both of payments/3/776
                  invoices/0/77 after invoices/0/37, both of payments/3/777
                  invoices/0/78 after invoices/0/38, both of payments/3/778
                  invoices/0/79 after invoices/0/39, both of payments/3/779
                  invoices/0/80 after invoices/0/40, both of payments/3/780
                  … and 3 more; --json lists them
                  why billing payments/3 went back from 812 to 775 at 2025-11-20 10:40:00.000 UTC; these offsets ran twice

              ≡ invoice.issued on invoices: the same id again, 1 time (98 % of 4,000 come once)
                  invoices/0/90 after invoices/0/50
                  why a group came back to these after it had dealt with later ones; no commit tells of it

              next   headwater trace invoices/0/75 --db x.duckdb
            ");
        assert_eq!(
            note(&rows[0]),
            "≡ again: its cause has invoices/0/35 already: billing payments/3 went back from 812 to 775 at \
             2025-11-20 10:40:00.000 UTC; these offsets ran twice"
        );
        assert_eq!(
            note(&rows[9]),
            "≡ again: the same id as invoices/0/50: its group came back to the cause after later ones"
        );
    }
}
