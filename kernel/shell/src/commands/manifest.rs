//! `manifest`: a tree in a form that two machines can compare.
//!
//! One line for each path below the directory given, itself not included. A directory comes before what it holds, and
//! the names of a directory are in the order of their bytes. The fields have one blank between them:
//!
//! `TYPE MODE UID GID NLINK SIZE MTIME HASH PATH` and, for a symbolic link, ` -> TARGET`
//!
//! | field | |
//! |---|---|
//! | `TYPE` | `f`, `d`, `l`, `c`, `b`, `p` or `s` |
//! | `MODE` | four octal digits; of a symbolic link `0777` |
//! | `UID`, `GID` | decimal |
//! | `NLINK` | decimal; of a directory `-`, for file systems differ in what they count |
//! | `SIZE` | bytes, decimal; of a device `MAJOR:MINOR`; of a directory `-` |
//! | `MTIME` | whole seconds since 1970-01-01 UTC, decimal |
//! | `HASH` | SHA-256 of the content, in lower-case hexadecimal; `-` of anything but a regular file |
//! | `PATH` | from the directory given, without `./` |
//!
//! In `PATH` and `TARGET` every byte below 0x21 or above 0x7e, and the backslash, is written as `\xNN` in lower case.

use super::{Command, Group};
use crate::call::{CHUNK, Call, Done};
use crate::quoting::{Plain, Quoted};
use crate::walk::{Step, Walk};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use sha2::{Digest, Sha256};
use vfs::context::Context;
use vfs::error::{FileSystemErrorKind, Result};
use vfs::file::OpenFlags;
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{FileType, Metadata};

pub static COMMAND: Command = Command {
    name: "manifest",
    usage: "manifest [-x] DIRECTORY
  prints TYPE MODE UID GID NLINK SIZE MTIME SHA256 PATH [-> TARGET]
  -x  stays on the file system it begins on",
    summary: "Prints one line for each path below a directory, for comparing.",
    group: Group::Looking,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("x", &[], 1)?;
    let manager = call.manager();
    let start = &options.operands[0];
    let mut buffer = vec![0; CHUNK];
    let mut walk = Walk::new(manager.clone(), call.context(), start, Follow::Yes);
    let mut file_system = None;
    while let Some(step) = walk.step() {
        if call.stopped() {
            return Ok(());
        }
        let metadata = match step {
            Step::Enter(metadata) | Step::Item(metadata) => metadata,
            Step::Leave => continue,
            Step::Unreadable(error) | Step::Failed(error) => {
                call.complain(format_args!("{}: {error}", Plain(walk.path())));
                continue;
            }
        };
        if walk.depth() == 0 {
            if metadata.kind != FileType::Directory {
                let error = FileSystemErrorKind::NotADirectory.message();
                return Err(call.fail(format_args!("{}: {error}", Quoted(start))));
            }
            file_system = Some(metadata.id.file_system);
            continue;
        }
        if options.has('x') && file_system != Some(metadata.id.file_system) {
            walk.skip();
            continue;
        }
        let below = &walk.path()[start.len()..];
        let path = below.strip_prefix(b"/").unwrap_or(below);
        match line(&manager, walk.context(), walk.name(), path, &metadata, &mut buffer) {
            Ok(line) => call.print(line.as_bytes()),
            Err(error) => call.complain(format_args!("{}: {error}", Plain(walk.path()))),
        }
    }
    Ok(())
}

fn line(
    manager: &VfsManager,
    context: &Context,
    name: &[u8],
    path: &[u8],
    metadata: &Metadata,
    buffer: &mut [u8],
) -> Result<String> {
    let letter = match metadata.kind {
        FileType::Regular => 'f',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::CharDevice => 'c',
        FileType::BlockDevice => 'b',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
        FileType::Anonymous => '?',
    };
    let (links, size) = match metadata.kind {
        FileType::Directory => ("-".into(), "-".into()),
        FileType::CharDevice | FileType::BlockDevice => {
            (metadata.links.to_string(), format!("{}:{}", metadata.device.major, metadata.device.minor))
        }
        _ => (metadata.links.to_string(), metadata.size.to_string()),
    };
    let mode = if metadata.kind == FileType::Symlink { 0o777 } else { metadata.mode };
    let hash = if metadata.kind == FileType::Regular { hash(manager, context, name, buffer)? } else { "-".into() };
    let mut target = String::new();
    if metadata.kind == FileType::Symlink {
        target = format!(" -> {}", escape(&manager.read_link(context, name)?));
    }
    let Metadata { uid, gid, modified, .. } = metadata;
    let path = escape(path);
    Ok(format!("{letter} {mode:04o} {uid} {gid} {links} {size} {} {hash} {path}{target}\n", modified.seconds))
}

fn hash(manager: &VfsManager, context: &Context, name: &[u8], buffer: &mut [u8]) -> Result<String> {
    let file = manager.open(context, name, OpenFlags::READ | OpenFlags::NO_FOLLOW, 0)?;
    let mut hasher = Sha256::new();
    loop {
        match file.read(&mut &mut buffer[..])? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'\\' | 0..=0x20 | 0x7f.. => text += &format!("\\x{byte:02x}"),
            _ => text.push(char::from(byte)),
        }
    }
    text
}
