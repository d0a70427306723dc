//! Mount options: from text to values, and back for `/proc/mounts`.
//!
//! [`parse`] is a pure function of the text. Options are separated by commas; a backslash takes the special meaning
//! from the character after it. `lowerdir=` has a list separated by colons, `lowerdir+=` adds one path, in which a
//! colon is an ordinary character. Layers after two colons, or of `datadir+=`, hold but data. Everything that Linux's
//! overlayfs takes is taken; what asks for something that Strata does anyway, or never does, says so at its place.

use super::marks::Format;
use super::mount_checks::{LOWERS_MAX, Refusal};
use crate::driver::OptionKind;
use crate::error::FileSystemErrorKind;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What is done about redirects (`redirect_dir=`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RedirectMode {
    /// They are made and followed.
    #[default]
    On,
    /// They are followed; a directory that needs one cannot be renamed (`EXDEV`). Also `redirect_dir=off`, as on a
    /// Linux that follows always.
    Follow,
    /// They are not made, and a directory that has one cannot be looked up (`EPERM`).
    NoFollow,
}

/// What becomes of a lower file with several names that is copied up under one of them (`index=`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Index {
    /// The others lead to the copy: it stays one file.
    #[default]
    On,
    /// The others lead to the lower file still: they part.
    Off,
}

/// What is made durable (`fsync=`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fsync {
    /// What users ask for.
    #[default]
    Auto,
    /// Copies as well, before they can be seen.
    Strict,
    /// Nothing (also the option `volatile`): after a crash the upper layer is not to be used, which a mark in the work
    /// directory says from the mount on ([`super::work`]).
    Volatile,
}

/// How an overlay behaves.
#[derive(Clone, Debug, Default)]
pub struct OverlayOptions {
    /// How deletions are written.
    pub whiteout: Format,
    /// What is done about redirects.
    pub redirect: RedirectMode,
    /// Whether the overlay's own attributes are `user.overlay.*` (`userxattr`). Whoever owns a file in a layer can set
    /// them, so none is believed that would show what is elsewhere: redirects are not followed, and data comes from
    /// data-only layers alone.
    pub user_attributes: bool,
    /// What becomes of lower files with several names.
    pub index: Index,
    /// Whether nodes are opened by their handles (`nfs_export=on`). That needs layers of which the same is true, or it
    /// is off, as on Linux.
    pub nfs_export: bool,
    /// What is made durable.
    pub fsync: Fsync,
    /// The work directory, as given, to be shown. Staging needs none; what is kept there is told in [`super::work`].
    pub work: Option<Box<[u8]>>,
}

impl OverlayOptions {
    /// Options with deletions written as `whiteout` says, and everything else by default.
    pub fn with_whiteout(whiteout: Format) -> Self {
        Self { whiteout, ..Self::default() }
    }

    /// Writes what differs from the default, each with a leading comma.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn show(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        if let Some(work) = &self.work {
            out.write_str(",workdir=")?;
            write_escaped(out, work, b",\\")?;
        }
        match self.redirect {
            RedirectMode::On => {}
            RedirectMode::Follow => out.write_str(",redirect_dir=follow")?,
            RedirectMode::NoFollow => out.write_str(",redirect_dir=nofollow")?,
        }
        if self.whiteout == Format::Linux {
            out.write_str(",whiteout=linux")?;
        }
        if self.user_attributes {
            out.write_str(",userxattr")?;
        }
        if self.index == Index::Off {
            out.write_str(",index=off")?;
        }
        if self.nfs_export {
            out.write_str(",nfs_export=on")?;
        }
        match self.fsync {
            Fsync::Auto => Ok(()),
            Fsync::Strict => out.write_str(",fsync=strict"),
            Fsync::Volatile => out.write_str(",fsync=volatile"),
        }
    }
}

/// What a mount asks for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The lower layers, topmost first.
    pub lowers: Vec<Box<[u8]>>,
    /// The lower layers that hold but data, topmost first.
    pub data: Vec<Box<[u8]>>,
    /// The upper layer.
    pub upper: Option<Box<[u8]>>,
    /// Everything else.
    pub options: OverlayOptions,
}

