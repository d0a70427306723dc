//! Private mappings of files: what of the file's changes they show, and what becomes of a program's own pages.

use std::fs;
use std::os::fd::AsRawFd;

use crate::memory::{PAGE, child, get, put};
use crate::{at, call};

const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;

/// A file of pages of letters, which has no name.
fn letters(pages: u8) -> i64 {
    let file = call!(SYS_memfd_create, c"letters".as_ptr().addr(), 0);
    for page in 0..pages {
        write(file, usize::from(page) * PAGE, &[b'a' + page; PAGE]);
    }
    file
}

fn write(file: i64, offset: usize, bytes: &[u8]) -> i64 {
    call!(SYS_pwrite64, file, bytes.as_ptr().expose_provenance(), bytes.len(), offset)
}

fn map(file: i64, pages: usize) -> usize {
    call!(SYS_mmap, 0, pages * PAGE, READ_WRITE, libc::MAP_PRIVATE, file, 0) as usize
}

fn cut(file: i64, pages: usize) -> i64 {
    call!(SYS_ftruncate, file, pages * PAGE)
}

/// The first bytes of pages.
fn shown(memory: usize, pages: usize) -> String {
    (0..pages)
        .map(|page| char::from(get(memory + page * PAGE)))
        .map(|byte| if byte == '\0' { '0' } else { byte })
        .collect()
}

/// What a child sees of one page, or the signal that it gets.
fn seen(memory: usize, page: usize) -> String {
    child(|| i32::from(get(memory + page * PAGE)))
}

/// ```text
///   file     a b c d e       written, cut, punched
///   memory   A b C d e       capitals are the program's own
/// ```
pub fn rows() {
    let file = letters(5);
    let memory = map(file, 6);
    put(memory, b'A');
    put(memory + 2 * PAGE, b'C');
    println!("private: {} {}", shown(memory, 5), seen(memory, 5));
    let changed: Vec<i64> = (0..4).map(|page| write(file, page * PAGE, b"x")).collect();
    println!("private: written {changed:?} {}", shown(memory, 5));
    // A page of which nothing was looked at, and one of which other bytes were.
    write(file, 4 * PAGE, b"y");
    write(file, PAGE + 8, b"z");
    println!("private: {} {}", shown(memory, 5), get(memory + PAGE + 8));
    let punched = call!(SYS_fallocate, file, 3, 0, 2 * PAGE);
    println!("private: punched {punched} {}", shown(memory, 5));
    println!("private: cut {} {}", cut(file, 2), shown(memory, 2));
    println!("private: behind {} {}", seen(memory, 2), seen(memory, 3));
    println!("private: longer {} {}", cut(file, 5), shown(memory, 5));
    put(memory + 2 * PAGE, b'D');
    println!("private: given up {}", call!(SYS_madvise, memory, 3 * PAGE, libc::MADV_DONTNEED));
    write(file, 0, b"q");
    println!("private: {}", shown(memory, 5));
    call!(SYS_munmap, memory, 6 * PAGE);
    call!(SYS_close, file);
}

/// The program's own pages in a child, in pieces, and elsewhere.
pub fn moved() {
    let file = letters(6);
    let memory = map(file, 6);
    for page in [1, 3, 5] {
        put(memory + page * PAGE, b'O');
    }
    let of_child = child(|| {
        let before = shown(memory, 6);
        put(memory, b'K');
        cut(file, 4);
        cut(file, 6);
        println!("moved: child {before} {}", shown(memory, 6));
        0
    });
    println!("moved: {of_child} {}", shown(memory, 6));
    for page in [1, 3, 5] {
        put(memory + page * PAGE, b'P');
    }
    // Out of the middle, and what was there grows over it again.
    let middle = call!(SYS_mremap, memory + 2 * PAGE, 2 * PAGE, 2 * PAGE, 3, memory + 32 * PAGE) as usize;
    println!("moved: {} {} {}", shown(memory, 2), shown(middle, 2), shown(memory + 4 * PAGE, 2));
    let grown = call!(SYS_mremap, memory, 2 * PAGE, 4 * PAGE, 0);
    println!("moved: grown {} {}", grown == memory as i64, shown(memory, 4));
    write(file, 2 * PAGE, b"w");
    write(file, 3 * PAGE, b"w");
    println!("moved: written {} {}", shown(memory, 4), shown(middle, 2));
    let protected = call!(SYS_mprotect, memory, PAGE, libc::PROT_READ);
    println!(
        "moved: {protected} {}",
        child(|| {
            put(memory, 1);
            0
        })
    );
    let resident = &mut [0u8; 4];
    println!("moved: resident {} {resident:?}", call!(SYS_mincore, memory, 4 * PAGE, at(resident)));
    // Nothing is written where a system call is to write but the program's own page.
    let read = call!(SYS_pread64, file, memory + PAGE, 4, 2 * PAGE);
    println!("moved: read {read} {} {:?}", shown(memory, 4), String::from_utf8(vec![get(memory + PAGE)]));
    call!(SYS_munmap, memory, 40 * PAGE);
    call!(SYS_close, file);
}

