//! Decompression of one batch into a buffer that is kept.

use crate::event::GapReason;
use std::io::Read;
use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective, get_frame_content_size};

/// A batch that grows past this is not read: kilobytes of zeros would otherwise ask for gigabytes. Brokers take
/// 1 MiB a batch by default; real data seldom shrinks to less than a fiftieth.
pub(super) const DECOMPRESSED_MAX: usize = 128 << 20;
/// The buffer goes back to this once a larger batch has gone by.
const KEPT_MAX: usize = 16 << 20;
/// Least room for one step of a streaming decoder.
const STEP: usize = 64 << 10;

const GZIP: u8 = 1;
const SNAPPY: u8 = 2;
const LZ4: u8 = 3;
const ZSTD: u8 = 4;

/// Decompresses one batch after the other.
pub(super) struct Decompressor {
    zstd: DCtx<'static>,
    snappy: snap::raw::Decoder,
    out: Output,
}

impl Decompressor {
    pub(super) fn new() -> Self {
        Self { zstd: DCtx::create(), snappy: snap::raw::Decoder::new(), out: Output::default() }
    }

    /// The payload without its compression, or why it cannot be had.
    pub(super) fn plain<'a>(&'a mut self, codec: u8, payload: &'a [u8]) -> Result<&'a [u8], GapReason> {
        self.out.begin();
        match codec {
            0 => return Ok(payload),
            GZIP => gzip(payload, &mut self.out)?,
            SNAPPY => snappy(&mut self.snappy, payload, &mut self.out)?,
            LZ4 => lz4(payload, &mut self.out)?,
            ZSTD => zstd(&mut self.zstd, payload, &mut self.out)?,
            _ => return Err(GapReason::UnknownCodec),
        }
        Ok(&self.out.bytes[..self.out.filled])
    }
}

/// A buffer whose front is filled; it grows, and stays zeroed where it is not filled.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    filled: usize,
}

impl Output {
    fn begin(&mut self) {
        self.filled = 0;
        if self.bytes.len() > KEPT_MAX {
            self.bytes.truncate(KEPT_MAX);
            self.bytes.shrink_to_fit();
        }
    }

    /// Room for `more` bytes behind those that are filled.
    fn room(&mut self, more: usize) -> Result<&mut [u8], GapReason> {
        let need = self.filled.saturating_add(more);
        if need > DECOMPRESSED_MAX {
            return Err(GapReason::Limit);
        }
        if self.bytes.len() < need {
            self.bytes.resize(need.next_power_of_two().min(DECOMPRESSED_MAX), 0);
        }
        Ok(&mut self.bytes[self.filled..])
    }

    /// Room for a step of any size, as much as there is.
    fn step(&mut self) -> Result<&mut [u8], GapReason> {
        if self.filled == DECOMPRESSED_MAX {
            return Err(GapReason::Limit);
        }
        self.room(STEP.min(DECOMPRESSED_MAX - self.filled))
    }
}

fn corrupt<E>(_: E) -> GapReason {
    GapReason::Corrupt
}

fn gzip(payload: &[u8], out: &mut Output) -> Result<(), GapReason> {
    let mut source = flate2::bufread::MultiGzDecoder::new(payload);
    loop {
        match source.read(out.step()?).map_err(corrupt)? {
            0 => return Ok(()),
            more => out.filled += more,
        }
    }
}

/// Java's producer frames its blocks as xerial's snappy-java does: a magic, two version numbers, then blocks behind
/// 32-bit lengths. librdkafka writes one raw block.
fn snappy(decoder: &mut snap::raw::Decoder, payload: &[u8], out: &mut Output) -> Result<(), GapReason> {
    const MAGIC: &[u8] = &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
    const VERSIONS: usize = 8;
    let mut block = |bytes: &[u8]| -> Result<(), GapReason> {
        let length = snap::raw::decompress_len(bytes).map_err(corrupt)?;
        let written = decoder.decompress(bytes, out.room(length)?).map_err(corrupt)?;
        out.filled += written;
        Ok(())
    };
    let Some(framed) = payload.strip_prefix(MAGIC) else { return block(payload) };
    let mut rest = framed.get(VERSIONS..).ok_or(GapReason::Corrupt)?;
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let (bytes, behind) = behind.split_at_checked(length).ok_or(GapReason::Corrupt)?;
        block(bytes)?;
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err(GapReason::Corrupt) }
}

/// One LZ4 frame (lz4_Frame_format.md 1.6). Read by hand because a general reader copies every block twice; blocks may
/// refer to the 64 KiB before them, which lie right there in the output.
fn lz4(payload: &[u8], out: &mut Output) -> Result<(), GapReason> {
    const MAGIC: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
    const WINDOW: usize = 64 << 10;
    const STORED: u32 = 1 << 31;
    let [flags, descriptor, rest @ ..] = payload.strip_prefix(MAGIC).ok_or(GapReason::Corrupt)? else {
        return Err(GapReason::Corrupt);
    };
    let block_max = match (descriptor >> 4) & 7 {
        4 => 64 << 10,
        5 => 256 << 10,
        6 => 1 << 20,
        7 => 4 << 20,
        _ => return Err(GapReason::Corrupt),
    };
    let has = |bit: u8| flags & bit != 0;
    // Content size, dictionary id, header checksum.
    let header = if has(0x08) { 8 } else { 0 } + if has(0x01) { 4 } else { 0 } + 1;
    let block_checksum = if has(0x10) { 4 } else { 0 };
    let mut rest = rest.get(header..).ok_or(GapReason::Corrupt)?;
    loop {
        let (word, behind) = rest.split_first_chunk().ok_or(GapReason::Corrupt)?;
        let word = u32::from_le_bytes(*word);
        if word == 0 {
            return Ok(());
        }
        let (block, behind) = behind.split_at_checked((word & !STORED) as usize).ok_or(GapReason::Corrupt)?;
        rest = behind.get(block_checksum..).ok_or(GapReason::Corrupt)?;
        if block.len() > block_max {
            return Err(GapReason::Corrupt);
        }
        out.room(block_max)?;
        let (before, after) = out.bytes.split_at_mut(out.filled);
        out.filled += if word & STORED != 0 {
            after[..block.len()].copy_from_slice(block);
            block.len()
        } else if has(0x20) {
            lz4_flex::block::decompress_into(block, &mut after[..block_max]).map_err(corrupt)?
        } else {
            let window = &before[before.len().saturating_sub(WINDOW)..];
            lz4_flex::block::decompress_into_with_dict(block, &mut after[..block_max], window).map_err(corrupt)?
        };
    }
}

fn zstd(context: &mut DCtx<'_>, payload: &[u8], out: &mut Output) -> Result<(), GapReason> {
    if let Ok(Some(length)) = get_frame_content_size(payload) {
        let length = usize::try_from(length).map_err(|_| GapReason::Limit)?;
        if let Ok(written) = context.decompress(&mut out.room(length)?[..length], payload) {
            out.filled = written;
            return Ok(());
        }
    }
    // Java's producer streams: its frames carry no content size.
    context.reset(ResetDirective::SessionOnly).map_err(corrupt)?;
    let mut source = InBuffer::around(payload);
    loop {
        let room = out.step()?;
        let full = room.len();
        let mut sink = OutBuffer::around(room);
        let hint = context.decompress_stream(&mut sink, &mut source).map_err(corrupt)?;
        let written = sink.pos();
        out.filled += written;
        if source.pos == payload.len() {
            match hint {
                0 => return Ok(()),
                _ if written < full => return Err(GapReason::Corrupt),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
