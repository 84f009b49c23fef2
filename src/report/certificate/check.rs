//! Each claim against the bytes.

use super::{Case, Checked, Claim, Exhibit, Witness};
use crate::event::{LINEAGE_CAUSED_PERCENT, LINEAGE_LEAST, LINEAGE_WINDOW, Timestamp};
use crate::report::rows::{BarrierEnd, TraceEdge, TraceFailure};
use crate::report::style;

/// Other events with the id of a missing cause that are named.
const NAMED_MAX: usize = 6;

/// All that is claimed of the record.
pub(super) fn claims(case: &Case) -> Vec<Claim> {
    let verdict = &case.verdict;
    let mut claims = Vec::new();
    for ((edge, _), cause) in verdict.causes.iter().zip(&case.causes) {
        claims.push(caused(&case.own, edge, cause));
    }
    match verdict.event.resolution.as_str() {
        "root" => claims.push(root(&case.own)),
        "unlinked" => claims.push(unlinked(&case.own)),
        "orphaned" | "waiting" => claims.extend(lost(case)),
        _ => {}
    }
    if let Some(failure) = &verdict.failure {
        claims.push(group(&case.own, failure));
        claims.extend(origin(case, failure));
        claims.extend(healed(case, failure));
        claims.extend(way(failure));
    }
    claims
}

fn claim(says: String, evidence: &str, exhibits: Vec<Exhibit>, (checked, because): (Checked, Option<String>)) -> Claim {
    let evidence = (!evidence.is_empty()).then(|| evidence.to_owned());
    Claim { says, evidence, exhibits, checked, because }
}

/// What the two say, compared; `None` where one of them says nothing.
fn same(one: Option<&str>, other: Option<&str>) -> Option<bool> {
    Some(one?.eq_ignore_ascii_case(other?))
}

/// How the comparison of what two records say counts.
fn agree(own: &Witness, cause: &Witness, says: (Option<&str>, Option<&str>)) -> (Checked, Option<String>) {
    let said = |value: Option<&str>| value.map_or_else(|| "nothing".to_owned(), |value| format!("`{value}`"));
    match same(says.0, says.1) {
        Some(true) if own.explanation.is_none() => (Checked::NotChecked, Some(unread(own))),
        Some(true) if cause.explanation.is_none() => {
            (Checked::Confirmed, Some(format!("of the cause, the database alone was asked: {}", unread(cause))))
        }
        Some(true) => (Checked::Confirmed, None),
        Some(false) => {
            let (one, other) = (said(says.0), said(says.1));
            (Checked::NotConfirmed, Some(format!("one says {one}, the other {other}")))
        }
        None if own.explanation.is_some() && says.0.is_none() => (
            Checked::NotConfirmed,
            Some("the record at those coordinates says otherwise: it names no cause so".to_owned()),
        ),
        None if cause.explanation.is_some() && says.1.is_none() => {
            let why = "the record at the coordinates of the cause says otherwise: it carries no such id";
            (Checked::NotConfirmed, Some(why.to_owned()))
        }
        None => (Checked::NotChecked, Some(unread(own))),
    }
}

fn unread(witness: &Witness) -> String {
    match &witness.hindrance {
        Some(why) => format!("{} was not read again: {why}", witness.coordinates),
        None => format!(
            "{} was not read again; name --brokers or --capture, or ask a running tap with --connect",
            witness.coordinates
        ),
    }
}

fn caused(own: &Witness, edge: &TraceEdge, cause: &Witness) -> Claim {
    let sure = if edge.confidence < 1.0 { format!(", confidence {:.2}", edge.confidence) } else { String::new() };
    let evidence = style::words(&edge.evidence);
    let says = format!("{} caused it: {evidence} ({}{sure})", cause.coordinates, style::words(&edge.class));
    // The field of the record that names the cause, and that of the cause which is named so; each with its column.
    let pairs: &[[(&str, &str); 2]] = match edge.evidence.as_str() {
        "causation_id" => &[[("causation", "causation_id"), ("id", "id")]],
        "forward" => &[[("id", "id"), ("id", "id")]],
        "reply" => &[
            [("correlation", "correlation_id"), ("correlation", "correlation_id")],
            [("causation", "causation_id"), ("correlation", "correlation_id")],
            [("causation", "causation_id"), ("id", "id")],
        ],
        "failure_coordinates" => return by_coordinates(own, says, cause),
        "trace_order" => return by_trace(own, says, cause),
        "same_value" => return by_value(own, says, cause),
        other => {
            let why =
                format!("{} is told by the log and its order, not by the bytes of one record", style::words(other));
            return claim(says, other, vec![own.place(), cause.place()], (Checked::NotChecked, Some(why)));
        }
    };
    let values = |[of, by]: &[(&str, &str); 2]| (own.value(of.0, of.1), cause.value(by.0, by.1));
    let fits = pairs.iter().find(|pair| {
        let (of, by) = values(pair);
        same(of, by) == Some(true)
    });
    let pair = fits.unwrap_or(&pairs[0]);
    let mut exhibits = own.exhibits(pair[0].0, pair[0].1);
    exhibits.extend(cause.exhibits(pair[1].0, pair[1].1));
    claim(says, &edge.evidence, exhibits, agree(own, cause, values(pair)))
}

