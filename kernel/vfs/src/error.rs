//! Errors: one kind per errno, one byte, no allocation.
//!
//! The numbers and the messages are Linux's (`errno(3)`, `strerror(3)`), so that a shell, a system call and a test
//! all say the same of the same failure.

use core::fmt;

/// The result of every operation of this crate.
pub type Result<T> = core::result::Result<T, FileSystemError>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal $name:literal $message:literal;)*) => {
        /// What went wrong, one kind per errno.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u8)]
        pub enum FileSystemErrorKind {
            $($(#[$doc])* #[doc = concat!("`", $name, "`: ", $message, ".")] $kind = $number,)*
        }

        impl FileSystemErrorKind {
            /// Every kind there is, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The symbolic name, as in `errno(3)`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The message of `strerror(3)`.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$kind => $message,)* }
            }
        }
    };
}

kinds! {
    NotPermitted = 1 "EPERM" "Operation not permitted";
    NotFound = 2 "ENOENT" "No such file or directory";
    NoProcess = 3 "ESRCH" "No such process";
    Interrupted = 4 "EINTR" "Interrupted system call";
    Io = 5 "EIO" "Input/output error";
    NoSuchDeviceOrAddress = 6 "ENXIO" "No such device or address";
    ArgumentListTooLong = 7 "E2BIG" "Argument list too long";
    NotExecutable = 8 "ENOEXEC" "Exec format error";
    BadFileDescriptor = 9 "EBADF" "Bad file descriptor";
    NoChild = 10 "ECHILD" "No child processes";
    WouldBlock = 11 "EAGAIN" "Resource temporarily unavailable";
    OutOfMemory = 12 "ENOMEM" "Cannot allocate memory";
    PermissionDenied = 13 "EACCES" "Permission denied";
    BadAddress = 14 "EFAULT" "Bad address";
    NotABlockDevice = 15 "ENOTBLK" "Block device required";
    Busy = 16 "EBUSY" "Device or resource busy";
    AlreadyExists = 17 "EEXIST" "File exists";
    CrossDevice = 18 "EXDEV" "Invalid cross-device link";
    NoSuchDevice = 19 "ENODEV" "No such device";
    NotADirectory = 20 "ENOTDIR" "Not a directory";
    IsADirectory = 21 "EISDIR" "Is a directory";
    InvalidArgument = 22 "EINVAL" "Invalid argument";
    TooManyOpenFilesInSystem = 23 "ENFILE" "Too many open files in system";
    TooManyOpenFiles = 24 "EMFILE" "Too many open files";
    NotATerminal = 25 "ENOTTY" "Inappropriate ioctl for device";
    TextFileBusy = 26 "ETXTBSY" "Text file busy";
    FileTooLarge = 27 "EFBIG" "File too large";
    NoSpace = 28 "ENOSPC" "No space left on device";
    IllegalSeek = 29 "ESPIPE" "Illegal seek";
    ReadOnlyFileSystem = 30 "EROFS" "Read-only file system";
    TooManyLinks = 31 "EMLINK" "Too many links";
    BrokenPipe = 32 "EPIPE" "Broken pipe";
    OutOfDomain = 33 "EDOM" "Numerical argument out of domain";
    OutOfRange = 34 "ERANGE" "Numerical result out of range";
    Deadlock = 35 "EDEADLK" "Resource deadlock avoided";
    NameTooLong = 36 "ENAMETOOLONG" "File name too long";
    NoLocks = 37 "ENOLCK" "No locks available";
    NotImplemented = 38 "ENOSYS" "Function not implemented";
    DirectoryNotEmpty = 39 "ENOTEMPTY" "Directory not empty";
    TooManySymlinks = 40 "ELOOP" "Too many levels of symbolic links";
    NoData = 61 "ENODATA" "No data available";
    Overflow = 75 "EOVERFLOW" "Value too large for defined data type";
    BadLibrary = 80 "ELIBBAD" "Accessing a corrupted shared library";
    NotASocket = 88 "ENOTSOCK" "Socket operation on non-socket";
    MessageTooLong = 90 "EMSGSIZE" "Message too long";
    WrongSocketType = 91 "EPROTOTYPE" "Protocol wrong type for socket";
    NoSocketOption = 92 "ENOPROTOOPT" "Protocol not available";
    NoProtocol = 93 "EPROTONOSUPPORT" "Protocol not supported";
    NoSocketType = 94 "ESOCKTNOSUPPORT" "Socket type not supported";
    NotSupported = 95 "EOPNOTSUPP" "Operation not supported";
    NoAddressFamily = 97 "EAFNOSUPPORT" "Address family not supported by protocol";
    AddressInUse = 98 "EADDRINUSE" "Address already in use";
    ConnectionReset = 104 "ECONNRESET" "Connection reset by peer";
    NoBufferSpace = 105 "ENOBUFS" "No buffer space available";
    AlreadyConnected = 106 "EISCONN" "Transport endpoint is already connected";
    NotConnected = 107 "ENOTCONN" "Transport endpoint is not connected";
    TooManyReferences = 109 "ETOOMANYREFS" "Too many references: cannot splice";
    TimedOut = 110 "ETIMEDOUT" "Connection timed out";
    ConnectionRefused = 111 "ECONNREFUSED" "Connection refused";
    Stale = 116 "ESTALE" "Stale file handle";
    QuotaExceeded = 122 "EDQUOT" "Disk quota exceeded";
}

impl FileSystemErrorKind {
    /// The error number of Linux on x86_64.
    pub const fn errno(self) -> i32 {
        self as i32
    }
}

/// An error of a file-system operation: its kind, and nothing that would need memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileSystemError {
    kind: FileSystemErrorKind,
}

impl FileSystemError {
    /// An error of the given kind.
    pub const fn new(kind: FileSystemErrorKind) -> Self {
        Self { kind }
    }

    /// What went wrong.
    pub const fn kind(self) -> FileSystemErrorKind {
        self.kind
    }

    /// The error number of Linux on x86_64.
    pub const fn errno(self) -> i32 {
        self.kind.errno()
    }
}

impl From<FileSystemErrorKind> for FileSystemError {
    fn from(kind: FileSystemErrorKind) -> Self {
        Self::new(kind)
    }
}

impl From<page::OutOfMemory> for FileSystemError {
    fn from(_: page::OutOfMemory) -> Self {
        Self::new(FileSystemErrorKind::OutOfMemory)
    }
}

impl fmt::Display for FileSystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.message())
    }
}

impl fmt::Debug for FileSystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())
    }
}

impl core::error::Error for FileSystemError {}

/// `Err` of the given kind, for the many places that answer with an errno.
pub const fn fail<T>(kind: FileSystemErrorKind) -> Result<T> {
    Err(FileSystemError::new(kind))
}

#[cfg(test)]
mod tests {
    use super::{FileSystemError, FileSystemErrorKind, Result};

    #[test]
    fn kinds_carry_linux_numbers_and_stay_one_byte() {
        assert_eq!(FileSystemErrorKind::NotFound.errno(), 2);
        assert_eq!(FileSystemErrorKind::Stale.errno(), 116);
        assert_eq!(size_of::<FileSystemError>(), 1);
        assert_eq!(size_of::<Result<usize>>(), 16);
        for pair in FileSystemErrorKind::ALL.windows(2) {
            assert!(pair[0].errno() < pair[1].errno(), "{:?} out of order", pair[1]);
        }
    }
}
