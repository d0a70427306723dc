//! Permission bits: shown as `ls -l` does, and read as `chmod` does.

use alloc::string::String;
use vfs::metadata::FileType;

/// The letter of a type, as `ls -l` begins its lines.
pub const fn type_letter(kind: FileType) -> char {
    match kind {
        FileType::Regular => '-',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::CharDevice => 'c',
        FileType::BlockDevice => 'b',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
        FileType::Anonymous => '?',
    }
}

/// Type and permission bits, as `drwxr-xr-x`.
pub fn show(kind: FileType, mode: u32) -> String {
    let mut text = String::from(type_letter(kind));
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// Reads a mode: octal digits, or symbolic clauses (`u+x,go-w,a=rX`) that start from `old` of a node that is or is
/// not a directory; clauses that name nobody leave the bits of `umask` alone. `None` for anything else.
pub fn parse(text: &[u8], old: u32, directory: bool, umask: u32) -> Option<u32> {
    if !text.is_empty() && text.iter().all(|byte| (b'0'..=b'7').contains(byte)) {
        let mode = u32::from_str_radix(core::str::from_utf8(text).ok()?, 8).ok()?;
        return (mode <= 0o7777).then_some(mode);
    }
    let mut mode = old;
    for clause in text.split(|&byte| byte == b',') {
        mode = apply(clause, mode, directory, umask)?;
    }
    Some(mode)
}

/// One clause: who, then one or more of an operator with permissions.
fn apply(clause: &[u8], mut mode: u32, directory: bool, umask: u32) -> Option<u32> {
    let operator = clause.iter().position(|byte| b"+-=".contains(byte))?;
    let mut who = 0;
    for byte in &clause[..operator] {
        who |= match byte {
            b'u' => 0o4700,
            b'g' => 0o2070,
            b'o' => 0o1007,
            b'a' => 0o7777,
            _ => return None,
        };
    }
    let (who, masked) = if who == 0 { (0o7777, umask) } else { (who, 0) };
    let mut rest = &clause[operator..];
    while let Some((&operator, after)) = rest.split_first() {
        let end = after.iter().position(|byte| b"+-=".contains(byte)).unwrap_or(after.len());
        let mut bits = 0;
        for byte in &after[..end] {
            bits |= match byte {
                b'r' => 0o444,
                b'w' => 0o222,
                b'x' => 0o111,
                b'X' if directory || mode & 0o111 != 0 => 0o111,
                b'X' => 0,
                b's' => 0o6000,
                b't' => 0o1000,
                b'u' => copied(mode >> 6),
                b'g' => copied(mode >> 3),
                b'o' => copied(mode),
                _ => return None,
            };
        }
        bits &= who & !masked;
        mode = match operator {
            b'+' => mode | bits,
            b'-' => mode & !bits,
            // A directory keeps its set-id bits unless they are named (chmod(1)).
            _ if directory => mode & !(who & 0o1777) | bits,
            _ => mode & !who | bits,
        };
        rest = &after[end..];
    }
    Some(mode)
}

/// The lowest three bits for everyone.
const fn copied(bits: u32) -> u32 {
    (bits & 7) * 0o111
}

#[cfg(test)]
mod tests {
    use super::{parse, show};
    use vfs::metadata::FileType;

    #[test]
    fn bits_are_shown_with_their_special_letters() {
        assert_eq!(show(FileType::Regular, 0o644), "-rw-r--r--");
        assert_eq!(show(FileType::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(show(FileType::Regular, 0o6755), "-rwsr-sr-x");
        assert_eq!(show(FileType::Regular, 0o7644), "-rwSr-Sr-T");
    }

    #[test]
    fn modes_are_octal_or_symbolic() {
        for (text, old, directory, expected) in [
            ("755", 0, false, 0o755),
            ("4755", 0, false, 0o4755),
            ("u+x", 0o644, false, 0o744),
            ("go-r", 0o644, false, 0o600),
            ("a=rX", 0o700, false, 0o555),
            ("a=rX", 0o600, false, 0o444),
            ("a=rX", 0o600, true, 0o555),
            ("+x", 0o644, false, 0o755),
            ("+w", 0o444, false, 0o644),
            ("u+s,g=u", 0o750, false, 0o4770),
            ("o+t", 0o777, true, 0o1777),
            ("u=rw,go=", 0o777, false, 0o600),
            ("g+s", 0o755, true, 0o2755),
            ("g=rx", 0o2755, true, 0o2755),
            ("u+r-w", 0o200, false, 0o400),
        ] {
            assert_eq!(parse(text.as_bytes(), old, directory, 0o022), Some(expected), "{text}");
        }
        for wrong in ["", "8", "77777", "u", "u+y", "x+r", "u+x,"] {
            assert_eq!(parse(wrong.as_bytes(), 0, false, 0), None, "{wrong}");
        }
    }
}
