//! Makes system calls that no library has a safe name for, and says what they answer: the same on Linux and in the
//! guest.
//!
//! Every address that a call is given is that of memory of this program that lives as long as the call, or of none.

mod any_mounts;
mod futexes;
mod handles;
mod leases;
mod mappings;
mod memory;
mod mount_numbers;
mod mounts;
mod moves;
mod notices;
mod polling;
mod shown_files;
mod sockets;

use std::ffi::CString;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a call answers: an errno is negative.
type Answer = i64;

/// Makes a call.
///
/// # Safety
/// What its arguments are addresses of must be the program's to be read and written as the call says.
unsafe fn raw(number: libc::c_long, arguments: [usize; 6]) -> Answer {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the caller's.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if answer == -1 { -Answer::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { answer }
}

/// Makes a call with up to six numbers or addresses.
macro_rules! call {
    ($number:ident $(, $argument:expr)* $(,)?) => {{
        let mut arguments = [0usize; 6];
        let given: &[usize] = &[$($argument as usize),*];
        arguments[..given.len()].copy_from_slice(given);
        // SAFETY: as the head of this program says.
        unsafe { $crate::raw(libc::$number, arguments) }
    }};
}
pub(crate) use call;

/// The address of something.
fn at<T: ?Sized>(of: &mut T) -> usize {
    std::ptr::from_mut(of).cast::<u8>().addr()
}

/// The address of a text, which stays for as long as the program runs.
fn text(text: &str) -> usize {
    CString::new(text).unwrap_or_default().into_raw().expose_provenance()
}

/// How often the handler ran.
static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn handler(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Lets a signal be handled after which calls are made again.
fn handle(signal: libc::c_int) {
    // SAFETY: an action of zeros is one, and the handler does what a handler may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

fn main() {
    // What is done to mounts and files is done in a room of its own.
    match std::env::args().nth(1).as_deref() {
        Some("mounts") => {
            mounts::rows();
            mappings::of_layers();
            mappings::devices();
            return println!("done");
        }
        Some("any-mounts") => {
            any_mounts::rows();
            return println!("done");
        }
        Some("files") => {
            // Numbers are told: nothing else may have some.
            let closed = call!(SYS_close_range, 3, u32::MAX, 0);
            let moved = std::env::set_current_dir("/tmp").is_ok();
            println!("files: {closed} {moved}");
            notices::rows();
            leases::rows();
            shown_files::rows();
            return println!("done");
        }
        Some("handles") => {
            return match handles::rows() {
                Ok(()) => println!("done"),
                Err(error) => println!("{error}"),
            };
        }
        _ => {}
    }
    sockets::rows();
    sockets::peeking();
    sockets::options();
    sockets::interrupted();
    sockets::under_way();
    polling::signals();
    polling::processes();
    polling::exclusive();
    polling::nested();
    memory::growing();
    memory::left_out();
    memory::guards();
    memory::sealed();
    memory::moved();
    memory::advice();
    memory::foreign();
    memory::shown();
    memory::locked();
    mappings::rows();
    mappings::moved();
    mappings::zeros();
    futexes::owned();
    futexes::left_behind();
    futexes::of_the_library();
    futexes::rows();
    futexes::moved_to_locks();
    println!("done");
}
