//! Programs that are begun by the number of an open file (`execveat(2)`).

use std::ffi::{CStr, CString};
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};

use crate::call;
use crate::call::child;

/// The program's first argument when it has been begun by another.
pub const AGAIN: &str = "again";
/// The same for who begins it.
pub const AGAIN_TEXT: &CStr = c"again";

const AT_EXECVE_CHECK: i32 = 0x1_0000;

/// What has been begun tells what it is told.
pub fn again(arguments: &[String]) {
    let name = fs::read_to_string("/proc/self/comm").unwrap_or_default();
    // SAFETY: the pointer is to a text that lasts as long as the program.
    let told = unsafe { CStr::from_ptr(libc::getauxval(libc::AT_EXECFN) as *const _) };
    println!("    {arguments:?}, called {:?}, executed as {told:?}", name.trim_end());
}

/// Executes in a child: the error, or its wait status.
fn execute(directory: i32, path: &CStr, flags: i32) -> i64 {
    let texts = [c"first", AGAIN_TEXT].map(|text| text.as_ptr() as u64);
    child(|| {
        let mut arguments = [texts[0], texts[1], 0];
        let error = call!(SYS_execveat, directory, path, &mut arguments, 0, flags);
        println!("    error {}", -error);
        9
    })
}

fn open(path: &str, flags: i32) -> File {
    OpenOptions::new().read(true).custom_flags(flags).open(path).expect("it is there")
}

/// Has the number for another program too, or not.
fn keep(file: &File, kept: bool) {
    call!(SYS_fcntl, file.as_raw_fd(), libc::F_SETFD, if kept { 0 } else { libc::FD_CLOEXEC });
}

pub fn all() {
    let (empty, nofollow) = (libc::AT_EMPTY_PATH, libc::AT_SYMLINK_NOFOLLOW);
    fs::write("/tmp/script", "#!/processes again\n").expect("it can be written");
    fs::set_permissions("/tmp/script", PermissionsExt::from_mode(0o755)).expect("it is ours");
    fs::write("/tmp/text", "neither\n").expect("it can be written");
    symlink("/processes", "/tmp/link").expect("it can be made");
    let (program, place) = (open("/processes", 0), open("/processes", libc::O_PATH));
    let (script, root, text) = (open("/tmp/script", 0), open("/", libc::O_DIRECTORY), open("/tmp/text", 0));
    let tmp = open("/tmp", libc::O_DIRECTORY);
    let [program, place, script, root, text, tmp] =
        [&program, &place, &script, &root, &text, &tmp].map(|file| (file, file.as_raw_fd()));
    for kept in [true, false] {
        for (file, _) in [&program, &place, &script, &root, &tmp] {
            keep(file, kept);
        }
        println!("numbers are kept: {kept}");
        println!("  by number: {}", execute(program.1, c"", empty));
        println!("  by number, a place only: {}", execute(place.1, c"", empty));
        println!("  below a number: {}", execute(root.1, c"processes", 0));
        println!("  a link below a number: {}", execute(tmp.1, c"link", 0));
        println!("  a script by number: {}", execute(script.1, c"", empty));
        println!("  a script below a number: {}", execute(tmp.1, c"script", 0));
        println!("  a script by its path: {}", execute(tmp.1, c"/tmp/script", 0));
    }
    println!("a link itself: {}", execute(tmp.1, c"link", nofollow));
    println!("by path: {}", execute(libc::AT_FDCWD, c"/processes", 0));
    println!("by path, and an unknown flag: {}", execute(libc::AT_FDCWD, c"/processes", 1));
    println!("an empty path: {}", execute(program.1, c"", 0));
    println!("no number: {}", execute(77, c"", empty));
    println!("below what is no directory: {}", execute(program.1, c"x", 0));
    println!("a directory: {}", execute(root.1, c"", empty));
    println!("the current directory: {}", execute(libc::AT_FDCWD, c"", empty));
    println!("what may not be executed: {}", execute(text.1, c"", empty));
    println!("could be: {}", execute(program.1, c"", empty | AT_EXECVE_CHECK));
    println!("a script could be: {}", execute(script.1, c"", empty | AT_EXECVE_CHECK));
    println!("could not be: {}", execute(text.1, c"", empty | AT_EXECVE_CHECK));
    let missing = CString::new("/missing").expect("it has no NUL");
    println!("is not there: {}", execute(libc::AT_FDCWD, &missing, AT_EXECVE_CHECK));
}
