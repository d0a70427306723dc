//! Programs: from a path to an address space and the registers to begin with (`execve(2)`).
//!
//! Programs lie at the addresses they want (`ET_EXEC`) or at one chosen for them (`ET_DYN`). A dynamic one names an
//! interpreter (`PT_INTERP`), which is mapped as well, high up, and begins in its place: it finds the program by what it
//! is told on the stack. Scripts have a `#!` line. Set-id bits are the program's own, not a script's or an interpreter's.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use elf::{Elf, Segment};
use vfs::content::{Content, Excerpt, PAGE_SIZE};
use vfs::context::AccessMode;
use vfs::error::{FileSystemError, FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;
use vfs::lease;
use vfs::manager::Follow;
use vfs::metadata::FileType;
use vfs::mount::{MountFlags, Path};
use vfs::node::Access;
use vfs::usage::Run;

use super::files::Files;
use super::limits::Limits;
use super::number::Number;
use super::place::Place;
use super::process::{Parts, Process};
use super::signal::Set;
use super::signal::actions::Actions;
use super::signal::frame::AlternateStack;
use super::start::{self, STACK_TOP, Told};
use super::thread::UserStart;
use super::vdso;
use crate::arch::floating_point::FloatingPoint;
use crate::arch::trap::TrapFrame;
use crate::arch::user;
use crate::fs::unnamed;
use crate::mm::space::{self, AddressSpace, MAPPINGS_END, Mapping, Rights, SharedSpace};

/// How many scripts may name each other (Linux's limit).
const SCRIPTS_MAX: usize = 4;

/// What of a script's first line is looked at (Linux's `BINPRM_BUF_SIZE`).
const SCRIPT_LINE_MAX: usize = 256;

/// Where a program lies that can lie anywhere.
const MOVED_TO: u64 = 0x5555_5555_4000;

/// A program, ready to begin.
pub struct Loaded {
    /// Its memory.
    pub space: Arc<SharedSpace>,
    /// Its registers.
    pub frame: TrapFrame,
    /// The file's name, for messages.
    pub name: Vec<u8>,
    /// Where it stands, as who its set-id bits make it.
    pub place: Arc<Place>,
    /// What runs.
    pub program: Arc<Running>,
}

/// A program that runs.
pub struct Running {
    /// The file.
    pub executable: Path,
    /// Where in its memory its arguments were put, each with a NUL.
    pub arguments: Range<u64>,
    /// Where its environment.
    pub environment: Range<u64>,
    /// Where what the kernel told it (`getauxval(3)`).
    pub told: Range<u64>,
    /// Where the kernel's words and its code were put.
    pub vdso: Option<[Range<u64>; 2]>,
    /// Nobody writes the file meanwhile.
    _running: Option<Run>,
}

/// The program that is wanted.
pub struct Wanted<'a> {
    /// Its file.
    pub file: Path,
    /// What it is started as. A script's interpreter finds the script by that.
    pub path: &'a [u8],
    /// Where that says only by which number the file was open (`fexecve(3)`).
    pub is_number: bool,
    /// Whether that leads nowhere when the program has begun.
    pub is_lost: bool,
    /// Whether others stand where the process does ([`Process::has_company`]).
    pub is_shared: bool,
}

impl<'a> Wanted<'a> {
    /// The program at `path`.
    ///
    /// # Errors
    /// Those of resolving the path.
    pub fn at(place: &Place, path: &'a [u8]) -> Result<Self> {
        let file = place.manager.resolve(&place.context, path, Follow::Yes)?;
        Ok(Self { file, path, is_number: false, is_lost: false, is_shared: false })
    }
}