fn by_coordinates(own: &Witness, says: String, cause: &Witness) -> Claim {
    let mut exhibits = own.exhibits("origin", "origin");
    exhibits.push(cause.place());
    let named = own.value("origin", "origin");
    let checked = match (same(named, Some(&cause.coordinates)), &own.explanation) {
        (_, None) => (Checked::NotChecked, Some(unread(own))),
        (Some(true), _) => (Checked::Confirmed, None),
        (Some(false), _) => (
            Checked::NotConfirmed,
            Some(format!("the record at those coordinates says otherwise: it names {}", named.unwrap_or_default())),
        ),
        (None, _) => (
            Checked::NotConfirmed,
            Some("the record at those coordinates says otherwise: it names no record that failed".to_owned()),
        ),
    };
    claim(says, "failure_coordinates", exhibits, checked)
}

/// A conclusion is never proved; what can be checked is what it was drawn from.
fn by_trace(own: &Witness, says: String, cause: &Witness) -> Claim {
    let trace = |witness: &Witness| {
        let value = witness.value("trace", "trace_id")?;
        value.split('/').next().map(str::to_owned)
    };
    let mut exhibits = own.exhibits("trace", "trace_id");
    exhibits.extend(cause.exhibits("trace", "trace_id"));
    let (checked, because) = agree(own, cause, (trace(own).as_deref(), trace(cause).as_deref()));
    let drawn = "concluded, not declared: both belong to one trace, and this topic and type follow that one; the confidence \
                 is how often the same conclusion was right where the cause is named";
    let because = because.map_or_else(|| drawn.to_owned(), |because| format!("{drawn}; {because}"));
    claim(says, "trace_order", exhibits, (checked, Some(because)))
}

fn by_value(own: &Witness, says: String, cause: &Witness) -> Claim {
    let size = |witness: &Witness| match &witness.explanation {
        Some(explanation) => Some(explanation.value_bytes.unwrap_or(0).to_string()),
        None => witness.stored.get("value_bytes").cloned(),
    };
    let exhibit = |witness: &Witness| Exhibit {
        coordinates: witness.coordinates.clone(),
        place: "value".to_owned(),
        text: format!("{} B", size(witness).unwrap_or_else(|| "?".to_owned())),
        ..Exhibit::default()
    };
    let (checked, because) = agree(own, cause, (size(own).as_deref(), size(cause).as_deref()));
    let drawn = "concluded, not declared: the record repeats that value; here the sizes were compared";
    let because = because.map_or_else(|| drawn.to_owned(), |because| format!("{drawn}; {because}"));
    claim(says, "same_value", vec![exhibit(own), exhibit(cause)], (checked, Some(because)))
}

fn root(own: &Witness) -> Claim {
    let says = "it says itself that nothing caused it".to_owned();
    let story = own.explanation.as_ref().map(|explanation| explanation.field("root"));
    let checked = match story {
        None => (Checked::NotChecked, Some(unread(own))),
        Some(Some(story)) if story.because.is_some() => (Checked::Confirmed, story.because.clone()),
        Some(_) => {
            let why = "the record at those coordinates says otherwise: it does not call itself the root";
            (Checked::NotConfirmed, Some(why.to_owned()))
        }
    };
    let mut exhibits = own.exhibits("id", "id");
    exhibits.extend(own.exhibits("causation", "causation_id"));
    exhibits.extend(own.exhibits("root", "root"));
    claim(says, "", exhibits, checked)
}

fn unlinked(own: &Witness) -> Claim {
    let checked = match (&own.explanation, own.value("causation", "causation_id")) {
        (None, _) => (Checked::NotChecked, Some(unread(own))),
        (Some(_), None) => (Checked::Confirmed, None),
        (Some(_), Some(named)) => {
            let why = format!("the record at those coordinates says otherwise: it names `{named}`");
            (Checked::NotConfirmed, Some(why))
        }
    };
    claim(
        "it names no cause, and none was concluded".to_owned(),
        "",
        own.exhibits("causation", "causation_id"),
        checked,
    )
}

