//! What can be asked and told a terminal (`tty_ioctl(2)`).

use vfs::environment::Ready;
use vfs::error::{FileSystemErrorKind, Result, fail};
use vfs::file::FileObject;

use super::call::Call;
use super::flags::O_NOCTTY;
use crate::fs::devices;
use crate::fs::terminal::settings::{CHARACTERS, Input, Local, Output, Settings, Special};
use crate::fs::terminal::{self, jobs};
use crate::task::process::Process;

const TCGETS: u32 = 0x5401;
const TCSETS: u32 = 0x5402;
const TCSETSW: u32 = 0x5403;
const TCSETSF: u32 = 0x5404;
const TCSBRK: u32 = 0x5409;
const TCXONC: u32 = 0x540a;
const TCFLSH: u32 = 0x540b;
const TIOCSCTTY: u32 = 0x540e;
const TIOCGPGRP: u32 = 0x540f;
const TIOCSPGRP: u32 = 0x5410;
/// How much is under way, of a socket too (`SIOCOUTQ`).
pub const TIOCOUTQ: u32 = 0x5411;
const TIOCSTI: u32 = 0x5412;
const TIOCGWINSZ: u32 = 0x5413;
const TIOCSWINSZ: u32 = 0x5414;
const FIONREAD: u32 = 0x541b;
const TIOCNOTTY: u32 = 0x5422;
const TIOCGETD: u32 = 0x5424;
const TCSBRKP: u32 = 0x5425;
const TIOCGSID: u32 = 0x5429;
const TCGETS2: u32 = 0x802c_542a;
const TCSETS2: u32 = 0x402c_542b;
const TCSETSW2: u32 = 0x402c_542c;
const TCSETSF2: u32 = 0x402c_542d;

/// Bytes of `struct termios`, as the kernel has it, and of `struct termios2`, which has two speeds behind that.
const SIZE: usize = 17 + CHARACTERS;
const SIZE_WITH_SPEEDS: usize = SIZE + 8;

/// What `ioctl` does with a terminal; argument 2 is an address, or what the request takes.
///
/// # Errors
/// `EFAULT`; `ENOTTY` for what it does not know, and for who has another terminal or none; `EINVAL`, `EPERM`, `EINTR`,
/// `ESRCH`; `EIO` for one that is hung up, and where nobody could let the caller go on after this would stop it.
pub fn ioctl(call: &Call<'_>, file: &FileObject) -> Result<u64> {
    if file.ready().contains(Ready::HUNG_UP) {
        return fail(FileSystemErrorKind::Io);
    }
    let process = call.process;
    let write_word = |word: u32| call.address(2).write_u32(word);
    match call.word(1) {
        TCGETS => call.address(2).write(&to_bytes(&terminal::settings())[..SIZE])?,
        TCGETS2 => call.address(2).write(&to_bytes(&terminal::settings()))?,
        // What is written is out at once: nothing is to be waited for.
        TCSETS | TCSETSW => set_settings(call, SIZE, false)?,
        TCSETS2 | TCSETSW2 => set_settings(call, SIZE_WITH_SPEEDS, false)?,
        TCSETSF => set_settings(call, SIZE, true)?,
        TCSETSF2 => set_settings(call, SIZE_WITH_SPEEDS, true)?,
        TCSBRK | TCSBRKP => jobs::check_set()?,
        TCXONC => flow(call.word(2))?,
        TCFLSH => {
            jobs::check_set()?;
            match call.word(2) {
                0 => terminal::flush(true, false),
                1 => terminal::flush(false, true),
                2 => terminal::flush(true, true),
                _ => return fail(FileSystemErrorKind::InvalidArgument),
            }
        }
        TIOCSCTTY => jobs::take(process, call.word(2) == 1)?,
        TIOCNOTTY => jobs::give_up(process)?,
        TIOCGPGRP => write_word(jobs::foreground_for(process)?)?,
        TIOCSPGRP => {
            let group = call.address(2).read_u32()?;
            jobs::set_foreground(process, group as i32)?;
        }
        TIOCGSID => write_word(jobs::session_for(process)?)?,
        // It is a way to type for others, which nobody has any more (`dev.tty.legacy_tiocsti`).
        TIOCSTI => return fail(FileSystemErrorKind::Io),
        TIOCOUTQ | TIOCGETD => write_word(0)?,
        FIONREAD => write_word(terminal::readable() as u32)?,
        TIOCGWINSZ => {
            let size = terminal::size().map(u16::to_le_bytes);
            call.address(2).write(size.as_flattened())?;
        }
        TIOCSWINSZ => {
            let [size] = call.address(2).read_words()?;
            terminal::set_size([0, 16, 32, 48].map(|shift| (size >> shift) as u16));
        }
        _ => return fail(FileSystemErrorKind::NotATerminal),
    }
    Ok(0)
}

/// What opening a terminal does besides: a leader whose session has none gets it, if nobody has it. The console is no
/// session's, and `/dev/tty` is one's that has it already.
pub fn on_open(process: &Process, file: &FileObject, flags: u32) {
    let is_line = file.node().metadata().is_ok_and(|metadata| metadata.device == devices::SERIAL);
    if flags & O_NOCTTY == 0 && file.is_terminal() && is_line {
        // Who cannot have it has opened it all the same.
        let _ = jobs::take(process, false);
    }
}

/// `tcflow(3)`.
fn flow(action: u32) -> Result<()> {
    jobs::check_set()?;
    let send = |special| {
        let character = terminal::settings().character(special);
        if character != 0 {
            terminal::send(character);
        }
    };
    match action {
        0 => terminal::set_stopped(true),
        1 => terminal::set_stopped(false),
        2 => send(Special::Stop),
        3 => send(Special::Start),
        _ => return fail(FileSystemErrorKind::InvalidArgument),
    }
    Ok(())
}

fn set_settings(call: &Call<'_>, size: usize, flush: bool) -> Result<()> {
    jobs::check_set()?;
    let mut bytes = to_bytes(&terminal::settings());
    call.address(2).read(&mut bytes[..size])?;
    terminal::set_settings(from_bytes(&bytes), flush);
    Ok(())
}

fn to_bytes(settings: &Settings) -> [u8; SIZE_WITH_SPEEDS] {
    let mut bytes = [0; SIZE_WITH_SPEEDS];
    let flags = [settings.input.bits(), settings.output.bits(), settings.control, settings.local.bits()];
    bytes[..16].copy_from_slice(flags.map(u32::to_le_bytes).as_flattened());
    bytes[16] = settings.discipline;
    bytes[17..SIZE].copy_from_slice(&settings.characters);
    bytes[SIZE..].copy_from_slice(settings.speeds().map(u32::to_le_bytes).as_flattened());
    bytes
}

fn from_bytes(bytes: &[u8; SIZE_WITH_SPEEDS]) -> Settings {
    let word = |at: usize| u32::from_le_bytes(core::array::from_fn(|byte| bytes[at + byte]));
    Settings {
        input: Input::from_bits_retain(word(0)),
        output: Output::from_bits_retain(word(4)),
        control: word(8),
        local: Local::from_bits_retain(word(12)),
        discipline: bytes[16],
        characters: core::array::from_fn(|index| bytes[17 + index]),
        other_speeds: [word(SIZE), word(SIZE + 4)],
    }
}
