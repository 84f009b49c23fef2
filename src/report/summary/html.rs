//! A page as one HTML file that needs nothing else: no script, no font, no picture, no address.

use super::page::{Block, Fact, Page, Piece, Sheet, Side};
use super::svg;
use crate::event::clean;
use crate::report::style::Tone;
use std::fmt::Write;

/// The look of the page, for screens, phones and paper.
const STYLE: &str = include_str!("style.css");

/// What a browser may do with the page: apply the style in it, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// `text` as it can stand between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The page.
pub(super) fn render(page: &Page) -> String {
    let title = escape(&page.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n"
    );
    for line in &page.under {
        let _ = writeln!(out, "<p class=\"under\">{}</p>", escape(line));
    }
    out.push_str("</header>\n<main>\n");
    let mut in_section = false;
    for (id, block) in page.blocks.iter().enumerate() {
        if let Block::Heading(text) = block {
            out.push_str(if in_section { "</section>\n<section>\n" } else { "<section>\n" });
            in_section = true;
            let _ = writeln!(out, "<h2>{}</h2>", escape(text));
            continue;
        }
        out.push_str(&self::block(block, id));
    }
    out.push_str(if in_section { "</section>\n</main>\n</body>\n</html>\n" } else { "</main>\n</body>\n</html>\n" });
    out
}

fn block(block: &Block, id: usize) -> String {
    match block {
        Block::Heading(_) => String::new(),
        Block::Answer(pieces) => format!("<p class=\"answer\">{}</p>\n", inline(pieces)),
        Block::Note(pieces) => format!("<p class=\"note\">{}</p>\n", inline(pieces)),
        Block::Facts(facts) => {
            let tiles: String = facts.iter().map(tile).collect();
            format!("<dl class=\"facts\">\n{tiles}</dl>\n")
        }
        Block::Sheet(sheet) => self::sheet(sheet),
        Block::Chart(chart) => svg::figure(chart, id),
    }
}

fn tile(fact: &Fact) -> String {
    format!(
        "<div class=\"tile {}\"><dt>{}</dt><dd><b>{}</b> <span>{}</span></dd></div>\n",
        class(fact.tone),
        escape(fact.name),
        escape(&fact.number),
        inline(&fact.words)
    )
}

const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain | Tone::Strong => "plain",
        Tone::Faint => "faint",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}

fn inline(pieces: &[Piece]) -> String {
    pieces.iter().map(piece).collect()
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Plain(text) => escape(text),
        Piece::Strong(text) => format!("<strong>{}</strong>", escape(text)),
        Piece::Name(text) => format!("<span class=\"name\">{}</span>", escape(text)),
        Piece::Command(text) => format!("<code>{}</code>", escape(text)),
        Piece::Toned(tone, text) => format!("<span class=\"{}\">{}</span>", class(*tone), escape(text)),
        Piece::Trend(values) => svg::trend(values),
    }
}

/// The first column of names is the row's header.
fn sheet(sheet: &Sheet) -> String {
    let side = |side: Side| match side {
        Side::Right | Side::SpareRight => " class=\"n\"",
        Side::Left => "",
        Side::Whole => " class=\"s\"",
        Side::Spare => " class=\"w\"",
    };
    let mut out = format!(
        "<div class=\"sheet\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr>",
        caption = escape(sheet.caption)
    );
    for (title, at) in &sheet.columns {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", side(*at), escape(title));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &sheet.rows {
        out.push_str("<tr>");
        for (n, (cell, (_, at))) in row.iter().zip(&sheet.columns).enumerate() {
            let (open, close) = if n == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            let _ = write!(out, "<{open}{}>{}</{close}>", side(*at), piece(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    if let Some(more) = &sheet.more {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escape(more));
    }
    out
}
