//! Files by handles (`name_to_handle_at(2)`, `open_by_handle_at(2)`).

use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::handles::{Handle, Purpose};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileSystemId, NodeId};
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
const MAX_SIZE: usize = 128;
/// Bytes that stand before a handle.
const HEADER: usize = 8;

/// `FILEID_INO32_GEN`: tmpfs has the generation first.
const OF_INODE: u32 = 1;
/// `FILEID_INO64_GEN`: what there is to compare where nothing is opened by handles.
const TO_COMPARE: u32 = 0x81;
/// `OVL_FILEID_V1`.
const OF_OVERLAY: u32 = 0xf8;
/// `FILEID_INVALID`.
const INVALID: u32 = 0xff;
/// What a type may be, and with it what is said of the handle beside.
const TYPES: u32 = 0x3_ffff;
const CONNECTABLE: u32 = 0x1_0000;
const OF_DIRECTORY: u32 = 0x2_0000;

/// Bytes of a handle by inode.
const INODE_SIZE: usize = 12;
/// The head of an overlay's (`struct ovl_fh`), which the identity of a file system and a handle by inode follow:
/// padding, version, magic, the length from the version on, flags, and the type of the handle that follows.
const OVERLAY_HEAD: [u8; 8] = [0, 0, 0, 0, 0xfb, 33, 0, OF_INODE as u8];
const OVERLAY_ID: usize = 16;
const OVERLAY_SIZE: usize = OVERLAY_HEAD.len() + OVERLAY_ID + INODE_SIZE;

/// A handle, as programs see it.
struct Encoded {
    kind: u32,
    bytes: [u8; OVERLAY_SIZE],
    size: usize,
}

fn generation(file_system: FileSystemId) -> [u8; 4] {
    (file_system.0 as u32).to_le_bytes()
}

impl Encoded {
    fn new(kind: u32, parts: &[&[u8]]) -> Self {
        let (mut bytes, mut size) = ([0; OVERLAY_SIZE], 0);
        for part in parts {
            bytes[size..size + part.len()].copy_from_slice(part);
            size += part.len();
        }
        Self { kind, bytes, size }
    }

    fn of(handle: Handle, overlaid: bool) -> Self {
        let (generation, inode) = (generation(handle.file_system), handle.inode.to_le_bytes());
        if !overlaid {
            return Self::new(OF_INODE, &[&generation, &inode]);
        }
        let id = u128::from(handle.file_system.0).to_le_bytes();
        Self::new(OF_OVERLAY, &[&OVERLAY_HEAD, &id, &generation, &inode])
    }

    /// One of a node of which there is none to open it by.
    fn to_compare(inode: u64) -> Self {
        Self::new(TO_COMPARE, &[&inode.to_le_bytes(), &[0; 4]])
    }
}

/// Whether handles there are those of an overlay.
fn is_overlaid(path: &Path) -> bool {
    path.mount.superblock().operations().stacking_depth() > 0
}

/// The handle of what is at a place; `None` for a connectable one that there is none of.
fn handle_of(path: &Path, flags: u32) -> Result<Option<Encoded>> {
    let to_compare = flags & AT_HANDLE_FID != 0;
    let known = match unnamed::holds(path) {
        true => fail(FileSystemErrorKind::NotSupported),
        false => VfsManager::handle_of(path, if to_compare { Purpose::Compare } else { Purpose::Open }),
    };
    let mut encoded = match known {
        Ok(handle) => Encoded::of(handle, is_overlaid(path)),
        Err(error) if error.kind() == FileSystemErrorKind::NotSupported && to_compare => {
            Encoded::to_compare(path.node()?.id().inode)
        }
        Err(error) => return Err(error),
    };
    if flags & AT_HANDLE_CONNECTABLE != 0 {
        // As on Linux: tmpfs has none, and an overlay only of directories, which are connected anyway.
        if !is_overlaid(path) {
            return fail(FileSystemErrorKind::NotSupported);
        }
        if !path.entry.is_directory() {
            return Ok(None);
        }
        encoded.kind |= CONNECTABLE | OF_DIRECTORY;
    }
    Ok(Some(encoded))
}

