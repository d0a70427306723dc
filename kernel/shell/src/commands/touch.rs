//! `touch`: times of files, which are made where they are not there.

use super::{Command, Group};
use crate::call::{Call, Done};
use crate::options::number;
use crate::quoting::Quoted;
use vfs::error::FileSystemErrorKind;
use vfs::file::OpenFlags;
use vfs::manager::Follow;
use vfs::metadata::SetTime;
use vfs::time::Timestamp;

pub static COMMAND: Command = Command {
    name: "touch",
    usage: "touch [-acmh] [-d @SECONDS | -r FILE] PATH...
  -a  the time of access only
  -m  the time of modification only
  -c  makes no files
  -h  a symbolic link's own times
  -d  this time, in seconds since 1970-01-01 UTC, instead of now
  -r  the times of FILE instead of now",
    summary: "Sets times of files, and makes files that are not there.",
    group: Group::Files,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let long = [("no-create", 'c'), ("no-dereference", 'h'), ("date", 'd'), ("reference", 'r')];
    let options = call.options_and_operands("acmhd:r:", &long, 1)?;
    let (manager, context) = (call.manager(), call.context());
    let mut accessed = SetTime::Now;
    let mut modified = SetTime::Now;
    if let Some(text) = options.value('d') {
        let seconds = text.strip_prefix(b"@").and_then(number).and_then(|seconds| i64::try_from(seconds).ok());
        let Some(seconds) = seconds else {
            return Err(call.fail(format_args!("invalid date format {}", Quoted(text))));
        };
        accessed = SetTime::At(Timestamp::from_seconds(seconds));
        modified = accessed;
    }
    if let Some(path) = options.value('r') {
        match manager.metadata(&context, path, Follow::Yes) {
            Ok(metadata) => {
                accessed = SetTime::At(metadata.accessed);
                modified = SetTime::At(metadata.modified);
            }
            Err(error) => {
                return Err(call.fail(format_args!("failed to get attributes of {}: {error}", Quoted(path))));
            }
        }
    }
    let both = options.has('a') == options.has('m');
    let accessed = (both || options.has('a')).then_some(accessed);
    let modified = (both || options.has('m')).then_some(modified);
    let follow = if options.has('h') { Follow::No } else { Follow::Yes };
    for path in &options.operands {
        let make = !options.has('c') && !options.has('h');
        let result = match manager.set_times(&context, path, accessed, modified, follow) {
            Err(error) if error.kind() == FileSystemErrorKind::NotFound && make => manager
                .open(&context, path, OpenFlags::WRITE | OpenFlags::CREATE, 0o666)
                .and_then(|_| manager.set_times(&context, path, accessed, modified, follow)),
            Err(error) if error.kind() == FileSystemErrorKind::NotFound && options.has('c') => Ok(()),
            result => result,
        };
        if let Err(error) = result {
            call.complain(format_args!("cannot touch {}: {error}", Quoted(path)));
        }
    }
    Ok(())
}
