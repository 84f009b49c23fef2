//! Lines of a capture, written so that reading them gives the same bytes.

use super::{CapturedRecord, Line};
use crate::event::{Producer, Timestamp};
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Write};

/// Writes one line, line feed included.
///
/// Times keep their milliseconds. A header name that is no UTF-8 is written as it is, as `kcat -J` does: such a line is
/// read as Latin-1, which loses nothing.
pub fn write(out: &mut dyn Write, line: &Line<'_>) -> io::Result<()> {
    match line {
        Line::Record(captured) => record(out, captured)?,
        Line::Marker { producer, topic, partition, offset, commit } => {
            out.write_all(b"{\"marker\":{")?;
            if let Some(producer) = producer {
                identity(out, producer, None)?;
                out.write_all(b",")?;
            }
            place(out, topic, *partition)?;
            write!(out, ",\"offset\":{offset},\"commit\":{commit}}}")?;
        }
        Line::Commit { commit, at } => {
            out.write_all(b"{\"commit\":{\"group\":")?;
            text(out, commit.group.as_bytes())?;
            out.write_all(b",")?;
            place(out, &commit.topic, commit.partition)?;
            match commit.offset {
                Some(offset) => write!(out, ",\"offset\":{offset}")?,
                None => out.write_all(b",\"offset\":null")?,
            }
            if !commit.metadata.is_empty() {
                out.write_all(b",\"metadata_b64\":")?;
                base64(out, commit.metadata.as_bytes())?;
            }
            time(out, *at)?;
            out.write_all(b"}")?;
        }
        Line::End { topic, partition, start, end, at } => {
            out.write_all(b"{\"end\":{")?;
            place(out, topic, *partition)?;
            write!(out, ",\"start\":{start},\"end\":{end}")?;
            time(out, *at)?;
            out.write_all(b"}")?;
        }
    }
    out.write_all(b"}\n")
}

fn record(out: &mut dyn Write, captured: &CapturedRecord<'_>) -> io::Result<()> {
    let record = &captured.record;
    out.write_all(b"{")?;
    place(out, captured.topic, captured.partition)?;
    write!(out, ",\"offset\":{},\"ts\":{}", record.offset, record.timestamp_ms)?;
    if !record.headers.is_empty() {
        headers(out, captured)?;
    }
    member(out, "key", record.key)?;
    member(out, "payload", record.value)?;
    if let Some(producer) = &captured.producer {
        out.write_all(b",")?;
        identity(out, producer, captured.sequence)?;
    }
    write!(out, ",\"captured_ms\":{}", captured.seen.millis())?;
    if let Some(aborted) = captured.aborted {
        write!(out, ",\"aborted\":{aborted}")?;
    }
    Ok(())
}

fn headers(out: &mut dyn Write, captured: &CapturedRecord<'_>) -> io::Result<()> {
    let headers = captured.record.headers;
    let plain = headers.iter().all(|header| header.value.is_none_or(|value| std::str::from_utf8(value).is_ok()));
    out.write_all(if plain { b",\"headers\":[" } else { b",\"headers_b64\":[" })?;
    for (at, header) in headers.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        text(out, header.name)?;
        out.write_all(b",")?;
        match header.value {
            None => out.write_all(b"null")?,
            Some(value) if plain => text(out, value)?,
            Some(value) => base64(out, value)?,
        }
    }
    out.write_all(b"]")
}

fn member(out: &mut dyn Write, name: &str, value: Option<&[u8]>) -> io::Result<()> {
    match value {
        None => write!(out, ",\"{name}\":null"),
        Some(value) if std::str::from_utf8(value).is_ok() => {
            write!(out, ",\"{name}\":")?;
            text(out, value)
        }
        Some(value) => {
            write!(out, ",\"{name}_b64\":")?;
            base64(out, value)
        }
    }
}

fn place(out: &mut dyn Write, topic: &str, partition: i32) -> io::Result<()> {
    out.write_all(b"\"topic\":")?;
    text(out, topic.as_bytes())?;
    write!(out, ",\"partition\":{partition}")
}

fn identity(out: &mut dyn Write, producer: &Producer, sequence: Option<i32>) -> io::Result<()> {
    let Producer { id, epoch, transactional } = producer;
    write!(out, "\"producer\":{{\"id\":{id},\"epoch\":{epoch}")?;
    if let Some(sequence) = sequence {
        write!(out, ",\"sequence\":{sequence}")?;
    }
    write!(out, ",\"transactional\":{transactional}}}")
}

fn time(out: &mut dyn Write, at: Option<Timestamp>) -> io::Result<()> {
    at.map_or(Ok(()), |at| write!(out, ",\"ts\":{}", at.millis()))
}

fn base64(out: &mut dyn Write, value: &[u8]) -> io::Result<()> {
    write!(out, "\"{}\"", Base64Display::new(value, &STANDARD))
}

/// A JSON string. Bytes stand as they are; quotes, backslashes and control characters are escaped.
fn text(out: &mut dyn Write, value: &[u8]) -> io::Result<()> {
    out.write_all(b"\"")?;
    let mut rest = value;
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        out.write_all(&rest[..at])?;
        match rest[at] {
            byte @ (b'"' | b'\\') => out.write_all(&[b'\\', byte])?,
            byte => write!(out, "\\u{byte:04x}")?,
        }
        rest = &rest[at + 1..];
    }
    out.write_all(rest)?;
    out.write_all(b"\"")
}
