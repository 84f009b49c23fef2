//! What a report says of the business: one paragraph a flow, its picture, and what was lost.

use super::Summary;
use super::chart::{Chart, Share};
use super::page::{Block, Piece, Sheet, Side};
use super::sheets::{self, limited};
use super::words::{self, cases, share, took, took_ms};
use crate::report::rows::{BusinessRow, Loss};
use crate::report::style::{self, Tone};

/// Reasons listed for all flows together.
const LOSSES_MAX: usize = 20;

/// The answer: a paragraph a flow.
pub(super) fn answers(summary: &Summary) -> Vec<Block> {
    summary.business.iter().map(|row| Block::Answer(paragraph(summary, row))).collect()
}

fn paragraph(summary: &Summary, row: &BusinessRow) -> Vec<Piece> {
    let window = summary.asked.window.short();
    let head = format!("{}, {window}: ", words::capital(&row.flow));
    if row.started == 0 {
        let began = summary.flows.iter().find(|flow| flow.flow == row.flow).map(|flow| flow.started_by.clone());
        let mut pieces = vec![Piece::strong(head), Piece::plain("none was started in this window")];
        if let Some(event) = began {
            pieces.extend([Piece::plain(": no "), Piece::name(event), Piece::plain(" was seen")]);
        }
        pieces.push(Piece::plain("."));
        return pieces;
    }
    let mut pieces = vec![Piece::strong(head), Piece::strong(outcome(row)), Piece::plain(pace(row))];
    if let Some(loss) = worst(summary, &row.flow) {
        pieces.push(Piece::plain(" Most was lost to: "));
        pieces.extend(reason(loss));
        pieces.push(Piece::plain(format!(" ({}).", cases(loss.cases, &row.flow))));
    }
    if let Some(value) = row.value_lost.filter(|value| *value > 0.0) {
        pieces.push(Piece::plain(format!(" Value lost: {}.", style::count(value.round() as i64))));
    }
    if let Some(ratio) = row.coverage {
        pieces.push(Piece::plain(format!(" What we saw: {} of all events.", share(ratio, 2))));
    }
    pieces
}

fn outcome(row: &BusinessRow) -> String {
    let part = |n: i64, word: &str| match n {
        0 => format!("none {word}"),
        n => format!("{} {word}", style::count(n)),
    };
    let completed = match row.completed_share {
        Some(of_one) if row.completed > 0 => {
            format!("{} ({})", part(row.completed, "completed"), words::rounded(of_one))
        }
        _ => part(row.completed, "completed"),
    };
    let mut parts = vec![part(row.started, "started"), completed, part(row.failed, "failed"), part(row.stuck, "stuck")];
    if row.open > 0 {
        parts.push(format!("{} still open", style::count(row.open)));
    }
    format!("{}.", parts.join(", "))
}

fn pace(row: &BusinessRow) -> String {
    match (row.p50_ms, row.p95_ms) {
        (Some(half), Some(most)) => format!(" Half were complete within {}, 95 % within {}.", took(half), took(most)),
        _ => String::new(),
    }
}

/// What most of the failed cases of a flow have in common; without failures, what the stuck ones have.
fn worst<'a>(summary: &'a Summary, flow: &str) -> Option<&'a Loss> {
    let of_flow = || summary.losses.iter().filter(|loss| loss.flow == flow);
    of_flow().filter(|loss| loss.state == "failed").max_by_key(|loss| loss.cases).or_else(|| of_flow().next())
}

fn reason(loss: &Loss) -> Vec<Piece> {
    if loss.state == "stuck" {
        return vec![Piece::plain("no end in time, and no failure that left a record")];
    }
    let mut pieces = vec![sheets::what(loss.error_class.as_deref(), loss.error_message.as_deref())];
    if let Some(group) = &loss.consumer_group {
        pieces.extend([Piece::plain(" in group "), Piece::name(group.clone())]);
    }
    pieces
}

/// The section below the headline: how each flow is meant, its picture, and what was lost to what.
pub(super) fn section(summary: &Summary) -> Vec<Block> {
    if summary.business.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![Block::Heading("Business flows")];
    for row in &summary.business {
        let Some(flow) = summary.flows.iter().find(|flow| flow.flow == row.flow) else { continue };
        blocks.push(Block::Note(vec![
            Piece::strong(words::capital(&flow.flow)),
            Piece::plain(": from "),
            Piece::name(flow.started_by.clone()),
            Piece::plain(" to "),
            Piece::name(flow.completed_by.clone()),
            Piece::plain(format!(
                ". Failed: given up and never completed. Stuck: neither completed nor failed after {}.",
                took_ms(flow.within_ms)
            )),
        ]));
        if row.started > 0 {
            blocks.push(Block::Chart(outcome_chart(row)));
            blocks.extend(durations_chart(summary, row).map(Block::Chart));
        }
    }
    blocks.extend(losses(summary));
    blocks
}

fn outcome_chart(row: &BusinessRow) -> Chart {
    let shares = [
        ("completed", "good", row.completed),
        ("failed", "bad", row.failed),
        ("stuck", "warn", row.stuck),
        ("open", "quiet", row.open),
    ];
    Chart::Outcome {
        title: format!("{}: what became of {}", words::capital(&row.flow), cases(row.started, &row.flow)),
        shares: shares.map(|(name, class, n)| Share { name, class, n }).to_vec(),
    }
}

fn durations_chart(summary: &Summary, row: &BusinessRow) -> Option<Chart> {
    let bins: Vec<(i64, i64)> =
        summary.durations.iter().filter(|bin| bin.flow == row.flow).map(|bin| (bin.upto_ms, bin.cases)).collect();
    let title = format!("{}: time from start to end", words::capital(&row.flow));
    (!bins.is_empty()).then_some(Chart::Durations { title, bins, p50_ms: row.p50_ms, p95_ms: row.p95_ms })
}

fn losses(summary: &Summary) -> Option<Block> {
    let cells = |loss: &Loss| {
        let tone = if loss.state == "failed" { Tone::Bad } else { Tone::Warn };
        let glyph = if loss.state == "failed" { "✗" } else { "…" };
        let why = match loss.state.as_str() {
            "stuck" => Piece::plain("no end in time, no failure seen"),
            _ => sheets::what(loss.error_class.as_deref(), loss.error_message.as_deref()),
        };
        vec![
            words::number(Some(loss.cases)),
            Piece::name(loss.flow.clone()),
            Piece::Toned(tone, format!("{glyph} {}", loss.state)),
            why,
            loss.consumer_group.clone().map_or_else(|| Piece::plain(""), Piece::Name),
            Piece::name(loss.sample.clone()),
        ]
    };
    let (rows, more) = limited(&summary.losses, LOSSES_MAX, "reason", cells);
    let columns = vec![
        ("count", Side::Right),
        ("flow", Side::Left),
        ("state", Side::Whole),
        ("why", Side::Left),
        ("group", Side::Left),
        ("latest began with", Side::Left),
    ];
    (!rows.is_empty()).then_some(Block::Sheet(Sheet {
        caption: "What was not completed, and why",
        columns,
        rows,
        more,
    }))
}
