//! A certificate for people.

use super::{Certificate, Checked, Claim, Exhibit};
use crate::event::clean;
use crate::report::style::{self, Style, Tone};
use std::fmt::Write;

/// Exhibits of one claim that are listed; `--json` has all. A barrier may have a thousand partitions.
const EXHIBITS_MAX: usize = 24;
/// Columns for what is written in a record.
const TEXT_MAX: usize = 64;
/// Columns for hexadecimal digits: a UUID as text.
const HEX_MAX: usize = 72;

/// The certificate; `reach` is what the next command needs to come to the same database.
pub fn render(certificate: &Certificate, reach: &str, style: &Style) -> String {
    let reason = certificate.orphan_reason.as_deref().map(|reason| format!(": {}", style::words(reason)));
    let mut out = format!(
        "{}  {}{} · {}\n",
        style.paint(Tone::Strong, &clean(&certificate.coordinates)),
        style::words(&certificate.resolution),
        reason.unwrap_or_default(),
        clean(&certificate.source)
    );
    for (at, claim) in certificate.claims.iter().enumerate() {
        one(&mut out, at + 1, claim, style);
    }
    let (tone, glyph, word) = look(certificate.checked);
    let confirmed = certificate.claims.iter().filter(|claim| claim.checked == Checked::Confirmed).count();
    let of = style::plural(certificate.claims.len() as i64, "claim");
    let verdict = match certificate.checked {
        Checked::Confirmed => format!("{confirmed} of {of} checked against the bytes, and they say so"),
        Checked::NotChecked => "nothing was at hand to check it with".to_owned(),
        Checked::NotConfirmed => "the bytes say otherwise".to_owned(),
    };
    let _ = writeln!(out, "\n  {}  {verdict}", style.paint(tone, &format!("{glyph} {word}")));
    let place = super::super::ticket::quoted(&clean(&certificate.coordinates));
    let _ = writeln!(out, "  {} headwater explain {place}{reach}", style.paint(Tone::Faint, "next"));
    out
}

fn look(checked: Checked) -> (Tone, char, &'static str) {
    match checked {
        Checked::Confirmed => (Tone::Good, '✓', "confirmed"),
        Checked::NotChecked => (Tone::Faint, '○', "not checked"),
        Checked::NotConfirmed => (Tone::Bad, '✗', "not confirmed"),
    }
}

fn one(out: &mut String, number: usize, claim: &Claim, style: &Style) {
    let (tone, glyph, word) = look(claim.checked);
    let checked = style.paint(tone, &format!("{glyph} {word}"));
    let _ = writeln!(out, "\n  {number}  {}   {checked}", clean(&claim.says));
    for exhibit in claim.exhibits.iter().take(EXHIBITS_MAX) {
        let _ = writeln!(out, "     {}", line(exhibit));
        if !exhibit.hex.is_empty() {
            let _ = writeln!(out, "       {}", style.paint(Tone::Faint, &style::fit(&exhibit.hex, HEX_MAX)));
        }
    }
    if claim.exhibits.len() > EXHIBITS_MAX {
        let more = style::count((claim.exhibits.len() - EXHIBITS_MAX) as i64);
        let _ = writeln!(out, "     … and {more} more; --json lists them");
    }
    if let Some(because) = &claim.because {
        for part in super::super::explanation::wrap(because, style.width.saturating_sub(6).max(TEXT_MAX)) {
            let _ = writeln!(out, "     {part}");
        }
    }
}

/// `orders.DLT/0/2  header ce_id (cloudevents-binary), 2 of 2  `abc` = abc`.
fn line(exhibit: &Exhibit) -> String {
    let which = match (exhibit.occurrence, exhibit.occurrences) {
        (Some(n), Some(of)) => format!(", {n} of {of}"),
        _ => String::new(),
    };
    let text =
        if exhibit.text.is_empty() { String::new() } else { format!("  `{}`", style::fit(&exhibit.text, TEXT_MAX)) };
    let read = exhibit.reads_as.as_ref().filter(|read| **read != exhibit.text);
    let read = read.map(|read| format!(" = {}", style::fit(read, TEXT_MAX))).unwrap_or_default();
    format!("{}  {}{which}{text}{read}", clean(&exhibit.coordinates), clean(&exhibit.place))
}
