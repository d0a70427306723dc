//! System calls, by number.

use std::ffi::CStr;
use std::process;

/// An argument.
pub enum Argument<'a> {
    /// A number.
    Is(u64),
    /// The address of a text.
    Text(&'a CStr),
    /// The address of words, which the call may change.
    Words(&'a mut [u64]),
}

impl From<u64> for Argument<'_> {
    fn from(value: u64) -> Self {
        Self::Is(value)
    }
}

impl From<u32> for Argument<'_> {
    fn from(value: u32) -> Self {
        Self::Is(value.into())
    }
}

impl From<i32> for Argument<'_> {
    fn from(value: i32) -> Self {
        Self::Is(value as u64)
    }
}

impl<'a> From<&'a CStr> for Argument<'a> {
    fn from(text: &'a CStr) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a mut [u64]> for Argument<'a> {
    fn from(words: &'a mut [u64]) -> Self {
        Self::Words(words)
    }
}

impl<'a, const N: usize> From<&'a mut [u64; N]> for Argument<'a> {
    fn from(words: &'a mut [u64; N]) -> Self {
        Self::Words(words)
    }
}

/// Makes a system call; its answer, or a negative error number.
pub fn call<const N: usize>(number: i64, arguments: [Argument<'_>; N]) -> i64 {
    let mut words = [0; 6];
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = match argument {
            Argument::Is(value) => value,
            Argument::Text(text) => text.as_ptr() as u64,
            Argument::Words(words) => words.as_mut_ptr() as u64,
        };
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: what the calls made here write they write to the words given, which are as many as they want.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if answer == -1 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { answer }
}

/// [`call`] with arguments of any kind.
#[macro_export]
macro_rules! call {
    ($number:ident $(, $argument:expr)* $(,)?) => { $crate::call::call(libc::$number, [$($argument.into()),*]) };
}

/// Lets a child do something and end; its wait status.
pub fn child(body: impl FnOnce() -> i32) -> i64 {
    let pid = begin(body);
    wait(pid)
}

/// Lets a child do something and end; its number.
pub fn begin(body: impl FnOnce() -> i32) -> i64 {
    match call!(SYS_fork) {
        0 => process::exit(body()),
        pid => pid,
    }
}

/// Waits for a child of any kind; its wait status.
pub fn wait(pid: i64) -> i64 {
    let mut status = [0];
    match call!(SYS_wait4, pid as u64, &mut status, libc::__WALL, 0) {
        waited if waited == pid => status[0] as i64,
        error => error,
    }
}
