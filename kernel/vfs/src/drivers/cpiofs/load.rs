//! The bytes of an initramfs, from end to end: archives, zeros and gzip members, in any order.
//!
//! This is Linux's grammar (`driver-api/early-userspace/buffer-format`): `("\0" | archive | gzip(archive))*`. Like
//! `gzip -d`, and unlike Linux, members that follow each other without a gap are one stream, so an archive may also
//! have been cut into members anywhere.

use super::build::Builder;
use super::error::{CpioError, Problem};
use super::gzip;
use super::image::Image;
use super::newc::Reader;
use crate::content::Bytes;

/// Reads all of `archive` into an image.
pub(super) fn load(archive: &Bytes) -> Result<Image, CpioError> {
    let nowhere = |problem| CpioError { offset: 0, unpacked_from: None, problem };
    let mut builder = Builder::new().map_err(nowhere)?;
    if !read_section(archive, None, &mut builder)? {
        return Err(nowhere(Problem::NoArchive));
    }
    builder.finish().map_err(nowhere)
}

/// Reads `section`, which was unpacked from the gzip member at `unpacked_from`, if that is given. Returns whether there was
/// an archive among them.
fn read_section(section: &Bytes, unpacked_from: Option<u64>, builder: &mut Builder) -> Result<bool, CpioError> {
    let at = |offset: usize| move |problem| CpioError { offset: offset as u64, unpacked_from, problem };
    let bytes = section.as_slice();
    let mut number = None;
    let mut found = false;
    let mut position = 0;
    loop {
        position += bytes[position..].iter().take_while(|byte| **byte == 0).count();
        let rest = &bytes[position..];
        if rest.is_empty() {
            return Ok(found);
        }
        if rest.starts_with(&gzip::MAGIC) && unpacked_from.is_none() {
            let unpacked = gzip::unpack(rest).map_err(|(member, problem)| at(position + member)(problem))?;
            found |= read_section(&Bytes::from_vec(unpacked.bytes), Some(position as u64), builder)?;
            position += unpacked.used;
        } else if let Some(name) = compression(rest) {
            return Err(at(position)(Problem::UnsupportedCompression(name)));
        } else {
            // Only bytes that hold an archive are kept: those of a compressed one may go.
            let number = match number {
                Some(number) => number,
                None => *number.insert(builder.add_section(section.clone()).map_err(at(position))?),
            };
            position = read_archive(bytes, number, position, unpacked_from, builder)?;
            found = true;
        }
    }
}

/// Reads the archive at `start` and returns where it ends.
fn read_archive(
    bytes: &[u8],
    section: u32,
    start: usize,
    unpacked_from: Option<u64>,
    builder: &mut Builder,
) -> Result<usize, CpioError> {
    let mut reader = Reader::new(bytes, start);
    while let Some(entry) = reader.next_entry().map_err(|error| CpioError { unpacked_from, ..error })? {
        let here = |problem| CpioError { offset: entry.offset as u64, unpacked_from, problem };
        builder.add(section, &entry).map_err(here)?;
    }
    builder.end_archive();
    Ok(reader.position())
}

/// The name of the compression that `bytes` begin with, other than gzip or inside gzip.
fn compression(bytes: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 7] = [
        (&gzip::MAGIC, "gzip twice"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"\x5d\0\0", "lzma"),
        (b"\x02\x21\x4c\x18", "lz4"),
        (b"\x89LZO", "lzo"),
    ];
    KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, name)| *name)
}
