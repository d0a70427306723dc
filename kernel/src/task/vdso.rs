//! The pages that the kernel adds to every program ([`arch::vdso`](crate::arch::vdso)): what programs read the time with.
//!
//! All of them see one page of words, a file of the kernel's own that nobody else may write: when somebody sets the
//! clock, it is changed there.

use alloc::sync::Arc;
use core::ops::Range;

use spin::Once;
use vfs::content::{Content, PAGE_SIZE};
use vfs::context::Credentials;
use vfs::error::Result;
use vfs::file::FileObject;
use vfs::seals::Seals;

use crate::arch::clock;
use crate::arch::vdso::{self, Words};
use crate::fs::unnamed;
use crate::mm::space::{AddressSpace, Mapping, Place, Rights};
use crate::time;

/// What the programs share.
struct Shared {
    words: Arc<FileObject>,
    code: Arc<FileObject>,
}

static SHARED: Once<Shared> = Once::new();

/// Makes what programs share. To be called once.
///
/// # Errors
/// `ENOMEM`.
pub fn init() -> Result<()> {
    let words = unnamed::new_file(0o400, Seals::SEAL)?;
    let code = unnamed::new_file(0o500, Seals::SEAL)?;
    code.write_at(&Credentials::root(), 0, &mut vdso::image())?;
    SHARED.call_once(|| Shared { words, code });
    note_boot_time()
}

/// Lets programs know when the machine was booted, which changes when somebody sets the clock.
///
/// # Errors
/// `ENOMEM`.
pub fn note_boot_time() -> Result<()> {
    let Some(shared) = SHARED.get() else { return Ok(()) };
    let (start, rate) = clock::parameters();
    let words = Words { start, rate, boot_time: time::boot_time().as_nanos() as u64 };
    let bytes = words.all().map(u64::to_le_bytes);
    shared.words.write_at(&Credentials::root(), 0, &mut bytes.as_flattened()).map(|_| ())
}

/// Adds the pages to a program's; where the words are, and where the code.
///
/// # Errors
/// `ENOMEM`.
pub fn map(space: &mut AddressSpace) -> Result<Option<[Range<u64>; 2]>> {
    let Some(shared) = SHARED.get() else { return Ok(None) };
    let length = vdso::image().len() as u64;
    let start = space.find_room(PAGE_SIZE + length)?;
    let words = Mapping::shared(shared.words.clone(), 0, Rights::READ).allow(Rights::READ);
    space.map(Place::IfFree(start), PAGE_SIZE, words)?;
    let code = Mapping::private(shared.code.clone(), Content::new(), 0, Rights::READ | Rights::EXECUTE)?;
    let code_at = start + PAGE_SIZE;
    space.map(Place::IfFree(code_at), length, code)?;
    Ok(Some([start..code_at, code_at..code_at + length]))
}
