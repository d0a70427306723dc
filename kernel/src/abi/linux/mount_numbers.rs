//! Mounts by their numbers: what there is to say of one, and which there are (`statmount(2)`, `listmount(2)`).

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use vfs::context::{Capabilities, Context};
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::OpenFlags;
use vfs::manager::VfsManager;
use vfs::manager::mounts::MountInfo;
use vfs::mount::{MountFlags, MountPoint, Path};

use super::call::Call;
use super::mounting::attribute_bits;
use super::mounts::{MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE};
use super::structures::UNIQUE_MOUNTS;
use crate::fs::namespaces;

/// `MNT_ID_REQ_SIZE_VER0`: a request without a namespace.
const LEAST_REQUEST: u32 = 24;
/// `LSMT_ROOT`, in place of a mount: the root of who asks.
const ROOT: u64 = u64::MAX;

const LISTMOUNT_REVERSE: u32 = 1;
/// How many mounts one call tells of at most.
const LIST_MAX: u64 = 1_000_000;
/// How many mounts are held at a time.
const BATCH: usize = 64;

/// Bytes of `struct statmount`, behind which its texts are.
const HEADER: usize = 512;
/// Bytes of heap that all there is to say of a mount takes, about: mostly its file system's options.
const MEMORY: usize = 1 << 20;

/// `STATMOUNT_*`.
const SB_BASIC: u64 = 0x1;
const MNT_BASIC: u64 = 0x2;
const PROPAGATE_FROM: u64 = 0x4;
const MNT_ROOT: u64 = 0x8;
const MNT_POINT: u64 = 0x10;
const FS_TYPE: u64 = 0x20;
const MNT_NS_ID: u64 = 0x40;
const MNT_OPTS: u64 = 0x80;
const FS_SUBTYPE: u64 = 0x100;
const SB_SOURCE: u64 = 0x200;
const OPT_ARRAY: u64 = 0x400;
const OPT_SEC_ARRAY: u64 = 0x800;
const SUPPORTED_MASK: u64 = 0x1000;
const MNT_UIDMAP: u64 = 0x2000;
const MNT_GIDMAP: u64 = 0x4000;
/// Nothing here has a subtype, options of a security module, or users of its own: these are never told.
const NEVER: u64 = FS_SUBTYPE | OPT_SEC_ARRAY | MNT_UIDMAP | MNT_GIDMAP;
const TEXTS: u64 = MNT_ROOT | MNT_POINT | FS_TYPE | MNT_OPTS | SB_SOURCE | OPT_ARRAY | NEVER;
const KNOWN: u64 = SB_BASIC | MNT_BASIC | PROPAGATE_FROM | MNT_NS_ID | SUPPORTED_MASK | TEXTS;

/// `struct mnt_id_req`, and whom it is about.
struct Request {
    /// The number of a mount, or [`ROOT`].
    mount: u64,
    parameter: u64,
    manager: Arc<VfsManager>,
    /// Who asks, from the root of that namespace if it is not their own.
    context: Context,
}

