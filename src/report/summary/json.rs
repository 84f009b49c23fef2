//! A summary for programs: the answers as they came, under the names of the SQL contract.

use super::Summary;
use crate::report::json::{document, rows};
use crate::report::style;
use serde_json::{Value, json};

/// One document.
pub(super) fn render(summary: &Summary) -> String {
    let (asked, answers) = (&summary.asked, &summary.answers);
    let first = |table| rows(table).into_iter().next().unwrap_or(Value::Null);
    document(&json!({
        "window": { "since": style::rfc3339(asked.window.since.0), "until": style::rfc3339(asked.window.until.0) },
        "made": style::rfc3339(asked.made.0),
        "clusters": summary.clusters(),
        "totals": first(&answers.totals),
        "ever": first(&answers.ever),
        "business_flows": rows(&answers.flows),
        "business": rows(&answers.business),
        "losses": rows(&answers.losses),
        "durations": rows(&answers.durations),
        "series": rows(&answers.series),
        "counts": rows(&answers.counts),
        "failures": rows(&answers.failures),
        "lag": rows(&answers.lag),
        "not_seen": rows(&answers.not_seen),
        "deleted": first(&answers.deleted),
        "cut": answers.cut,
    }))
}