/// The cause that is named, and why it is not there.
fn lost(case: &Case) -> Vec<Claim> {
    let (own, event) = (&case.own, &case.verdict.event);
    let failure = case.verdict.failure.as_ref();
    let by_place = own.value("origin", "origin").is_some_and(|origin| origin.contains('/'));
    let (field, column) = match (by_place, own.value("causation", "causation_id")) {
        (true, _) => ("origin", "origin"),
        (false, Some(_)) => ("causation", "causation_id"),
        (false, None) if event.kind == "forward" || failure.is_some() => ("id", "id"),
        (false, None) => ("correlation", "correlation_id"),
    };
    let named = own.value(field, column);
    let checked = match (&own.explanation, named) {
        (None, _) => (Checked::NotChecked, Some(unread(own))),
        (Some(_), Some(_)) => (Checked::Confirmed, None),
        (Some(_), None) => (
            Checked::NotConfirmed,
            Some("the record at those coordinates says otherwise: it names no cause".to_owned()),
        ),
    };
    let what = named.map(|named| format!(" `{named}`")).unwrap_or_default();
    let mut claims = vec![claim(format!("it names a cause{what}"), "", own.exhibits(field, column), checked)];
    let reason = event.orphan_reason.as_deref().unwrap_or("not known");
    if event.resolution == "waiting" {
        return claims;
    }
    claims.push(match (case.barrier.as_slice(), case.found_since.as_slice()) {
        (_, [_, ..]) if reason != "ambiguous_id" => {
            let shown: Vec<&str> = case.found_since.iter().take(NAMED_MAX).map(String::as_str).collect();
            let why = format!("an event that carries the id is there now: {}", shown.join(", "));
            claim("no such cause is there".to_owned(), "", Vec::new(), (Checked::NotConfirmed, Some(why)))
        }
        ([], _) => no_barrier(case, reason),
        (ends, _) => barrier(ends, case.seen),
    });
    claims
}

/// Reasons that are known at sight, and verdicts whose proof was not kept.
fn no_barrier(case: &Case, reason: &str) -> Claim {
    let words = style::words(reason);
    let why = match reason {
        "before_start" => "it lies before the offset at which the tap began to read; tap with --from earliest",
        "retention" => "it lies before the begin of its log, or was deleted by the database's own retention",
        "not_tapped" => "topics were left out by --topics or --exclude, and may hold it",
        "other_cluster" => "it lies on a cluster that is not tapped",
        "ambiguous_id" => "several different events carry the id that it names",
        "malformed_id" => "the id that it names cannot be read",
        _ => "the barrier of this verdict was not kept: too many waited, or the tap ended before it was written",
    };
    let shown: Vec<&str> = case.found_since.iter().take(NAMED_MAX).map(String::as_str).collect();
    let which =
        if reason == "ambiguous_id" && !shown.is_empty() { format!(": {}", shown.join(", ")) } else { String::new() };
    let says = format!("that cause is not there: {words}");
    claim(says, "", Vec::new(), (Checked::NotChecked, Some(format!("{why}{which}"))))
}

/// Read, then sampled, then read past: then a cause that was not seen is not there.
fn barrier(ends: &[BarrierEnd], seen: Option<Timestamp>) -> Claim {
    let first = &ends[0];
    let exhibit = |end: &BarrierEnd| Exhibit {
        coordinates: format!("{}/{}", end.topic, end.partition),
        place: "barrier".to_owned(),
        text: format!(
            "stable end {}, read to {}",
            end.end_offset,
            end.next_offset.map_or_else(|| "?".to_owned(), |next| next.to_string())
        ),
        ..Exhibit::default()
    };
    let behind = ends.iter().filter(|end| end.next_offset.is_none_or(|next| next < end.end_offset)).count();
    let late = first.sampled_at.zip(seen).is_some_and(|(sampled, seen)| seen > sampled);
    let time = |at: Option<Timestamp>| at.map_or_else(|| "at an unknown time".to_owned(), |at| style::rfc3339(at.0));
    let passed = style::rfc3339(first.passed_at.0);
    let story = match first.sampled_at {
        Some(sampled) => format!(
            "it was read at {}; the stable ends of {} were sampled from {} on, and had been read past by {passed}",
            time(seen),
            style::plural(ends.len() as i64, "partition"),
            style::rfc3339(sampled.0)
        ),
        None => format!("the input ended, {} read to their ends by {passed}: nothing more will come", {
            style::plural(ends.len() as i64, "partition")
        }),
    };
    let checked = match (behind, late) {
        (0, false) => (Checked::Confirmed, Some(story)),
        (0, true) => (Checked::NotConfirmed, Some(format!("{story}; but that was sampled before it was read"))),
        (n, _) => {
            let partitions = style::plural(n as i64, "partition");
            (Checked::NotConfirmed, Some(format!("{story}; but {partitions} of it were not read so far")))
        }
    };
    claim("no such cause is there: a barrier was read past".to_owned(), "", ends.iter().map(exhibit).collect(), checked)
}

