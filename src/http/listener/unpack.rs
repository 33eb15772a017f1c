//! Unpacks a compressed body, never to more than its bound.
//!
//! The decoders are written in Rust throughout: `flate2` over `miniz_oxide`, and `ruzstd`. What a
//! sender packs is hostile until it is read, and a gigabyte of zeros packs into a few kilobytes.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::Read;

/// How much a zstd frame may ask to keep at hand: what the format asks every decoder to bear
/// (RFC 8878, section 3.1.1.1.2).
const WINDOW: u64 = 8 << 20;

/// How many parts a packed body may have: beginning with one costs more than it is long.
const PARTS: usize = 4096;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Coding {
    /// Not at all.
    Identity,
    /// `gzip`
    Gzip,
    /// `zstd`
    Zstd,
}

/// Why a body cannot be unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum Unpack {
    /// There is more in it than may be.
    TooLarge,
    /// It is not what its header says, it is cut off, or it is in too many parts.
    Broken,
}

impl Coding {
    /// The coding that a request's headers name; `None` for one that is not known, or several.
    pub(in crate::http) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut named = headers.get_all(CONTENT_ENCODING).iter();
        let (first, second) = (named.next(), named.next());
        let Some(first) = first else {
            return Some(Self::Identity);
        };
        if second.is_some() {
            return None;
        }
        let name = first.to_str().ok()?.trim().to_ascii_lowercase();
        match name.as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its name, for who sent it.
    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What is in `packed`, if that is at most `most` bytes.
    pub(in crate::http) fn unpack(self, packed: &[u8], most: usize) -> Result<Vec<u8>, Unpack> {
        let mut whole = Vec::new();
        match self {
            Self::Identity => whole.extend_from_slice(packed),
            Self::Gzip => members(packed, &mut whole, most)?,
            Self::Zstd => frames(packed, &mut whole, most)?,
        }
        Ok(whole)
    }
}

/// Reads all, or finds that it is more than `most` bytes.
fn within(from: impl Read, whole: &mut Vec<u8>, most: usize) -> Result<(), Unpack> {
    let bound = most.saturating_add(1).saturating_sub(whole.len());
    let bound = u64::try_from(bound).unwrap_or(u64::MAX);
    let read = from.take(bound).read_to_end(whole);
    if whole.len() > most {
        return Err(Unpack::TooLarge);
    }
    read.map(|_| ()).map_err(|_| Unpack::Broken)
}

/// A gzip body is one member after the other.
fn members(mut packed: &[u8], whole: &mut Vec<u8>, most: usize) -> Result<(), Unpack> {
    for _ in 0..PARTS {
        within(GzDecoder::new(&mut packed), whole, most)?;
        if packed.is_empty() {
            return Ok(());
        }
    }
    Err(Unpack::Broken)
}

/// A zstd body is one frame after the other; some of them hold nothing.
fn frames(mut packed: &[u8], whole: &mut Vec<u8>, most: usize) -> Result<(), Unpack> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW);
    let mut parts: usize = 0;
    while !packed.is_empty() {
        parts = parts.saturating_add(1);
        if parts > PARTS {
            return Err(Unpack::Broken);
        }
        match StreamingDecoder::new_with_decoder(&mut packed, &mut decoder) {
            Ok(frame) => within(frame, whole, most)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = usize::try_from(length).map_err(|_| Unpack::Broken)?;
                packed = packed.get(length..).ok_or(Unpack::Broken)?;
                continue;
            }
            Err(_) => return Err(Unpack::Broken),
        }
        let (told, counted) = (
            decoder.get_checksum_from_data(),
            decoder.get_calculated_checksum(),
        );
        if told.is_some() && told != counted {
            return Err(Unpack::Broken);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    #[test]
    fn what_was_packed_comes_out_in_one_part_or_several() {
        let text = b"denied: client with IP ".repeat(1000);
        let twice = [text.clone(), text.clone()].concat();
        for (coding, packed) in [(Coding::Gzip, gzip(&text)), (Coding::Zstd, zstd(&text))] {
            assert!(packed.len() < text.len());
            assert_eq!(coding.unpack(&packed, text.len()), Ok(text.clone()));
            let parts = [packed.clone(), packed].concat();
            assert_eq!(coding.unpack(&parts, 2 * text.len()), Ok(twice.clone()));
            assert_eq!(
                coding.unpack(&parts, 2 * text.len() - 1),
                Err(Unpack::TooLarge)
            );
        }
        let skipped = [b"\x50\x2a\x4d\x18\x03\0\0\0abc", &*zstd(&text)].concat();
        assert_eq!(Coding::Zstd.unpack(&skipped, text.len()), Ok(text));
    }

    #[test]
    fn a_bomb_is_given_up_at_the_bound() {
        let million = vec![0; 1 << 20];
        for (coding, part) in [
            (Coding::Gzip, gzip(&million)),
            (Coding::Zstd, zstd(&million)),
        ] {
            let bomb = part.repeat(1000);
            assert_eq!(coding.unpack(&bomb, 4 << 20), Err(Unpack::TooLarge));
        }
        // A frame that asks for a window of a gigabyte before it holds a byte.
        let greedy = b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00";
        assert_eq!(Coding::Zstd.unpack(greedy, 4 << 20), Err(Unpack::Broken));
    }

    #[test]
    fn a_body_of_too_many_parts_is_refused() {
        for (coding, part) in [(Coding::Gzip, gzip(b"")), (Coding::Zstd, zstd(b""))] {
            assert_eq!(coding.unpack(&part.repeat(PARTS), 1 << 20), Ok(Vec::new()));
            let more = part.repeat(PARTS + 1);
            assert_eq!(coding.unpack(&more, 1 << 20), Err(Unpack::Broken));
        }
    }

    #[test]
    fn what_is_broken_is_told_of() {
        let text = b"denied: client with IP ".repeat(1000);
        for (coding, packed) in [(Coding::Gzip, gzip(&text)), (Coding::Zstd, zstd(&text))] {
            let cut = packed.get(..packed.len() - 3).unwrap();
            assert_eq!(coding.unpack(cut, 1 << 20), Err(Unpack::Broken));
            assert_eq!(coding.unpack(b"plain", 1 << 20), Err(Unpack::Broken));
        }
    }
}