/// Reads an option string.
///
/// # Errors
/// `EINVAL`, with a message that names the option, for one that is unknown, has a bad value, contradicts another, or
/// gives no lower layer.
pub fn parse(text: &[u8]) -> Result<Request, Refusal> {
    let mut reading = Reading::default();
    for option in split(text, b',') {
        if option.is_empty() {
            continue;
        }
        let (name, value) = match option.iter().position(|byte| *byte == b'=') {
            Some(at) => (&option[..at], Some(&option[at + 1..])),
            None => (option, None),
        };
        if !reading.read(name, value)? {
            return refuse(format!("unknown option '{}'", text_of(option)));
        }
    }
    let Reading { mut request, metacopy, redirect_given, .. } = reading;
    let writable = request.upper.is_some();
    if request.options.user_attributes {
        if redirect_given && request.options.redirect != RedirectMode::NoFollow {
            return refuse("option 'userxattr' allows 'redirect_dir=nofollow' only".into());
        }
        if metacopy {
            return refuse("options 'userxattr' and 'metacopy=on' contradict each other".into());
        }
        request.options.redirect = RedirectMode::NoFollow;
    }
    // As on Linux: without an upper layer nothing would notice that a redirect has moved what a handle stands for.
    request.options.nfs_export &= writable || request.options.redirect == RedirectMode::NoFollow;
    let exported = request.options.nfs_export;
    if metacopy && exported {
        return refuse("options 'metacopy=on' and 'nfs_export=on' contradict each other".into());
    }
    if exported && request.options.index == Index::Off {
        return refuse("options 'nfs_export=on' and 'index=off' contradict each other".into());
    }
    if metacopy
        && (request.options.redirect == RedirectMode::NoFollow
            || writable && request.options.redirect == RedirectMode::Follow)
    {
        return refuse("option 'metacopy=on' needs 'redirect_dir=on'".into());
    }
    if request.lowers.is_empty() {
        return refuse("option 'lowerdir' is missing".into());
    }
    let lowers = request.lowers.len() + request.data.len();
    if lowers > LOWERS_MAX {
        return refuse(format!("option 'lowerdir' has {lowers} layers, at most {LOWERS_MAX} are possible"));
    }
    if !writable && lowers < 2 {
        return refuse("option 'lowerdir' needs at least two layers where 'upperdir' is missing".into());
    }
    if !writable {
        // As on Linux these mean nothing there, and do no harm.
        (request.options.work, request.options.fsync) = (None, Fsync::Auto);
    }
    if request.options.fsync == Fsync::Volatile && request.options.work.is_none() {
        return refuse("option 'volatile' needs 'workdir', where it leaves its mark".into());
    }
    Ok(request)
}

/// Options while they are read.
#[derive(Default)]
struct Reading {
    request: Request,
    listed: bool,
    metacopy: bool,
    redirect_given: bool,
}

impl Reading {
    /// Reads one option; whether there is such.
    fn read(&mut self, name: &[u8], value: Option<&[u8]>) -> Result<bool, Refusal> {
        let request = &mut self.request;
        match name {
            b"lowerdir" => {
                read_lower_list(required(name, value)?, request)?;
                self.listed = true;
            }
            b"lowerdir+" | b"datadir+" if self.listed => {
                return refuse(format!("option '{}' cannot follow 'lowerdir'", text_of(name)));
            }
            b"lowerdir+" if !request.data.is_empty() => {
                return refuse("option 'lowerdir+' cannot follow 'datadir+'".into());
            }
            b"lowerdir+" => request.lowers.push(path(name, required(name, value)?)?),
            b"datadir+" if request.lowers.is_empty() => {
                return refuse("option 'datadir+' needs 'lowerdir+' before it".into());
            }
            b"datadir+" => request.data.push(path(name, required(name, value)?)?),
            b"upperdir" => request.upper = Some(path(name, required(name, value)?)?),
            b"workdir" => request.options.work = Some(path(name, required(name, value)?)?),
            b"whiteout" => {
                request.options.whiteout = choice(name, value, &[("oci", Format::Oci), ("linux", Format::Linux)])?;
            }
            b"redirect_dir" => {
                let modes = [
                    ("on", RedirectMode::On),
                    ("follow", RedirectMode::Follow),
                    ("off", RedirectMode::Follow),
                    ("nofollow", RedirectMode::NoFollow),
                ];
                request.options.redirect = choice(name, value, &modes)?;
                self.redirect_given = true;
            }
            // A clone of content costs the same whatever its size: there is nothing to put off. Uppers that have
            // files with metadata only are read all the same.
            b"metacopy" => self.metacopy = switch(name, value)?,
            b"index" => request.options.index = choice(name, value, &[("on", Index::On), ("off", Index::Off)])?,
            // Inode numbers are unique and constant whatever the layers are on (see `identity`), and no caller can see
            // that `xino=off` did not undo it: all three are as good.
            b"xino" => choice(name, value, &[("on", ()), ("off", ()), ("auto", ())])?,
            // Says which file-system id `statfs` shows; there is none here.
            b"uuid" => choice(name, value, &[("on", ()), ("off", ()), ("auto", ()), ("null", ())])?,
            // No layer has fs-verity digests, so none can be checked: asking for that must not look like getting it.
            b"verity" => choice(name, value, &[("off", ())])?,
            b"nfs_export" => request.options.nfs_export = switch(name, value)?,
            b"fsync" => {
                let modes = [("auto", Fsync::Auto), ("strict", Fsync::Strict), ("volatile", Fsync::Volatile)];
                request.options.fsync = choice(name, value, &modes)?;
            }
            b"userxattr" if value.is_none() => request.options.user_attributes = true,
            b"volatile" if value.is_none() => request.options.fsync = Fsync::Volatile,
            b"default_permissions" if value.is_none() => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What an option takes, by itself.
pub fn kind(name: &[u8], value: Option<&[u8]>) -> OptionKind {
    if matches!(name, b"lowerdir+" | b"datadir+" | b"upperdir" | b"workdir") {
        return OptionKind::Directory;
    }
    match Reading::default().read(name, value) {
        Ok(true) => OptionKind::Plain,
        Ok(false) => OptionKind::Unknown,
        Err(_) => OptionKind::Bad,
    }
}

fn refuse<T>(message: String) -> Result<T, Refusal> {
    Err(Refusal::new(FileSystemErrorKind::InvalidArgument, message))
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The parts of `text` between separators that have no backslash before them; the backslashes stay.
pub(super) fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut escaped = false;
    text.split(move |byte| {
        let splits = *byte == separator && !escaped;
        escaped = *byte == b'\\' && !escaped;
        splits
    })
}

/// Takes backslashes away from before the characters they protect.
pub(super) fn unescape(text: &[u8]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next().or(Some(byte))),
            _ => out.push(*byte),
        }
    }
    out.into_boxed_slice()
}

