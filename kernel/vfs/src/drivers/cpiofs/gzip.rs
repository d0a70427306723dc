//! gzip (RFC 1952): members in memory, unpacked into memory.
//!
//! The compressed data itself is `miniz_oxide`'s business; the frame around it is read here, because its checks (the
//! CRC and the length at the end, the optional one of the header) are what tells a damaged image from a whole one.

use super::error::Problem;
use alloc::boxed::Box;
use alloc::vec::Vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// The two bytes a member begins with.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Up to this ratio the length that the end of the input announces is believed, and the memory taken at once. Deflate
/// reaches 1032, but no image does, and a wrong length must not cost much.
const PLAUSIBLE_RATIO: usize = 16;

/// By how many bytes the output grows at least.
const GROWTH_MIN: usize = 64 << 10;

const FLAG_HEADER_CHECKSUM: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

/// A row of members, unpacked.
pub(super) struct Unpacked {
    /// What they hold, one after the other.
    pub bytes: Vec<u8>,
    /// The bytes of the input that the members take.
    pub used: usize,
}

/// Unpacks the member at the beginning of `input` and those that follow it without a gap: by the standard they are one
/// stream, wherever it was cut. What follows them is not looked at.
///
/// # Errors
/// What is wrong, and the offset of the member it is wrong with. Memory is asked for before it is taken.
pub(super) fn unpack(input: &[u8]) -> Result<Unpacked, (usize, Problem)> {
    let mut output = Output { bytes: Vec::new(), filled: 0 };
    let mut used = 0;
    while input[used..].starts_with(&MAGIC) {
        used += unpack_member(&input[used..], &mut output).map_err(|problem| (used, problem))?;
    }
    output.bytes.truncate(output.filled);
    Ok(Unpacked { bytes: output.bytes, used })
}

/// What was unpacked so far, with zeros behind it as far as there is room.
struct Output {
    bytes: Vec<u8>,
    filled: usize,
}

impl Output {
    fn grow(&mut self, by: usize) -> Result<(), Problem> {
        page::admit(self.bytes.len() + by)?;
        self.bytes.try_reserve_exact(by).map_err(|_| Problem::OutOfMemory)?;
        self.bytes.resize(self.bytes.len() + by, 0);
        Ok(())
    }
}

/// Unpacks one member and returns its length in `input`.
fn unpack_member(input: &[u8], output: &mut Output) -> Result<usize, Problem> {
    let mut position = header_length(input)?;
    let start = output.filled;
    // The length at the very end is that of the last member, and usually there is only one.
    if let Some(length) = input.last_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes) as usize)
        && length <= input.len().saturating_mul(PLAUSIBLE_RATIO)
        && length > output.bytes.len() - start
    {
        output.grow(length - (output.bytes.len() - start))?;
    }
    page::admit(size_of::<DecompressorOxide>())?;
    let mut state = Box::new(DecompressorOxide::new());
    loop {
        let (status, consumed, produced) = decompress(
            &mut state,
            &input[position..],
            // A member must not refer back into the one before it.
            &mut output.bytes[start..],
            output.filled - start,
            TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
        );
        position += consumed;
        output.filled += produced;
        match status {
            TINFLStatus::Done => break,
            TINFLStatus::HasMoreOutput => output.grow(GROWTH_MIN.max(output.bytes.len() / 2))?,
            TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => return Err(Problem::CutGzip),
            _ => return Err(Problem::CorruptGzip),
        }
    }
    let end = input[position..].first_chunk::<8>().ok_or(Problem::CutGzip)?;
    let content = &output.bytes[start..output.filled];
    let (expected, found) = (little_endian(end, 0), crc32fast::hash(content));
    if expected != found {
        return Err(Problem::BadGzipChecksum { expected, found });
    }
    let (expected, found) = (little_endian(end, 4), content.len() as u32);
    if expected != found {
        return Err(Problem::BadGzipLength { expected, found });
    }
    Ok(position + end.len())
}

fn little_endian(bytes: &[u8; 8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Checks the header and returns its length.
fn header_length(input: &[u8]) -> Result<usize, Problem> {
    let fixed = input.first_chunk::<10>().ok_or(Problem::CutGzip)?;
    let (method, flags) = (fixed[2], fixed[3]);
    if method != 8 {
        return Err(Problem::BadGzipMethod(method));
    }
    if flags & FLAGS_RESERVED != 0 {
        return Err(Problem::BadGzipFlags(flags));
    }
    let mut length = fixed.len();
    if flags & FLAG_EXTRA != 0 {
        let size = input[length..].first_chunk::<2>().ok_or(Problem::CutGzip)?;
        length += size.len() + usize::from(u16::from_le_bytes(*size));
    }
    for text in [FLAG_NAME, FLAG_COMMENT] {
        if flags & text != 0 {
            let rest = input.get(length..).ok_or(Problem::CutGzip)?;
            length += rest.iter().position(|byte| *byte == 0).ok_or(Problem::CutGzip)? + 1;
        }
    }
    let rest = input.get(length..).ok_or(Problem::CutGzip)?;
    if flags & FLAG_HEADER_CHECKSUM != 0 {
        let expected = rest.first_chunk::<2>().ok_or(Problem::CutGzip)?;
        if u16::from_le_bytes(*expected) != crc32fast::hash(&input[..length]) as u16 {
            return Err(Problem::BadGzipHeaderChecksum);
        }
        length += expected.len();
    }
    Ok(length)
}
