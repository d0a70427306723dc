//! `stat`: everything a node says of itself.

use super::{Command, Group};
use crate::calendar::Full;
use crate::call::{Call, Done};
use crate::mode;
use crate::quoting::{Plain, Quoted};
use alloc::format;
use alloc::string::{String, ToString};
use vfs::manager::Follow;
use vfs::metadata::{FileType, Metadata};

pub static COMMAND: Command = Command {
    name: "stat",
    usage: "stat [-L] [-c FORMAT] PATH...
  -L  what a symbolic link leads to
  -c  a line of this form: %n name, %F type, %s size, %b blocks, %i inode,
      %d device, %h links, %a mode (octal), %A mode, %u uid, %g gid,
      %X %Y %Z seconds of access, modification, change, %x %y %z in full,
      %t %T numbers of a device node, %N name with the target of a link",
    summary: "Prints what is known of files.",
    group: Group::Looking,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options_and_operands("Lc:", &[("dereference", 'L'), ("format", 'c')], 1)?;
    let (manager, context) = (call.manager(), call.context());
    let follow = if options.has('L') { Follow::Yes } else { Follow::No };
    for path in &options.operands {
        let metadata = match manager.metadata(&context, path, follow) {
            Ok(metadata) => metadata,
            Err(error) => {
                call.complain(format_args!("cannot statx {}: {error}", Quoted(path)));
                continue;
            }
        };
        let mut name = Plain(path).to_string();
        if metadata.kind == FileType::Symlink {
            match manager.read_link(&context, path) {
                Ok(target) => name = format!("{name} -> {}", Plain(&target)),
                Err(error) => call.complain(format_args!("cannot read symbolic link {}: {error}", Quoted(path))),
            }
        }
        match options.value('c') {
            Some(format) => {
                let mut rest = format;
                while let Some((&byte, after)) = rest.split_first() {
                    rest = after;
                    match (byte, after.split_first()) {
                        (b'%', Some((b'n', after))) => {
                            call.print(path);
                            rest = after;
                        }
                        (b'%', Some((&letter, after))) => {
                            let text = field(letter, &metadata, &name);
                            call.print(text.as_bytes());
                            rest = after;
                        }
                        _ => call.print(&[byte]),
                    }
                }
                call.print(b"\n");
            }
            None => print_all(call, &metadata, &name),
        }
    }
    Ok(())
}

fn field(letter: u8, metadata: &Metadata, name: &str) -> String {
    match letter {
        b'N' => name.into(),
        b'F' => type_name(metadata).into(),
        b's' => metadata.size.to_string(),
        b'b' => metadata.blocks.to_string(),
        b'B' => "512".into(),
        b'i' => metadata.id.inode.to_string(),
        b'd' => metadata.id.file_system.0.to_string(),
        b'h' => metadata.links.to_string(),
        b'a' => format!("{:o}", metadata.mode),
        b'A' => mode::show(metadata.kind, metadata.mode),
        b'u' => metadata.uid.to_string(),
        b'g' => metadata.gid.to_string(),
        b'X' => metadata.accessed.seconds.to_string(),
        b'Y' => metadata.modified.seconds.to_string(),
        b'Z' => metadata.changed.seconds.to_string(),
        b'x' => Full(metadata.accessed).to_string(),
        b'y' => Full(metadata.modified).to_string(),
        b'z' => Full(metadata.changed).to_string(),
        b't' => format!("{:x}", metadata.device.major),
        b'T' => format!("{:x}", metadata.device.minor),
        b'%' => "%".into(),
        other => format!("%{}", char::from(other)),
    }
}

fn print_all(call: &mut Call<'_, '_>, metadata: &Metadata, name: &str) {
    let Metadata { id, kind, mode, uid, gid, links, device, size, blocks, .. } = *metadata;
    call.format(format_args!("  File: {name}\n"));
    call.format(format_args!("  Size: {size:<10} Blocks: {blocks:<10} {}\n", type_name(metadata)));
    call.format(format_args!("Device: {:<10} Inode: {:<11} Links: {links}", id.file_system.0, id.inode));
    if matches!(kind, FileType::CharDevice | FileType::BlockDevice) {
        call.format(format_args!("     Device type: {},{}", device.major, device.minor));
    }
    call.format(format_args!("\nAccess: ({mode:04o}/{})  Uid: {uid:<6} Gid: {gid}\n", mode::show(kind, mode)));
    call.format(format_args!("Access: {}\n", Full(metadata.accessed)));
    call.format(format_args!("Modify: {}\n", Full(metadata.modified)));
    call.format(format_args!("Change: {}\n", Full(metadata.changed)));
}

fn type_name(metadata: &Metadata) -> &'static str {
    match metadata.kind {
        FileType::Regular if metadata.size == 0 => "regular empty file",
        FileType::Regular => "regular file",
        FileType::Directory => "directory",
        FileType::Symlink => "symbolic link",
        FileType::CharDevice => "character special file",
        FileType::BlockDevice => "block special file",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        FileType::Anonymous => "weird file",
    }
}