/// Loads a program, to run within `limits`.
///
/// # Errors
/// Those of [`open`]; `ENOEXEC` for what is no program, `ENOENT` for a script that is lost, `ELOOP` for scripts that lead
/// to no program, `ELIBBAD` for an interpreter that is no program, `E2BIG`, `ENOMEM`.
pub fn load(
    place: &Place,
    wanted: &Wanted<'_>,
    mut arguments: Vec<Vec<u8>>,
    environment: &[Vec<u8>],
    limits: &Limits,
) -> Result<Loaded> {
    let path = wanted.path;
    let mut file = path.to_vec();
    let mut executable = wanted.file.clone();
    let mut opened = open(place, &executable)?;
    let mut scripts = 0;
    while let Some(ScriptLine { interpreter, argument }) = script_line(&opened.content)? {
        if wanted.is_lost {
            return fail(FileSystemErrorKind::NotFound);
        }
        scripts += 1;
        if scripts > SCRIPTS_MAX {
            return fail(FileSystemErrorKind::TooManySymlinks);
        }
        let words = [Some(interpreter.clone()), argument, Some(file)].into_iter().flatten();
        // The script's own name takes the place of the first argument.
        arguments.splice(..arguments.len().min(1), words);
        file = interpreter;
        executable = place.manager.resolve(&place.context, &file, Follow::Yes)?;
        opened = open(place, &executable)?;
    }
    let elf = Elf::parse(&opened.content, MAPPINGS_END)?;
    let moved_by = if elf.movable { MOVED_TO } else { 0 };
    let interpreter = elf.interpreter.as_deref().map(|path| open_interpreter(place, path)).transpose()?;
    let mut space = AddressSpace::new()?;
    space.set_bounds(limits.of_memory());
    map_segments(&mut space, &elf.segments, &opened, moved_by)?;
    space.set_heap_start(elf.range().end + moved_by);
    let entry = elf.entry.wrapping_add(moved_by);
    let (begins_at, interpreter_base) = match interpreter {
        Some((elf, file)) => {
            let base = map_interpreter(&mut space, &elf, &file).map_err(of_library)?;
            (elf.entry.wrapping_add(base), base)
        }
        None => (entry, 0),
    };
    let vdso = vdso::map(&mut space)?;
    let (place, secure) = changed_by_set_id(place, &executable, wanted.is_shared)?;
    let told = Told {
        path,
        headers_address: if elf.headers_address == 0 { 0 } else { elf.headers_address + moved_by },
        headers: elf.headers,
        entry,
        interpreter_base,
        users: place.identity.users,
        groups: place.identity.groups,
        secure,
        vdso: vdso.as_ref().map_or(0, |[_, code]| code.start),
        stack_size: limits.stack(),
    };
    page::admit(size_of::<Place>())?;
    let stack = start::stack(&arguments, environment, &told)?;
    let (pointer, arguments, environment, auxiliary) = (stack.pointer, stack.arguments, stack.environment, stack.told);
    let mapping = Mapping::grown(stack.content, Rights::READ | Rights::WRITE);
    space.map(space::Place::IfFree(STACK_TOP - stack.length), stack.length, mapping)?;
    let name = match wanted.is_number {
        true => executable.entry.name().to_vec(),
        false => path.rsplit(|&byte| byte == b'/').next().unwrap_or(path).to_vec(),
    };
    page::admit(size_of::<Running>())?;
    let program =
        Arc::new(Running { executable, arguments, environment, told: auxiliary, vdso, _running: opened.running });
    // An address that is not the user's cannot be returned to.
    if begins_at >= user::USER_END {
        return fail(FileSystemErrorKind::NotExecutable);
    }
    let (space, frame) = (SharedSpace::new(space)?, user::first_frame(begins_at, pointer));
    Ok(Loaded { space, frame, name, place: Arc::new(place), program })
}

/// A program that is nobody's child, and has not begun.
pub struct Prepared {
    /// Its process.
    pub process: Arc<Process>,
    start: UserStart,
}

impl Prepared {
    /// Lets it run.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn begin(self) -> Result<Arc<Process>> {
        self.process.begin(self.start)?;
        Ok(self.process)
    }
}

