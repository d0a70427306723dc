//! Where `cp`, `mv` and `ln` put things: at a path, or under their own names in a directory.

use crate::call::{Call, Failed};
use crate::options::Options;
use crate::quoting::Quoted;
use alloc::vec::Vec;
use vfs::manager::Follow;
use vfs::metadata::FileType;

/// One source and the path it goes to.
pub struct Pair {
    /// As given.
    pub source: Vec<u8>,
    /// The path of the result itself.
    pub target: Vec<u8>,
}

/// The last name of a path, without slashes behind it; the path itself where it has none.
pub fn base_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
    let trimmed = &path[..end];
    let start = trimmed.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
    if trimmed.is_empty() { path } else { &trimmed[start..] }
}

/// `directory` and `name` with one slash between them.
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if directory.ends_with(b"/") { b"" } else { b"/" };
    [directory, slash, name].concat()
}

/// Pairs the operands: the last is where the others go. With `-T` it is never taken for a directory to put things in.
///
/// # Errors
/// The user has been told that several things can only go into a directory, or that one is missing.
pub fn pairs(call: &mut Call<'_, '_>, options: &Options) -> Result<Vec<Pair>, Failed> {
    let (target, sources) = match &options.operands[..] {
        [] => return Err(call.misuse(format_args!("missing file operand"))),
        [only] => {
            return Err(call.misuse(format_args!("missing destination file operand after {}", Quoted(only))));
        }
        [sources @ .., target] => (target, sources),
    };
    let metadata = call.manager().metadata(&call.context(), target, Follow::Yes);
    let into = !options.has('T') && metadata.is_ok_and(|metadata| metadata.kind == FileType::Directory);
    if sources.len() > 1 && !into {
        return Err(call.fail(format_args!("target {}: Not a directory", Quoted(target))));
    }
    let pair = |source: &Vec<u8>| {
        let target = if into { join(target, base_name(source)) } else { target.clone() };
        Pair { source: source.clone(), target }
    };
    Ok(sources.iter().map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::{base_name, join};

    #[test]
    fn last_names() {
        for (path, name) in [("a", "a"), ("a/b", "b"), ("a/b//", "b"), ("/", "/"), ("/a", "a"), ("..", "..")] {
            assert_eq!(base_name(path.as_bytes()), name.as_bytes());
        }
        assert_eq!(join(b"a/", b"b"), b"a/b");
        assert_eq!(join(b"a", b"b"), b"a/b");
    }
}
