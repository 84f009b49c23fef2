use super::*;
use proptest::prelude::*;
use std::io::Write;

/// Text that repeats, larger than one block of any codec.
fn sample() -> Vec<u8> {
    (0..30_000).flat_map(|n: u32| format!("order-{} ", n % 1000).into_bytes()).collect()
}

fn gzipped(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn xerial(plain: &[u8]) -> Vec<u8> {
    let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for block in plain.chunks(32 << 10) {
        let block = snap::raw::Encoder::new().compress_vec(block).unwrap();
        out.extend((block.len() as u32).to_be_bytes());
        out.extend(block);
    }
    out
}

fn lz4_framed(plain: &[u8], mode: lz4_flex::frame::BlockMode, checksums: bool) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_mode(mode)
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .block_checksums(checksums)
        .content_checksum(checksums)
        .content_size(checksums.then_some(plain.len() as u64));
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd_streamed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Every form of every codec that is met in the wild.
fn forms(plain: &[u8]) -> Vec<(&'static str, u8, Vec<u8>)> {
    use lz4_flex::frame::BlockMode::{Independent, Linked};
    vec![
        ("none", 0, plain.to_vec()),
        ("gzip", GZIP, gzipped(plain)),
        ("snappy raw", SNAPPY, snap::raw::Encoder::new().compress_vec(plain).unwrap()),
        ("snappy xerial", SNAPPY, xerial(plain)),
        ("lz4 independent", LZ4, lz4_framed(plain, Independent, false)),
        ("lz4 linked", LZ4, lz4_framed(plain, Linked, false)),
        ("lz4 checksums", LZ4, lz4_framed(plain, Independent, true)),
        ("zstd sized", ZSTD, zstd::bulk::compress(plain, 3).unwrap()),
        ("zstd streamed", ZSTD, zstd_streamed(plain)),
    ]
}

#[test]
fn every_form_of_every_codec_comes_back() {
    let mut decompressor = Decompressor::new();
    for plain in [sample(), b"short".to_vec(), (0..=255).cycle().take(70_000).collect()] {
        for (name, codec, packed) in forms(&plain) {
            assert!(decompressor.plain(codec, &packed).unwrap() == plain, "{name}, {} bytes", plain.len());
        }
    }
}

#[test]
fn a_cut_payload_is_corrupt() {
    let mut decompressor = Decompressor::new();
    for (name, codec, packed) in forms(&sample()).into_iter().skip(1) {
        let cut = &packed[..packed.len() / 2];
        assert_eq!(decompressor.plain(codec, cut).err(), Some(GapReason::Corrupt), "{name}");
    }
}

#[test]
fn an_unknown_codec_says_so() {
    for codec in 5..8 {
        assert_eq!(Decompressor::new().plain(codec, b"x").err(), Some(GapReason::UnknownCodec));
    }
}

#[test]
fn a_bomb_stops_at_the_limit_and_its_memory_is_given_back() {
    let zeros = vec![0; 1 << 20];
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..=DECOMPRESSED_MAX / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let mut decompressor = Decompressor::new();
    assert_eq!(decompressor.plain(ZSTD, &bomb).err(), Some(GapReason::Limit));
    decompressor.plain(SNAPPY, &snap::raw::Encoder::new().compress_vec(b"small").unwrap()).unwrap();
    assert!(decompressor.out.bytes.capacity() <= KEPT_MAX);
}

proptest! {
    #[test]
    fn any_bytes_decompress_to_something_or_an_error(codec in 0u8..8, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Decompressor::new().plain(codec, &bytes);
    }

    #[test]
    fn mutated_payloads_decompress_to_something_or_an_error(
        form in 1usize..9,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let plain: Vec<u8> = (0..600u32).flat_map(|n| (n % 37).to_be_bytes()).collect();
        let (_, codec, mut packed) = forms(&plain).swap_remove(form);
        for (at, value) in changes {
            let at = at.index(packed.len());
            packed[at] = value;
        }
        let _ = Decompressor::new().plain(codec, &packed);
    }
}