/// Prepares the program at `path` to run as a process of that number that is nobody's child.
///
/// # Errors
/// Those of [`Wanted::at`] and [`load`]; `EAGAIN` when there are too many processes.
pub fn prepare(
    number: Arc<Number>,
    place: Place,
    path: &[u8],
    arguments: Vec<Vec<u8>>,
    environment: &[Vec<u8>],
    files: Files,
) -> Result<Prepared> {
    let wanted = Wanted::at(&place, path)?;
    let Loaded { space, frame, name, place, program } =
        load(&place, &wanted, arguments, environment, &Limits::default())?;
    let place = Place::clone(&place);
    let actions = Actions::default();
    let parts = Parts { space, files, parent: None, place, company: None, name, program, actions, told_by: None };
    let start = UserStart {
        frame,
        floating_point: FloatingPoint::default(),
        thread_base: 0,
        second_base: 0,
        identity_at: None,
        cleared_at_end: None,
        mask: Set::default(),
        alternate_stack: AlternateStack::default(),
        name: None,
        rseq: None,
    };
    Ok(Prepared { process: Process::new(number, None, parts)?, start })
}

/// The program that loads others' libraries.
fn open_interpreter(place: &Place, path: &[u8]) -> Result<(Elf, Executable)> {
    let file = place.manager.resolve(&place.context, path, Follow::Yes).map_err(of_library)?;
    let opened = open(place, &file).map_err(of_library)?;
    Ok((Elf::parse(&opened.content, MAPPINGS_END).map_err(of_library)?, opened))
}

/// Maps it where there is room, if it can lie anywhere; returns where that is.
fn map_interpreter(space: &mut AddressSpace, elf: &Elf, file: &Executable) -> Result<u64> {
    let Range { start, end } = elf.range();
    let base = if elf.movable { space.find_room(end - start)?.wrapping_sub(start) } else { 0 };
    map_segments(space, &elf.segments, file, base)?;
    Ok(base)
}

/// What is no program is the library's fault where an interpreter is meant.
fn of_library(error: FileSystemError) -> FileSystemError {
    match error.kind() {
        FileSystemErrorKind::NotExecutable => FileSystemErrorKind::BadLibrary.into(),
        _ => error,
    }
}

/// A file that may be executed.
pub struct Executable {
    object: Arc<FileObject>,
    /// Nobody writes it meanwhile.
    running: Option<Run>,
    /// What it holds now.
    content: Content,
}

/// Opens a file to execute it.
///
/// # Errors
/// `ELOOP` for a link that is not to be followed, `EACCES` for what else is no regular file or may not be executed,
/// `ETXTBSY` for what is open for writing, `EINTR` while waiting for a lease.
pub fn open(place: &Place, path: &Path) -> Result<Executable> {
    let node = path.node()?;
    if node.kind() == FileType::Symlink {
        return fail(FileSystemErrorKind::TooManySymlinks);
    }
    if node.kind() != FileType::Regular || path.mount.flags().contains(MountFlags::NO_EXECUTE) {
        return fail(FileSystemErrorKind::PermissionDenied);
    }
    place.context.credentials.check(&**node, AccessMode::EXECUTE)?;
    lease::break_for(node, Access::READ, true)?;
    match node.content() {
        Err(error) if error.kind() == FileSystemErrorKind::NotSupported => fail(FileSystemErrorKind::NotExecutable),
        content => {
            // Who makes a file without a name to run it has it open still.
            let running = if unnamed::holds(path) { None } else { Some(Run::new(node)?) };
            Ok(Executable { object: FileObject::of_place(path.clone())?, running, content: content? })
        }
    }
}

const SET_USER: u32 = 0o4000;
/// Without the group's right to execute the bit means something else (mandatory locks).
const SET_GROUP: u32 = 0o2010;