impl Request {
    /// That at the address which argument 0 is.
    ///
    /// # Errors
    /// `EFAULT`; `E2BIG`, `EINVAL` for a size that is none, `EINVAL` for what is no mount's number or says two
    /// namespaces, `ENOENT` for a namespace that is not there or not to be asked of, `EBADF`.
    fn read(call: &Call<'_>) -> Result<Self> {
        let size = call.address(0).read_u32()?;
        if size < LEAST_REQUEST {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let [head, mount, parameter, namespace] = call.address(0).read_growing(u64::from(size))?;
        if mount <= UNIQUE_MOUNTS {
            return fail(FileSystemErrorKind::InvalidArgument);
        }
        let place = call.process.place()?;
        let mut context = place.context.clone();
        let manager = match ((head >> 32) as u32, namespace) {
            (0, 0) => place.manager.clone(),
            (0, number) => {
                let found = place.manager.relative(number..=number, false);
                let may = |found: &Arc<_>| Arc::ptr_eq(found, &place.manager) || is_admin(&context);
                found.filter(may).ok_or(FileSystemErrorKind::NotFound)?
            }
            (file, 0) => {
                let file = call.process.files().get(u64::from(file))?.file;
                if file.flags().contains(OpenFlags::PATH) {
                    return fail(FileSystemErrorKind::BadFileDescriptor);
                }
                namespaces::of_file(&file).ok_or(FileSystemErrorKind::InvalidArgument)?
            }
            _ => return fail(FileSystemErrorKind::InvalidArgument),
        };
        if !Arc::ptr_eq(&manager, &place.manager) {
            context.root = manager.root_context().root;
        }
        Ok(Self { mount, parameter, manager, context })
    }

    /// The mount.
    ///
    /// # Errors
    /// `ENOENT`.
    fn mount(&self) -> Result<Arc<MountPoint>> {
        self.manager.tree().mount(self.mount - UNIQUE_MOUNTS).ok_or(FileSystemErrorKind::NotFound.into())
    }

    /// Requires that who asks sees a place, or may see all.
    ///
    /// # Errors
    /// `EPERM`.
    fn check_seen(&self, place: &Path) -> Result<()> {
        let seen = self.context.root.is_above(place) || is_admin(&self.context);
        if seen { Ok(()) } else { fail(FileSystemErrorKind::NotPermitted) }
    }
}

fn is_admin(context: &Context) -> bool {
    context.credentials.capable(Capabilities::SYS_ADMIN)
}

/// `struct statmount` as it is put together.
struct Answer {
    header: [u8; HEADER],
    told: u64,
    texts: Vec<u8>,
}

impl Answer {
    fn word(&mut self, at: usize, value: u64) {
        self.header[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn half(&mut self, at: usize, value: u32) {
        self.header[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Adds a text, where its place among the others belongs; none is not told.
    fn text(&mut self, at: usize, bit: u64, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.half(at, self.texts.len() as u32);
        self.texts.extend_from_slice(text);
        self.texts.push(0);
        self.told |= bit;
    }

    /// What is asked of a mount.
    ///
    /// # Errors
    /// Those of the file system.
    fn new(mount: &MountInfo, asked: u64, namespace: u64) -> Result<Self> {
        // An offset of 0 is that of an empty text.
        let texts = if asked & TEXTS == 0 { Vec::new() } else { vec![0] };
        let mut answer = Self { header: [0; HEADER], told: asked & KNOWN & !TEXTS, texts };
        if asked & SB_BASIC != 0 {
            let shown = MountFlags::OF_FILE_SYSTEM - MountFlags::MANDATORY_LOCKS;
            answer.word(16, mount.file_system.id().0 << 32);
            answer.word(24, mount.file_system.statistics()?.magic);
            answer.half(32, (mount.general & shown).bits());
        }
        if asked & MNT_BASIC != 0 {
            answer.word(40, UNIQUE_MOUNTS + mount.id);
            answer.word(48, UNIQUE_MOUNTS + mount.parent);
            answer.half(56, mount.id as u32);
            answer.half(60, mount.parent as u32);
            answer.word(64, attribute_bits(mount.flags));
            answer.word(72, u64::from(propagation(mount)));
            answer.word(80, mount.shared.unwrap_or_default());
            answer.word(88, mount.master.unwrap_or_default());
        }
        if asked & PROPAGATE_FROM != 0 {
            answer.word(96, mount.propagate_from.unwrap_or_default());
        }
        if asked & MNT_NS_ID != 0 {
            answer.word(112, namespace);
        }
        if asked & SUPPORTED_MASK != 0 {
            answer.word(144, KNOWN);
        }
        let options = mount.options.strip_prefix(',').unwrap_or_default();
        let (count, each) = if asked & OPT_ARRAY != 0 { taken_apart(options) } else { (0, Vec::new()) };
        answer.half(128, count);
        let texts: [(usize, u64, &[u8]); 6] = [
            (36, FS_TYPE, mount.type_name.as_bytes()),
            (104, MNT_ROOT, &mount.root),
            (108, MNT_POINT, &mount.target),
            (4, MNT_OPTS, options.as_bytes()),
            (132, OPT_ARRAY, &each),
            (124, SB_SOURCE, &mount.source),
        ];
        for (at, bit, text) in texts.into_iter().filter(|(_, bit, _)| asked & bit != 0) {
            answer.text(at, bit, text);
        }
        Ok(answer)
    }

    /// Writes it to where argument 1 says, for which argument 2 says how long that is.
    ///
    /// # Errors
    /// `EOVERFLOW` where its texts do not fit, `EFAULT`. Less of what stands before them than there is will do.
    fn write(mut self, call: &Call<'_>) -> Result<u64> {
        let room = call.arguments[2];
        let header = room.min(HEADER as u64) as usize;
        let fits = (HEADER + self.texts.len()) as u64 <= room;
        // The empty text alone need not fit.
        if !fits && self.texts.len() > 1 {
            return fail(FileSystemErrorKind::Overflow);
        }
        self.half(0, (header + self.texts.len()) as u32);
        self.word(8, self.told);
        call.address(1).write(&self.header[..header])?;
        if fits {
            call.address(1).plus(HEADER as u64).write(&self.texts)?;
        }
        Ok(0)
    }
}

/// How a mount passes on what is mounted on it.
fn propagation(mount: &MountInfo) -> u32 {
    let words =
        [(mount.shared.is_some(), MS_SHARED), (mount.master.is_some(), MS_SLAVE), (mount.unbindable, MS_UNBINDABLE)];
    match words.into_iter().filter(|(is, _)| *is).fold(0, |all, (_, word)| all | word) {
        0 => MS_PRIVATE,
        some => some,
    }
}

/// Options one by one, with a NUL between any two, and how many: what was octal in all of them is so no more.
fn taken_apart(options: &str) -> (u32, Vec<u8>) {
    let mut each = Vec::new();
    let mut count = 0;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        if count != 0 {
            each.push(0);
        }
        count += 1;
        let mut rest = option.as_bytes();
        while let [first, behind @ ..] = rest {
            let octal = match (first, behind) {
                (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                    Some(((a & 3) << 6) | ((b & 7) << 3) | (c & 7))
                }
                _ => None,
            };
            each.push(octal.unwrap_or(*first));
            rest = if octal.is_some() { &behind[3..] } else { behind };
        }
    }
    (count, each)
}

pub fn statmount(call: &mut Call<'_>) -> Result<u64> {
    call.flags(3, 0)?;
    let request = Request::read(call)?;
    let asked = request.parameter;
    if asked & TEXTS != 0 && call.arguments[2] == HEADER as u64 {
        return fail(FileSystemErrorKind::Overflow);
    }
    let mount = request.mount()?;
    request.check_seen(&Path::root_of(mount.clone()))?;
    page::admit(MEMORY)?;
    let known = request.manager.describe(&request.context, &mount);
    Answer::new(&known, asked, request.manager.id())?.write(call)
}

pub fn listmount(call: &mut Call<'_>) -> Result<u64> {
    let reverse = call.flags(3, LISTMOUNT_REVERSE)? != 0;
    let most = call.arguments[2];
    if most > LIST_MAX {
        return fail(FileSystemErrorKind::Overflow);
    }
    let request = Request::read(call)?;
    let last = match request.parameter {
        0 => None,
        1..=UNIQUE_MOUNTS => return fail(FileSystemErrorKind::InvalidArgument),
        last => Some(last - UNIQUE_MOUNTS),
    };
    let (itself, top) = match request.mount {
        ROOT => (0, request.context.root.clone()),
        number => (number - UNIQUE_MOUNTS, Path::root_of(request.mount()?)),
    };
    request.check_seen(&top)?;
    let mut range = if reverse { 0..last.unwrap_or(u64::MAX) } else { last.unwrap_or(0) + 1..u64::MAX };
    let mut told = 0;
    loop {
        let batch = request.manager.tree().some_mounts(range.clone(), BATCH, reverse);
        let Some(farthest) = batch.last().map(|mount| mount.id()) else { return Ok(told) };
        range = if reverse { 0..farthest } else { farthest + 1..u64::MAX };
        for mount in batch {
            if told == most {
                return Ok(told);
            }
            let number = mount.id();
            if number != itself && top.is_above(&Path::root_of(mount)) {
                call.address(1).plus(8 * told).write_words([UNIQUE_MOUNTS + number])?;
                told += 1;
            }
        }
    }
}