fn required<'a>(name: &[u8], value: Option<&'a [u8]>) -> Result<&'a [u8], Refusal> {
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => refuse(format!("option '{}' has no value", text_of(name))),
    }
}

fn path(name: &[u8], value: &[u8]) -> Result<Box<[u8]>, Refusal> {
    let path = unescape(value);
    if path.contains(&0) {
        return refuse(format!("option '{}' has a NUL in its path", text_of(name)));
    }
    Ok(path)
}

/// Reads the lower layers: those that are merged, and after two colons each those that hold but data.
fn read_lower_list(value: &[u8], request: &mut Request) -> Result<(), Refusal> {
    let Request { lowers, data, .. } = request;
    lowers.clear();
    data.clear();
    let mut parts = split(value, b':');
    while let Some(part) = parts.next() {
        let (part, doubled) = match part {
            b"" if !lowers.is_empty() => (parts.next().unwrap_or_default(), true),
            _ => (part, false),
        };
        if part.is_empty() {
            return refuse(format!("option 'lowerdir' has an empty path in '{}'", text_of(value)));
        }
        if !doubled && !data.is_empty() {
            let message = "option 'lowerdir' has a layer after those that hold but data in";
            return refuse(format!("{message} '{}'", text_of(value)));
        }
        if doubled { &mut *data } else { &mut *lowers }.push(path(b"lowerdir", part)?);
    }
    Ok(())
}

fn choice<T: Copy>(name: &[u8], value: Option<&[u8]>, choices: &[(&str, T)]) -> Result<T, Refusal> {
    let given = value.unwrap_or_default();
    match choices.iter().find(|(word, _)| word.as_bytes() == given) {
        Some((_, chosen)) => Ok(*chosen),
        None => {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            refuse(format!("option '{}' is '{}', but must be {}", text_of(name), text_of(given), words.join(" or ")))
        }
    }
}

fn switch(name: &[u8], value: Option<&[u8]>) -> Result<bool, Refusal> {
    choice(name, value, &[("on", true), ("off", false)])
}

/// Writes `text` with a backslash before each of `special`; bytes that are no UTF-8 appear as the replacement
/// character.
pub(super) fn write_escaped(out: &mut dyn fmt::Write, text: &[u8], special: &[u8]) -> fmt::Result {
    for character in String::from_utf8_lossy(text).chars() {
        if u8::try_from(character).is_ok_and(|byte| special.contains(&byte)) {
            out.write_char('\\')?;
        }
        out.write_char(character)?;
    }
    Ok(())
}