/// The place of a process as the program's set-id bits leave it, and whether they give it somebody else's rights.
fn changed_by_set_id(place: &Place, executable: &Path, is_shared: bool) -> Result<(Place, bool)> {
    let permissions = executable.node()?.permissions();
    let counts = !executable.mount.flags().contains(MountFlags::NO_SUID) && !place.identity.gains_nothing;
    let user = (counts && permissions.mode & SET_USER != 0).then_some(permissions.uid);
    let group = (counts && permissions.mode & SET_GROUP == SET_GROUP).then_some(permissions.gid);
    let mut place = place.clone();
    let secure = place.identity.begin_program(&mut place.context.credentials, user, group, is_shared);
    Ok((place, secure))
}

/// What a script's first line says.
struct ScriptLine {
    interpreter: Vec<u8>,
    /// The one argument that it gives the interpreter.
    argument: Option<Vec<u8>>,
}

/// What a script's first line says; `None` for what is no script.
fn script_line(content: &Content) -> Result<Option<ScriptLine>> {
    let mut buffer = [0; SCRIPT_LINE_MAX];
    let count = content.read(0, &mut &mut buffer[..])?;
    let Some(text) = buffer[..count].strip_prefix(b"#!") else { return Ok(None) };
    let line = match text.iter().position(|&byte| byte == b'\n') {
        Some(end) => &text[..end],
        // Cut in the middle, the name would be another's.
        None if count == SCRIPT_LINE_MAX => return fail(FileSystemErrorKind::NotExecutable),
        None => text,
    };
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (interpreter, argument) = (&line[..end], line[end..].trim_ascii());
    if interpreter.is_empty() {
        return fail(FileSystemErrorKind::NotExecutable);
    }
    let argument = (!argument.is_empty()).then(|| argument.to_vec());
    Ok(Some(ScriptLine { interpreter: interpreter.to_vec(), argument }))
}

/// Maps what a program wants mapped.
fn map_segments(space: &mut AddressSpace, segments: &[Segment], file: &Executable, moved_by: u64) -> Result<()> {
    for segment in segments {
        // A base may be below 0, for a program whose own addresses are high.
        let start = segment.start().wrapping_add(moved_by);
        let rights = rights_of(segment);
        let length = segment.end() - segment.start();
        let before = segment.address - segment.start();
        let in_file = if segment.file_size > 0 { before + segment.file_size } else { 0 };
        let file_length = in_file.next_multiple_of(PAGE_SIZE);
        if file_length > 0 {
            let (offset, end) = (segment.offset - before, segment.offset - before + in_file);
            if file.content.len() < end {
                return fail(FileSystemErrorKind::NotExecutable);
            }
            let mut own = Content::new();
            // Where there is more in memory than in the file, what is behind the file's part is zeros, in a page of the
            // program's own. Else the page is left as it is, for all who have it.
            if segment.memory_size > segment.file_size {
                let start = end - end % PAGE_SIZE;
                own.write(start, &mut Excerpt::new(&file.content, start..end))?;
            }
            let mapping = Mapping::private(file.object.clone(), own, offset, rights)?;
            space.map(space::Place::IfFree(start), file_length, mapping).map_err(not_executable)?;
        }
        if length > file_length {
            let zeros = Mapping::anonymous(length - file_length, rights, false)?;
            space
                .map(space::Place::IfFree(start + file_length), length - file_length, zeros)
                .map_err(not_executable)?;
        }
    }
    Ok(())
}

/// What a program may do with a segment; the bits are others for `mmap(2)`.
fn rights_of(segment: &Segment) -> Rights {
    let pairs = [
        (elf::Rights::READ, Rights::READ),
        (elf::Rights::WRITE, Rights::WRITE),
        (elf::Rights::EXECUTE, Rights::EXECUTE),
    ];
    pairs.iter().filter(|(has, _)| segment.rights.contains(*has)).map(|(_, right)| *right).collect()
}

/// Where a segment cannot lie (too low, on another) the file is at fault.
fn not_executable(error: FileSystemError) -> FileSystemError {
    match error.kind() {
        FileSystemErrorKind::AlreadyExists => FileSystemErrorKind::NotExecutable.into(),
        _ => error,
    }
}