/// Memory that was only read is there too.
pub fn zeros() {
    let memory = call!(SYS_mmap, 0, 3 * PAGE, READ_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1i32, 0) as usize;
    let resident = &mut [0u8; 3];
    put(memory, 1);
    let read = get(memory + PAGE);
    println!("zeros: {read} {} {resident:?}", call!(SYS_mincore, memory, 3 * PAGE, at(resident)));
    println!("zeros: {:?}", resident);
}

/// A file that is copied up: who has mapped the lower one for itself stays with that.
///
/// ```text
///   u   (empty)     → f, written
///   l   f
/// ```
pub fn of_layers() {
    let made = ["l", "u", "w", "m"].map(|name| fs::create_dir(format!("layers-{name}")).is_ok());
    let written = fs::write("layers-l/f", [b'l'; 3 * PAGE]).is_ok();
    let options = c"lowerdir=layers-l,upperdir=layers-u,workdir=layers-w";
    let [kind, target] = [c"overlay", c"layers-m"].map(|text| text.as_ptr().addr());
    let mounted = call!(SYS_mount, kind, target, kind, 0, options.as_ptr().addr());
    println!("layers: {made:?} {written} {mounted}");
    let Ok(file) = fs::File::open("layers-m/f") else { return println!("layers: no file") };
    let memory = map(file.as_raw_fd().into(), 3);
    put(memory + PAGE, b'O');
    println!("layers: {}", shown(memory, 3));
    let Ok(writer) = fs::OpenOptions::new().write(true).open("layers-m/f") else {
        return println!("layers: no writer");
    };
    write(writer.as_raw_fd().into(), 0, &[b'u'; 2 * PAGE]);
    println!("layers: written {}", shown(memory, 3));
    let Ok(again) = fs::File::open("layers-m/f") else { return println!("layers: not again") };
    let other = map(again.as_raw_fd().into(), 3);
    println!("layers: mapped after {}", shown(other, 3));
    println!("layers: cut {} {}", cut(writer.as_raw_fd().into(), 1), shown(memory, 3));
    drop((file, writer, again));
    let busy = call!(SYS_umount2, target, 0);
    for memory in [memory, other] {
        call!(SYS_munmap, memory, 3 * PAGE);
    }
    println!("layers: unmounted {busy} {}", call!(SYS_umount2, target, 0));
}

/// Devices of memory: every position is the first, and zeros can be mapped.
pub fn devices() {
    for name in ["null", "zero", "urandom"] {
        let Ok(file) = fs::OpenOptions::new().read(true).write(true).open(format!("/dev/{name}")) else {
            println!("devices: no {name}");
            continue;
        };
        let (file, byte) = (file.as_raw_fd(), at(&mut [1u8]));
        let read = call!(SYS_pread64, file, byte, 1, 736_094_256_614_697_478u64);
        let written = call!(SYS_pwrite64, file, byte, 1, 7);
        let seeks = [(5isize, 0), (5, 1), (0, 2), (0, 9), (-5, 0)]
            .map(|(offset, whence)| call!(SYS_lseek, file, offset, whence));
        let moved = [call!(SYS_read, file, byte, 1), call!(SYS_lseek, file, 0, 1)];
        println!("devices: {name} {read} {written} {seeks:?} {moved:?} {}", call!(SYS_pread64, file, byte, 1, -1isize));
    }
    let Ok(zeros) = fs::OpenOptions::new().read(true).write(true).open("/dev/zero") else { return };
    let zeros = zeros.as_raw_fd();
    for flags in [libc::MAP_PRIVATE, libc::MAP_SHARED] {
        let memory = call!(SYS_mmap, 0, 2 * PAGE, READ_WRITE, flags, zeros, 0) as usize;
        put(memory, b'p');
        let of_child = child(|| {
            put(memory + PAGE, b'c');
            0
        });
        println!("devices: mapped {of_child} {}", shown(memory, 2));
        call!(SYS_munmap, memory, 2 * PAGE);
    }
    let Ok(null) = fs::File::open("/dev/null") else { return };
    println!("devices: {}", call!(SYS_mmap, 0, PAGE, libc::PROT_READ, libc::MAP_PRIVATE, null.as_raw_fd(), 0));
}
