//! The verbs of a step.

use super::checks;
use std::sync::Arc;
use vfs::context::Context;
use vfs::error::Result;
use vfs::file::{FileObject, OpenFlags};
use vfs::manager::{Follow, VfsManager};
use vfs::metadata::{DeviceNumber, SetTime};
use vfs::node::{Allocate, NewKind, RenameFlags, SetXattr};
use vfs::time::Timestamp;

/// The bytes that an argument stands for.
pub fn unescape(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some((&byte, more)) = rest.split_first() {
        rest = more;
        match (byte, more) {
            (b'\\', [b'0', ..]) => bytes.push(0),
            (b'\\', [b's', ..]) => bytes.push(b' '),
            (b'\\', [b'e', ..]) => {}
            (b'\\', [b'x', high, low, ..]) => {
                let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = &rest[2..];
            }
            (b'*', _) => {
                let digits = more.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
                let times = str::from_utf8(&more[..digits]).ok().and_then(|digits| digits.parse().ok()).unwrap_or(1);
                let last = bytes.pop();
                bytes.extend(last.into_iter().flat_map(|last| std::iter::repeat_n(last, times)));
                rest = &more[digits..];
                continue;
            }
            _ => {
                bytes.push(byte);
                continue;
            }
        }
        rest = &rest[1..];
    }
    bytes
}

/// Takes one step; `None` for one that makes no sense.
pub fn take(
    manager: &VfsManager,
    context: &Context,
    words: &[&[u8]],
    kept: &mut Vec<Arc<FileObject>>,
) -> Option<Result<()>> {
    let (verb, arguments) = words.split_first()?;
    let bytes: Vec<Vec<u8>> = arguments.iter().map(|word| unescape(word)).collect();
    let path: &[u8] = bytes.first()?;
    let second = || bytes.get(1).map(Vec::as_slice);
    let number = |index: usize, radix| u32::from_str_radix(str::from_utf8(arguments.get(index)?).ok()?, radix).ok();
    let put = |flags: OpenFlags, text: &[u8]| {
        let file = manager.open(context, path, OpenFlags::WRITE | flags, 0o666)?;
        file.write(&context.credentials, &mut &text[..]).map(drop)
    };
    let make = |kind| manager.make_node(context, path, kind, 0o666);
    let rename = |flags| Some(manager.rename(context, path, second()?, flags));
    Some(match *verb {
        b"mkdir" => manager.make_directory(context, path, 0o777),
        b"file" => put(OpenFlags::CREATE | OpenFlags::TRUNCATE, second().unwrap_or_default()),
        b"append" => put(OpenFlags::APPEND, second()?),
        b"write" => {
            let offset = number(1, 10)?;
            manager.open(context, path, OpenFlags::WRITE | OpenFlags::READ, 0).and_then(|file| {
                file.write_at(&context.credentials, u64::from(offset), &mut &b"text"[..])?;
                file.allocate(&context.credentials, Allocate::PunchHole, u64::from(offset / 2), 4096)
            })
        }
        b"truncate" => manager.truncate(context, path, u64::from(number(1, 10)?)),
        b"unlink" => manager.unlink(context, path),
        b"rmdir" => manager.remove_directory(context, path),
        b"rename" => rename(RenameFlags::empty())?,
        b"exchange" => rename(RenameFlags::EXCHANGE)?,
        b"noreplace" => rename(RenameFlags::NO_REPLACE)?,
        b"link" => manager.link(context, path, second()?, Follow::No),
        b"record" => record(manager, context, path)?,
        b"symlink" => manager.make_symlink(context, second()?, path),
        b"device" => make(NewKind::CharDevice(DeviceNumber::new(number(1, 10)?, number(2, 10)?))),
        b"fifo" => make(NewKind::Fifo),
        b"chmod" => manager.set_mode(context, path, number(1, 8)?, Follow::Yes),
        b"chown" => manager.set_owner(context, path, number(1, 10), number(2, 10), Follow::No),
        b"times" => {
            let at = Some(SetTime::At(Timestamp::from_seconds(i64::from(number(1, 10)?))));
            manager.set_times(context, path, at, at, Follow::No)
        }
        b"set" => manager.set_xattr(context, path, second()?, bytes.get(2)?, SetXattr::Any, Follow::No),
        b"drop" => manager.remove_xattr(context, path, second()?, Follow::No),
        b"copy" => {
            let (name, to) = (second()?, bytes.get(2)?);
            manager
                .get_xattr(context, path, name, Follow::No)
                .and_then(|value| manager.set_xattr(context, to, name, &value, SetXattr::Any, Follow::No))
        }
        b"read" => manager.open(context, path, OpenFlags::READ, 0).and_then(|file| checks::content(&file)).map(drop),
        b"list" => manager
            .open(context, path, OpenFlags::READ | OpenFlags::DIRECTORY, 0)
            .and_then(|file| file.list(&mut |_| true)),
        b"keep" => manager.open(context, path, OpenFlags::READ, 0).map(|file| kept.push(file)),
        b"unnamed" => manager
            .open(context, path, OpenFlags::WRITE | OpenFlags::TEMPORARY, 0o600)
            .and_then(|file| manager.link_file(context, &file, second().unwrap_or_default())),
        _ => return None,
    })
}

/// Puts the file at `path` in the place of a layer's record of another; `None` where there is no record.
fn record(manager: &VfsManager, context: &Context, path: &[u8]) -> Option<Result<()>> {
    const DIRECTORY: &[u8] = b".wh..wh.plnk";
    let directory = manager.open(context, DIRECTORY, OpenFlags::READ | OpenFlags::DIRECTORY, 0).ok()?;
    let mut record = None;
    directory
        .list(&mut |item| {
            if !matches!(item.name, b"." | b"..") {
                record = Some([DIRECTORY, b"/", item.name].concat());
            }
            true
        })
        .ok()?;
    let record = record?;
    Some(manager.unlink(context, &record).and_then(|()| manager.link(context, path, &record, Follow::No)))
}
