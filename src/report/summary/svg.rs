//! Charts as inline SVG. The plot stretches with the page; words stand beside it in HTML, so that they stay readable
//! on a phone.

use super::chart::{Chart, Share, axis_top};
use super::html::escape;
use super::window::{moment, ticks};
use super::words::{took, took_ms};
use crate::event::Timestamp;
use crate::report::style;
use std::fmt::Write;

/// Units of a plot; the page stretches them.
const WIDE: f64 = 1000.0;
/// Height of a plot over time.
const HIGH: f64 = 200.0;
/// Labels below an axis of bins.
const BIN_LABELS: usize = 7;

/// The chart as a `<figure>`; `id` is its own on the page.
pub(super) fn figure(chart: &Chart, id: usize) -> String {
    match chart {
        Chart::Lines { title, step_s, times, lines } => {
            let legend: Vec<(&str, &str)> = lines.iter().map(|(name, class, _)| (*name, *class)).collect();
            let axis = Axis { times, step_s: *step_s };
            let most = lines.iter().flat_map(|(.., values)| values).copied().max().unwrap_or(0);
            let top = axis_top(most);
            let shapes: String = lines.iter().map(|(_, class, values)| line(values, class, top)).collect();
            let said: Vec<String> = lines.iter().map(|(name, _, values)| extremes(name, values, &axis)).collect();
            let head = Head { id, title, legend: &legend, said: &said.join(" ") };
            plot(&head, top, &shapes, ("time", &axis.labels()))
        }
        Chart::Bars { title, step_s, times, values } => {
            let axis = Axis { times, step_s: *step_s };
            let top = axis_top(values.iter().copied().max().unwrap_or(0));
            let said = extremes("failures", values, &axis);
            let head = Head { id, title, legend: &[], said: &said };
            plot(&head, top, &columns(values, top, 0.8, "bad"), ("time", &axis.labels()))
        }
        Chart::Outcome { title, shares } => outcome(id, title, shares),
        Chart::Durations { title, bins, p50_ms, p95_ms } => durations(id, title, bins, [*p50_ms, *p95_ms]),
    }
}

/// A row of small bars inside a cell.
pub(super) fn trend(values: &[i64]) -> String {
    if values.is_empty() {
        return String::new();
    }
    let most = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let words: Vec<String> = values.iter().map(|n| style::count(*n)).collect();
    let words = words.join(", ");
    let mut out = format!(
        "<svg class=\"trend\" role=\"img\" aria-label=\"over the window: {words}\" viewBox=\"0 0 {} 16\">",
        values.len() * 6
    );
    for (at, n) in values.iter().enumerate() {
        let height = if *n > 0 { (*n as f64 / most * 15.0).max(2.0) } else { 1.0 };
        let class = if *n > 0 { "bad" } else { "quiet" };
        let _ = write!(
            out,
            "<rect class=\"{class}\" x=\"{}\" y=\"{:.1}\" width=\"5\" height=\"{height:.1}\"/>",
            at * 6,
            16.0 - height
        );
    }
    out.push_str("</svg>");
    out
}

struct Head<'a> {
    id: usize,
    title: &'a str,
    /// Names and looks.
    legend: &'a [(&'a str, &'a str)],
    /// The chart in words.
    said: &'a str,
}

struct Axis<'a> {
    times: &'a [Timestamp],
    step_s: i64,
}

impl Axis<'_> {
    /// Labels, each with its place from 0 to 1.
    fn labels(&self) -> Vec<(f64, String)> {
        let Some(first) = self.times.first() else { return Vec::new() };
        let count = self.times.len();
        let place = |(at, words): (usize, String)| (at as f64 / count as f64, words);
        ticks(*first, self.step_s, count).into_iter().map(place).collect()
    }
}

/// The chart's extremes in words, for those who do not see it.
fn extremes(name: &str, values: &[i64], axis: &Axis<'_>) -> String {
    let most = values.iter().enumerate().max_by_key(|(at, n)| (**n, std::cmp::Reverse(*at)));
    match most.and_then(|(at, n)| axis.times.get(at).map(|time| (time, n))) {
        Some((time, n)) => format!("{name}: most at {}, {}.", moment(*time), style::count(*n)),
        None => format!("{name}: nothing."),
    }
}

/// A filled line through the middle of each step.
fn line(values: &[i64], class: &str, top: i64) -> String {
    let step = WIDE / values.len().max(1) as f64;
    let mut points = String::new();
    for (at, n) in values.iter().enumerate() {
        let y = HIGH - (*n).max(0) as f64 / top as f64 * HIGH;
        let _ = write!(points, "{:.1},{y:.1} ", (at as f64 + 0.5) * step);
    }
    let (left, right) = (step / 2.0, WIDE - step / 2.0);
    format!(
        "<polygon class=\"area {class}\" points=\"{left:.1},{HIGH} {points}{right:.1},{HIGH}\"/>\
         <polyline class=\"line {class}\" points=\"{}\"/>",
        points.trim_end()
    )
}

/// Columns that take `share` of their step.
fn columns(values: &[i64], top: i64, share: f64, class: &str) -> String {
    let step = WIDE / values.len().max(1) as f64;
    let mut out = String::new();
    for (at, n) in values.iter().enumerate().filter(|(_, n)| **n > 0) {
        let height = (*n as f64 / top as f64 * HIGH).max(1.5);
        let _ = write!(
            out,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            (at as f64 + (1.0 - share) / 2.0) * step,
            HIGH - height,
            step * share
        );
    }
    out
}

