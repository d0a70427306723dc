//! The bits of a watch and of an event, with Linux's values.

use bitflags::bitflags;

bitflags! {
    /// What is watched and how, or what has happened (`inotify(7)`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct WatchMask: u32 {
        /// `IN_ACCESS`: read, or a directory listed.
        const ACCESS = 0x1;
        /// `IN_MODIFY`: written or cut.
        const MODIFY = 0x2;
        /// `IN_ATTRIB`: mode, owner, times, attributes or the number of names changed.
        const ATTRIB = 0x4;
        /// `IN_CLOSE_WRITE`: closed, and was open for writing.
        const CLOSE_WRITE = 0x8;
        /// `IN_CLOSE_NOWRITE`: closed, and was not open for writing.
        const CLOSE_NOWRITE = 0x10;
        /// `IN_OPEN`.
        const OPEN = 0x20;
        /// `IN_MOVED_FROM`: a name went from the directory.
        const MOVED_FROM = 0x40;
        /// `IN_MOVED_TO`: a name came to the directory.
        const MOVED_TO = 0x80;
        /// `IN_CREATE`: a name was made in the directory.
        const CREATE = 0x100;
        /// `IN_DELETE`: a name was removed from the directory.
        const DELETE = 0x200;
        /// `IN_DELETE_SELF`: the last name is gone, and so is the last who had it open.
        const DELETE_SELF = 0x400;
        /// `IN_MOVE_SELF`.
        const MOVE_SELF = 0x800;
        /// `IN_UNMOUNT`: the file system is gone. Always told.
        const UNMOUNT = 0x2000;
        /// `IN_Q_OVERFLOW`: events were lost here. Of no watch (-1); always told.
        const OVERFLOW = 0x4000;
        /// `IN_IGNORED`: the watch has ended. Always told.
        const IGNORED = 0x8000;
        /// `IN_ONLYDIR`: only a directory is to be watched.
        const ONLY_DIRECTORY = 0x0100_0000;
        /// `IN_DONT_FOLLOW`: a symbolic link is to be watched itself.
        const DONT_FOLLOW = 0x0200_0000;
        /// `IN_EXCL_UNLINK`: what is done through an open file whose name was removed is not told.
        const EXCLUDE_UNLINKED = 0x0400_0000;
        /// `IN_MASK_CREATE`: only what is not watched yet is to be watched.
        const MASK_CREATE = 0x1000_0000;
        /// `IN_MASK_ADD`: what was watched before is watched still.
        const MASK_ADD = 0x2000_0000;
        /// `IN_ISDIR`: it happened to a directory.
        const DIRECTORY = 0x4000_0000;
        /// `IN_ONESHOT`: the watch ends with its first event.
        const ONESHOT = 0x8000_0000;
    }
}

impl WatchMask {
    /// `IN_ALL_EVENTS`: all that can be asked for.
    pub const ALL_EVENTS: Self = Self::from_bits_truncate(0xfff);

    /// What is told of the node whatever was asked for.
    const ALWAYS: Self = Self::UNMOUNT;

    /// What of it a watch keeps.
    pub(super) fn kept(self) -> Self {
        self & (Self::ALL_EVENTS | Self::EXCLUDE_UNLINKED | Self::ONESHOT)
    }

    /// Whether a watch for this is told of `events`.
    pub(super) fn wants(self, events: Self) -> bool {
        (self & Self::ALL_EVENTS | Self::ALWAYS).intersects(events)
    }
}