pub fn name_to_handle_at(call: &mut Call<'_>) -> Result<u64> {
    let known = AT_HANDLE_MNT_ID_UNIQUE | AT_HANDLE_CONNECTABLE | AT_HANDLE_FID | AT_SYMLINK_FOLLOW | AT_EMPTY_PATH;
    let flags = call.flags(4, known)?;
    if flags & AT_HANDLE_CONNECTABLE != 0 && flags & (AT_HANDLE_FID | AT_EMPTY_PATH) != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let follow = if flags & AT_SYMLINK_FOLLOW != 0 { Follow::Yes } else { Follow::No };
    let path = call.named_at(0, 1, follow, flags)?;
    let handle = handle_of(&path, flags)?;
    let room = call.address(2).read_u32()? as usize;
    if room > MAX_SIZE {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let mount = path.mount.id();
    if flags & AT_HANDLE_MNT_ID_UNIQUE != 0 {
        call.write_words(3, [structures::UNIQUE_MOUNTS + mount])?;
    } else {
        call.address(3).write_u32(mount as u32)?;
    }
    let fits = handle.as_ref().filter(|handle| handle.size <= room);
    let size = handle.as_ref().map_or(room & !3, |handle| handle.size);
    let mut answer = [0; HEADER + OVERLAY_SIZE];
    answer[..4].copy_from_slice(&(size as u32).to_le_bytes());
    answer[4..HEADER].copy_from_slice(&fits.map_or(INVALID, |handle| handle.kind).to_le_bytes());
    let mut length = HEADER;
    if let Some(handle) = fits {
        answer[HEADER..].copy_from_slice(&handle.bytes);
        length += handle.size;
    }
    call.address(2).write(&answer[..length])?;
    if fits.is_some() { Ok(0) } else { fail(FileSystemErrorKind::Overflow) }
}

/// What a program says is a handle of the file system that `beside` is on; `None` for what is none. For tmpfs its type
/// may be any, as on Linux.
fn read_handle(kind: u32, bytes: &[u8], beside: &Path) -> Option<Handle> {
    let overlaid = is_overlaid(beside);
    let (file_system, by_inode) = if overlaid {
        let (head, rest) = bytes.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk::<OVERLAY_ID>()?;
        let known = *head == OVERLAY_HEAD && kind & !(CONNECTABLE | OF_DIRECTORY) == OF_OVERLAY;
        let id = known.then_some(u128::from_le_bytes(*id))?;
        (FileSystemId(u64::try_from(id).ok()?), rest)
    } else {
        (beside.mount.superblock().operations().id(), bytes)
    };
    let (said, rest) = by_inode.split_first_chunk()?;
    let inode = u64::from_le_bytes(*rest.first_chunk()?);
    (*said == generation(file_system)).then_some(NodeId { file_system, inode })
}

pub fn open_by_handle_at(call: &mut Call<'_>) -> Result<u64> {
    let [header] = call.address(1).read_words()?;
    let (size, kind) = (header as u32 as usize, (header >> 32) as u32);
    if size == 0 || size > MAX_SIZE || kind & !TYPES != 0 {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let beside = if call.word(0) == AT_FDCWD { call.place_of(0)? } else { call.file(0)?.path().clone() };
    let mut bytes = [0; MAX_SIZE];
    let bytes = &mut bytes[..size];
    call.address(1).plus(HEADER as u64).read(bytes)?;
    let flags = call.word(2);
    let handle = read_handle(kind, bytes, &beside).filter(|_| !unnamed::holds(&beside));
    let place = call.process.place()?;
    let only_directory = kind & OF_DIRECTORY != 0;
    let opened = place.manager.open_handle(&place.context, &beside, handle, only_directory, open_flags(flags))?;
    names::add_opened(call, opened, flags)
}
