//! The machine: its names, its memory and load, its log; what programs take it for.

use alloc::string::String;
use alloc::vec::Vec;

use spin::Mutex;
use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use crate::log;
use crate::mm;
use crate::task::{load, number};
use crate::time;

/// What programs take the kernel for: they look for an interface, and this one is Linux's.
pub const SYSTEM_NAME: &str = "Linux";
/// The version of the interface.
pub const RELEASE: &str = "6.1.0-strata";
/// The kernel's own version.
pub const VERSION: &str = concat!("Strata ", env!("CARGO_PKG_VERSION"));

/// Bytes of each name in `struct utsname`, with a NUL.
const NAME_SIZE: usize = 65;

/// A name that can be changed.
pub struct Name {
    bytes: [u8; NAME_SIZE - 1],
    length: usize,
}

impl Name {
    const fn new(text: &[u8]) -> Self {
        let mut bytes = [0; NAME_SIZE - 1];
        bytes.split_at_mut(text.len()).0.copy_from_slice(text);
        Self { bytes, length: text.len() }
    }

    fn get(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The machine's name.
pub static NODE_NAME: Mutex<Name> = Mutex::new(Name::new(b"strata"));
/// The name of the domain that it is in.
pub static DOMAIN_NAME: Mutex<Name> = Mutex::new(Name::new(b"(none)"));

/// One of the two as text.
pub fn text(name: &Mutex<Name>) -> String {
    String::from_utf8_lossy(name.lock().get()).into_owned()
}

pub fn uname(call: &mut Call<'_>) -> Result<u64> {
    let mut names = [[0; NAME_SIZE]; 6];
    let fixed = [(0, SYSTEM_NAME), (2, RELEASE), (3, VERSION), (4, "x86_64")];
    for (index, name) in fixed {
        names[index][..name.len()].copy_from_slice(name.as_bytes());
    }
    for (index, name) in [(1, &NODE_NAME), (5, &DOMAIN_NAME)] {
        let name = name.lock();
        names[index][..name.length].copy_from_slice(name.get());
    }
    call.address(0).write(names.as_flattened())?;
    Ok(0)
}

fn set_name(call: &Call<'_>, name: &Mutex<Name>) -> Result<u64> {
    call.credentials()?.require(Capabilities::SYS_ADMIN)?;
    let length = call.word(1) as usize;
    if length >= NAME_SIZE {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let mut new = Name::new(b"");
    call.address(0).read(&mut new.bytes[..length])?;
    new.length = length;
    *name.lock() = new;
    Ok(0)
}

pub fn sethostname(call: &mut Call<'_>) -> Result<u64> {
    set_name(call, &NODE_NAME)
}

pub fn setdomainname(call: &mut Call<'_>) -> Result<u64> {
    set_name(call, &DOMAIN_NAME)
}

pub fn sysinfo(call: &mut Call<'_>) -> Result<u64> {
    let usage = mm::usage();
    let bytes = |frames: usize| (frames * mm::PAGE_SIZE) as u64;
    let mut words = [0; 14];
    words[0] = time::monotonic().as_secs();
    words[1..4].copy_from_slice(&load::averages_for_sysinfo());
    (words[4], words[5], words[6]) = (bytes(usage.total_frames), bytes(usage.free_frames), bytes(usage.other_frames()));
    words[10] = number::processes().count() as u64 & 0xffff;
    // The unit of all sizes.
    words[13] = 1;
    call.write_words(0, words)
}

/// What `syslog` is asked for (`SYSLOG_ACTION_*`).
const CLOSE: u32 = 0;
const OPEN: u32 = 1;
const READ_ALL: u32 = 3;
const READ_CLEAR: u32 = 4;
const CLEAR: u32 = 5;
const SIZE_UNREAD: u32 = 9;
const SIZE_BUFFER: u32 = 10;

/// Everybody may read the log; the rest takes a capability. Nobody can wait for what comes (`EINVAL`).
pub fn syslog(call: &mut Call<'_>) -> Result<u64> {
    let size = call.arguments[2];
    let action = call.word(0);
    if !matches!(action, READ_ALL | SIZE_BUFFER) {
        call.credentials()?.require(Capabilities::SYSLOG)?;
    }
    match action {
        CLOSE | OPEN => Ok(0),
        READ_ALL | READ_CLEAR => {
            let Some(address) = call.given(1).filter(|_| (size as i32) >= 0) else {
                return fail(FileSystemErrorKind::InvalidArgument);
            };
            let text: Vec<u8> = log::since_clear().ok_or(FileSystemErrorKind::OutOfMemory)?;
            let shown = &text[text.len() - text.len().min(size as u32 as usize)..];
            address.write(shown)?;
            if action == READ_CLEAR {
                log::clear();
            }
            Ok(shown.len() as u64)
        }
        CLEAR => {
            log::clear();
            Ok(0)
        }
        SIZE_UNREAD => Ok(log::since_clear().ok_or(FileSystemErrorKind::OutOfMemory)?.len() as u64),
        SIZE_BUFFER => Ok(log::CAPACITY as u64),
        _ => fail(FileSystemErrorKind::InvalidArgument),
    }
}

/// A query of [`personality`].
const QUERY: u32 = u32::MAX;
/// Addresses are not moved about, which they are not here in any case.
const ADDR_NO_RANDOMIZE: u32 = 0x004_0000;

/// Linux's own, and no other.
pub fn personality(call: &mut Call<'_>) -> Result<u64> {
    let old = call.process.personality();
    match call.word(0) {
        QUERY => {}
        new if new & !ADDR_NO_RANDOMIZE == 0 => call.process.set_personality(new),
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    }
    Ok(old.into())
}
