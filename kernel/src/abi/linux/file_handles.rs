//! Files by handles (`name_to_handle_at(2)`, `open_by_handle_at(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::handles::Handle;
use vfs::manager::{Follow, VfsManager};
use vfs::mount::Path;

use super::call::Call;
use super::flags::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, open_flags};
use super::{names, structures};
use crate::fs::unnamed;

/// The number of the mount is one of 64 bits.
const AT_HANDLE_MNT_ID_UNIQUE: u32 = 1;
/// A handle that says where the file is, too.
const AT_HANDLE_CONNECTABLE: u32 = 2;
/// A handle that need not be good for opening.
const AT_HANDLE_FID: u32 = 0x200;

/// `MAX_HANDLE_SZ`.
const MAX_SIZE: u32 = 128;
/// Bytes of a handle, whichever its type, and of what stands before it.
const SIZE: usize = 12;
const HEADER: usize = 8;

/// `FILEID_INO32_GEN`: tmpfs has the generation first.
const TO_OPEN: u32 = 1;
/// `FILEID_INO64_GEN`.
const TO_COMPARE: u32 = 0x81;
/// `FILEID_INVALID`.
const INVALID: u32 = 0xff;
/// What a type may be, and with it that the handle is a connectable one.
const TYPES: u32 = 0x3_ffff;
/// With the type: that it is a connectable one's of a directory.
const OF_DIRECTORY: u32 = 0x2_0000;

/// The type and the bytes of the handle of what is at a place.
fn handle_of(path: &Path, flags: u32) -> Result<(u32, [u8; SIZE])> {
    let mut bytes = [0; SIZE];
    let known = match unnamed::holds(path) {
        true => fail(FileSystemErrorKind::NotSupported),
        false => VfsManager::handle_of(path),
    };
    let (kind, generation_at, inode_at, handle) = match known {
        Ok(_) if flags & AT_HANDLE_CONNECTABLE != 0 => return fail(FileSystemErrorKind::NotSupported),
        Ok(handle) => (TO_OPEN, 0, 4, handle),
        Err(error) if error.kind() == FileSystemErrorKind::NotSupported && flags & AT_HANDLE_FID != 0 => {
            (TO_COMPARE, 8, 0, Handle { inode: path.node()?.id().inode, generation: 0 })
        }
        Err(error) => return Err(error),
    };
    bytes[inode_at..inode_at + 8].copy_from_slice(&handle.inode.to_le_bytes());
    bytes[generation_at..generation_at + 4].copy_from_slice(&handle.generation.to_le_bytes());
    Ok((kind, bytes))
}

pub fn name_to_handle_at(call: &mut Call<'_>) -> Result<u64> {
    let known = AT_HANDLE_MNT_ID_UNIQUE | AT_HANDLE_CONNECTABLE | AT_HANDLE_FID | AT_SYMLINK_FOLLOW | AT_EMPTY_PATH;
    let flags = call.flags(4, known)?;
    if flags & AT_HANDLE_CONNECTABLE != 0 && flags & (AT_HANDLE_FID | AT_EMPTY_PATH) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let follow = if flags & AT_SYMLINK_FOLLOW != 0 { Follow::Yes } else { Follow::No };
    let path = call.named_at(0, 1, follow, flags)?;
    let (kind, handle) = handle_of(&path, flags)?;
    let room = call.address(2).read_u32()?;
    if room > MAX_SIZE {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let mount = path.mount.id();
    if flags & AT_HANDLE_MNT_ID_UNIQUE != 0 {
        call.write_words(3, [structures::UNIQUE_MOUNTS + mount])?;
    } else {
        call.address(3).write_u32(mount as u32)?;
    }
    let fits = room as usize >= SIZE;
    let mut answer = [0; HEADER + SIZE];
    answer[..4].copy_from_slice(&(SIZE as u32).to_le_bytes());
    answer[4..HEADER].copy_from_slice(&(if fits { kind } else { INVALID }).to_le_bytes());
    answer[HEADER..].copy_from_slice(&handle);
    call.address(2).write(&answer[..if fits { HEADER + SIZE } else { HEADER }])?;
    if fits { Ok(0) } else { fail(FileSystemErrorKind::Overflow) }
}

/// What a program says is a handle; `None` for what is none. Its type may be any, as for Linux's tmpfs.
fn read_handle(kind: u32, bytes: &[u8]) -> Option<Handle> {
    // There are no connectable ones.
    if kind & OF_DIRECTORY != 0 {
        return None;
    }
    let (generation, rest) = bytes.split_first_chunk()?;
    let inode = u64::from_le_bytes(*rest.first_chunk()?);
    Some(Handle { inode, generation: u32::from_le_bytes(*generation) })
}

pub fn open_by_handle_at(call: &mut Call<'_>) -> Result<u64> {
    let [header] = call.address(1).read_words()?;
    let (size, kind) = (header as u32, (header >> 32) as u32);
    if size == 0 || size > MAX_SIZE || kind & !TYPES != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let beside = if call.word(0) == AT_FDCWD { call.place_of(0)? } else { call.file(0)?.path().clone() };
    let mut bytes = [0; MAX_SIZE as usize];
    let bytes = &mut bytes[..size as usize];
    call.address(1).plus(HEADER as u64).read(bytes)?;
    let flags = call.word(2);
    let handle = read_handle(kind, bytes).filter(|_| !unnamed::holds(&beside));
    let place = call.process.place()?;
    let file = place.manager.open_handle(&place.context, &beside, handle, open_flags(flags))?;
    names::add_opened(call, file, flags)
}