/// A plot with an axis at its left and labels below.
fn plot(head: &Head<'_>, top: i64, shapes: &str, (kind, labels): (&str, &[(f64, String)])) -> String {
    let mut out = open(head);
    let middle = if top % 2 == 0 { style::count(top / 2) } else { String::new() };
    let _ = write!(
        out,
        "<div class=\"plot {kind}\"><div class=\"axis-y\" aria-hidden=\"true\"><span>{}</span><span>{middle}</span>\
         <span>0</span></div>",
        style::count(top)
    );
    out.push_str(&svg(head, HIGH, &format!("{}{shapes}", rules())));
    out.push_str("<div class=\"axis-x\" aria-hidden=\"true\">");
    out.push_str(&x_labels(labels));
    out.push_str("</div></div></figure>\n");
    out
}

/// Labels of an axis, each at its place.
fn x_labels(labels: &[(f64, String)]) -> String {
    labels
        .iter()
        .map(|(at, label)| format!("<span style=\"left:{:.2}%\">{}</span>", at * 100.0, escape(label)))
        .collect()
}

/// Lines across at the top, the middle and the bottom.
fn rules() -> String {
    [0.0, HIGH / 2.0, HIGH]
        .iter()
        .map(|y| format!("<line class=\"rule\" x1=\"0\" x2=\"{WIDE}\" y1=\"{y}\" y2=\"{y}\"/>"))
        .collect()
}

fn open(head: &Head<'_>) -> String {
    let mut out = format!("<figure><figcaption><b>{}</b>", escape(head.title));
    for (name, class) in head.legend {
        let _ = write!(out, " <span class=\"key {class}\">{}</span>", escape(name));
    }
    out.push_str("</figcaption>");
    out
}

fn svg(head: &Head<'_>, high: f64, shapes: &str) -> String {
    let id = head.id;
    format!(
        "<svg class=\"chart\" role=\"img\" aria-labelledby=\"t{id} d{id}\" viewBox=\"0 0 {WIDE} {high}\" \
         preserveAspectRatio=\"none\"><title id=\"t{id}\">{}</title><desc id=\"d{id}\">{}</desc>{shapes}</svg>",
        escape(head.title),
        escape(head.said)
    )
}

/// One bar, cut into its shares; each share is named below with its number.
fn outcome(id: usize, title: &str, shares: &[Share]) -> String {
    let all = shares.iter().map(|share| share.n.max(0) as f64).sum::<f64>().max(1.0);
    let said: Vec<String> = shares.iter().map(|share| format!("{} {}", style::count(share.n), share.name)).collect();
    let head = Head { id, title, legend: &[], said: &format!("{}.", said.join(", ")) };
    let mut shapes = String::new();
    let mut x = 0.0f64;
    for share in shares.iter().filter(|share| share.n > 0) {
        // A share that is too small to see is still there.
        let width = (share.n as f64 / all * WIDE).max(3.0);
        let x_in = x.min(WIDE - width);
        let _ = write!(
            shapes,
            "<rect class=\"{}\" x=\"{x_in:.1}\" y=\"0\" width=\"{width:.1}\" height=\"28\"/>",
            share.class
        );
        x += width;
    }
    let keys: String = shares
        .iter()
        .map(|share| format!("<li class=\"key {}\"><b>{}</b> {}</li>", share.class, style::count(share.n), share.name))
        .collect();
    format!(
        "{}<div class=\"whole\">{}</div><ul class=\"keys\">{keys}</ul></figure>\n",
        open(&head),
        svg(&head, 28.0, &shapes)
    )
}

/// Columns on a scale of time, with lines where half and 95 % were complete.
fn durations(id: usize, title: &str, bins: &[(i64, i64)], marks: [Option<f64>; 2]) -> String {
    let values: Vec<i64> = bins.iter().map(|(_, n)| *n).collect();
    let top = axis_top(values.iter().copied().max().unwrap_or(0));
    let mut said = String::new();
    let mut shapes = columns(&values, top, 0.96, "received");
    for (ms, word, name) in [(marks[0], "Half", "half"), (marks[1], "95 %", "most")] {
        let Some(ms) = ms else { continue };
        let _ = write!(said, "{word} within {}. ", took(ms));
        let x = place(bins, ms) * WIDE;
        let _ = write!(shapes, "<line class=\"mark {name}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{HIGH}\"/>");
    }
    let legend = [("half were complete", "mark-half"), ("95 % were complete", "mark-most")];
    let legend: Vec<(&str, &str)> = if marks.iter().all(Option::is_some) { legend.to_vec() } else { Vec::new() };
    let every = bins.len().div_ceil(BIN_LABELS).max(1);
    let count = bins.len() as f64;
    let labels: Vec<(f64, String)> = bins
        .iter()
        .enumerate()
        .step_by(every)
        .map(|(at, (upto, _))| {
            let label = if *upto == i64::MAX { "more".to_owned() } else { format!("≤ {}", took_ms(*upto)) };
            ((at as f64 + 0.5) / count, label)
        })
        .collect();
    plot(&Head { id, title, legend: &legend, said: said.trim_end() }, top, &shapes, ("bins", &labels))
}

/// Where on the scale `ms` lies, from 0 to 1.
fn place(bins: &[(i64, i64)], ms: f64) -> f64 {
    let at = bins.iter().position(|(upto, _)| ms <= *upto as f64).unwrap_or(bins.len().saturating_sub(1));
    let upper = bins.get(at).map_or(1.0, |(upto, _)| *upto as f64);
    let lower = at.checked_sub(1).and_then(|before| bins.get(before)).map_or(upper / 2.0, |(upto, _)| *upto as f64);
    let within = if upper > lower { ((ms - lower) / (upper - lower)).clamp(0.0, 1.0) } else { 0.5 };
    (at as f64 + within) / bins.len().max(1) as f64
}