fn group(own: &Witness, failure: &TraceFailure) -> Claim {
    let evidence = failure.group_evidence.as_deref().unwrap_or_default();
    let says = match &failure.consumer_group {
        Some(group) => format!("it failed in group {group}"),
        None => format!("it failed in {}", failure.in_group()),
    };
    let said = own.value("group", "consumer_group");
    let checked = match (evidence, &own.explanation) {
        ("named", None) => (Checked::NotChecked, Some(unread(own))),
        ("named", Some(_)) => match same(said, failure.consumer_group.as_deref()) {
            Some(true) => (Checked::Confirmed, None),
            _ => {
                let said = said.map_or_else(|| "none".to_owned(), |said| format!("`{said}`"));
                (
                    Checked::NotConfirmed,
                    Some(format!("the record at those coordinates says otherwise: it names {said}")),
                )
            }
        },
        ("topic", _) => (
            Checked::NotChecked,
            Some("a topic is called so, or only that group reads its retries or dead letters".to_owned()),
        ),
        ("ledger", _) => {
            (Checked::NotChecked, Some("only that group has committed offsets on the topic of what failed".to_owned()))
        }
        (_, _) => {
            (Checked::NotChecked, Some("the record names none; these groups read the topic of what failed".to_owned()))
        }
    };
    claim(
        says,
        evidence,
        if evidence == "named" { own.exhibits("group", "consumer_group") } else { Vec::new() },
        checked,
    )
}

/// What failed in the first place, where other attempts lie between.
fn origin(case: &Case, failure: &TraceFailure) -> Option<Claim> {
    let place = format!("{}/{}/{}", failure.origin_topic.as_ref()?, failure.origin_partition?, failure.origin_offset?);
    if case.causes.iter().any(|cause| cause.coordinates == place) {
        return None;
    }
    let evidence = failure.origin_evidence.as_deref().unwrap_or_default();
    let named = case.own.value("origin", "origin");
    let checked = match same(named, Some(&place)) {
        Some(true) if case.own.explanation.is_some() => (Checked::Confirmed, None),
        _ => {
            let why = "other attempts lie between: each names the one before it; prove them one by one".to_owned();
            (Checked::NotChecked, Some(why))
        }
    };
    Some(claim(
        format!("{place} is the record that failed first"),
        evidence,
        case.own.exhibits("origin", "origin"),
        checked,
    ))
}

fn healed(case: &Case, failure: &TraceFailure) -> Option<Claim> {
    if failure.state != "healed" {
        return None;
    }
    let evidence = failure.healed_evidence.as_deref().unwrap_or_default();
    let by = case.healed_by.as_ref();
    let what = by.map_or_else(String::new, |by| format!(" by {}", by.coordinates));
    let why = match evidence {
        "redrive" => "the event was given to the group again, the group has passed it, and no failure followed",
        "later_success" => "the group has passed the last retry, and no failure followed",
        "effects" => "its usual effects came: weaker than what the group did with it",
        _ => "what shows it was not kept",
    };
    let exhibits = by.map(|by| {
        let mut exhibits = by.exhibits("id", "id");
        exhibits.push(by.place());
        exhibits
    });
    let ids = by.map(|by| same(case.own.value("id", "id"), by.value("id", "id")));
    let read = by.is_some_and(|by| by.explanation.is_some()) && case.own.explanation.is_some();
    let (checked, because) = match (ids.flatten(), read) {
        (Some(true), true) => (Checked::Confirmed, format!("both carry one id; {why}")),
        _ => (Checked::NotChecked, why.to_owned()),
    };
    Some(claim(format!("it healed{what}"), evidence, exhibits.unwrap_or_default(), (checked, Some(because))))
}

fn way(failure: &TraceFailure) -> Option<Claim> {
    let reason = failure.orphan_reason.as_deref()?;
    let why = match reason {
        "context_lost" => format!(
            "the way back ends in an event without a cause, of a topic and type of which at least {LINEAGE_CAUSED_PERCENT} % \
             of the last {} settled events (at least {LINEAGE_LEAST}) named one",
            style::count(LINEAGE_WINDOW as i64)
        ),
        _ => "the last event of the way that was seen is orphaned: prove that one".to_owned(),
    };
    let says = format!("its way back to the root is broken: {}", style::words(reason));
    Some(claim(says, "", Vec::new(), (Checked::NotChecked, Some(why))))
}
