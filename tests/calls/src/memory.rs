//! Memory: what grows, is guarded, sealed, locked, moved and left out; that of others.

use std::ptr;

use libc::iovec;

use crate::{at, call};

pub const PAGE: usize = 4096;
const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;
const PRIVATE: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
const SHARED: i32 = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
const MADV_GUARD_INSTALL: i32 = 102;
const MADV_GUARD_REMOVE: i32 = 103;
const SYS_MSEAL: libc::c_long = 462;

fn map(pages: usize, rights: i32, flags: i32) -> usize {
    call!(SYS_mmap, 0, pages * PAGE, rights, flags, -1i32, 0) as usize
}

/// Pages at a fixed place in a range that is free.
fn map_at(address: usize, pages: usize, rights: i32, flags: i32) -> usize {
    call!(SYS_mmap, address, pages * PAGE, rights, flags | libc::MAP_FIXED, -1i32, 0) as usize
}

fn free(pages: usize) -> usize {
    let address = map(pages, libc::PROT_NONE, PRIVATE);
    call!(SYS_munmap, address, pages * PAGE);
    address
}

pub fn put(address: usize, value: u8) {
    // SAFETY: what is there is this program's, or it ends by a signal, which is what is tried.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(value) }
}

pub fn get(address: usize) -> u8 {
    // SAFETY: as for `put`.
    unsafe { ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

fn pages(address: usize, count: usize) -> Vec<u8> {
    (0..count).map(|page| get(address + page * PAGE)).collect()
}

/// Whether a page is mapped.
fn is_mapped(address: usize) -> bool {
    call!(SYS_mincore, address, PAGE, at(&mut [0u8])) == 0
}

fn advise(address: usize, count: usize, advice: i32) -> i64 {
    call!(SYS_madvise, address, count * PAGE, advice)
}

/// What becomes of a child that does something: the number with which it ends, or the signal that ends it.
pub fn child(body: impl FnOnce() -> i32) -> String {
    // SAFETY: this program has one thread here.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let status = body();
        call!(SYS_exit_group, status);
    }
    let mut status = 0;
    call!(SYS_wait4, pid, at(&mut status), 0, 0);
    match libc::WIFSIGNALED(status) {
        true => format!("signal {}", libc::WTERMSIG(status)),
        false => format!("{}", libc::WEXITSTATUS(status)),
    }
}

fn limit(what: u32, now: u64, most: u64) -> i64 {
    let mut limit = [now, most];
    call!(SYS_prlimit64, 0, what, at(&mut limit), 0)
}

/// What grows down as it is used, to the gap above what is below and to the limit that is now.
pub fn growing() {
    let room = free(1024);
    let top = map_at(room + 1020 * PAGE, 2, READ_WRITE, PRIVATE | libc::MAP_GROWSDOWN);
    println!("growing: {} {}", is_mapped(top - PAGE), is_mapped(top));
    put(top - 1, 1);
    put(top - 300 * PAGE, 2);
    println!("growing: {:?}", [0, 1, 299, 300, 301].map(|pages| is_mapped(top - pages * PAGE)));
    println!("growing: {} {}", get(top - 1), get(top - 300 * PAGE));
    let below = map_at(room, 1, READ_WRITE, PRIVATE);
    println!(
        "growing: close {}",
        child(|| {
            put(below + 200 * PAGE, 1);
            3
        })
    );
    println!(
        "growing: far {}",
        child(|| {
            put(below + 257 * PAGE, 1);
            3
        })
    );
    call!(SYS_mprotect, below, PAGE, libc::PROT_NONE);
    println!(
        "growing: to what is nobody's {}",
        child(|| {
            put(below + 20 * PAGE, 1);
            3
        })
    );
    let refused = call!(SYS_mmap, 0, PAGE, READ_WRITE, SHARED | libc::MAP_GROWSDOWN, -1i32, 0);
    println!("growing: shared {refused}");
    let here = at(&mut 0u8);
    for (mebibytes, deep) in [(8, 2), (1, 2), (16, 2), (16, 12), (2, 12)] {
        let ended = child(|| {
            limit(libc::RLIMIT_STACK, mebibytes << 20, u64::MAX);
            put(here - (deep << 20), 1);
            3
        });
        println!("growing: stack {mebibytes} {deep}: {ended}");
    }
    call!(SYS_munmap, room, 1024 * PAGE);
}

/// Some pages with nothing behind them.
fn map_before_hole(count: usize, flags: i32) -> usize {
    map_at(free(count + 16), count, READ_WRITE, flags)
}

/// What a child does not get, or finds empty.
pub fn left_out() {
    let memory = map_before_hole(4, PRIVATE);
    (0..4).for_each(|page| put(memory + page * PAGE, 7));
    println!(
        "left out: {} {}",
        advise(memory, 1, libc::MADV_DONTFORK),
        advise(memory + PAGE, 1, libc::MADV_WIPEONFORK)
    );
    let seen = || {
        (0..4).fold(0, |seen, page| {
            let page = memory + page * PAGE;
            seen << 2 | if is_mapped(page) { 1 + i32::from(get(page) == 7) } else { 0 }
        })
    };
    println!("left out: {}", child(seen));
    println!("left out: in a child's child {}", child(|| child(seen).parse().unwrap_or(0)));
    println!("left out: {} {}", advise(memory, 1, libc::MADV_DOFORK), advise(memory, 4, libc::MADV_KEEPONFORK));
    println!("left out: {} {:?}", child(seen), pages(memory, 4));
    let shared = map(1, READ_WRITE, SHARED);
    println!("left out: {} {}", advise(shared, 1, libc::MADV_WIPEONFORK), advise(shared, 1, libc::MADV_DONTFORK));
    println!("left out: hole {}", advise(memory, 6, libc::MADV_DONTFORK));
    call!(SYS_munmap, memory, 4 * PAGE);
    call!(SYS_munmap, shared, PAGE);
}

/// Whoever touches a guard gets a signal; what was there is gone.
pub fn guards() {
    for flags in [PRIVATE, SHARED] {
        let memory = map_before_hole(4, flags);
        (0..4).for_each(|page| put(memory + page * PAGE, 7));
        println!("guards: {}", advise(memory + PAGE, 2, MADV_GUARD_INSTALL));
        println!("guards: {}", child(|| i32::from(get(memory))));
        println!("guards: {}", child(|| i32::from(get(memory + PAGE))));
        println!(
            "guards: {}",
            child(|| {
                put(memory + 2 * PAGE, 1);
                3
            })
        );
        println!("guards: {}", call!(SYS_getcwd, memory + PAGE, 100));
        println!("guards: {}", advise(memory, 4, libc::MADV_DONTNEED));
        println!("guards: {}", child(|| i32::from(get(memory + PAGE))));
        println!("guards: {}", advise(memory, 4, libc::MADV_POPULATE_READ));
        println!("guards: {}", call!(SYS_mprotect, memory, 4 * PAGE, libc::PROT_READ));
        println!("guards: {}", child(|| i32::from(get(memory + PAGE))));
        println!("guards: {}", advise(memory, 4, MADV_GUARD_REMOVE));
        println!("guards: {:?}", pages(memory, 4));
        println!("guards: hole {}", advise(memory, 5, MADV_GUARD_INSTALL));
        call!(SYS_munmap, memory, 4 * PAGE);
    }
}

/// What is sealed stays as it is mapped.
pub fn sealed() {
    let room = map(16, libc::PROT_NONE, PRIVATE);
    let memory = map_at(room + 4 * PAGE, 4, READ_WRITE, PRIVATE);
    put(memory, 7);
    let seal = |address: usize, length: usize, flags: usize| {
        // SAFETY: it is this program's memory, and nobody else's.
        unsafe { crate::raw(SYS_MSEAL, [address, length, flags, 0, 0, 0]) }
    };
    println!("sealed: {} {}", seal(memory, PAGE, 1), seal(memory + 1, PAGE, 0));
    println!("sealed: {} {}", seal(memory, 0, 0), seal(memory, 1 << 40, 0));
    println!("sealed: {} {}", seal(memory + PAGE, 2 * PAGE, 0), seal(memory + PAGE, PAGE, 0));
    let second = memory + PAGE;
    println!("sealed: {}", call!(SYS_munmap, memory, 4 * PAGE));
    println!("sealed: {}", call!(SYS_munmap, second, PAGE));
    println!("sealed: {}", call!(SYS_mprotect, second, PAGE, libc::PROT_READ));
    println!("sealed: {}", call!(SYS_mremap, second, PAGE, 2 * PAGE, libc::MREMAP_MAYMOVE));
    println!("sealed: {}", call!(SYS_mremap, second, PAGE, PAGE, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED, room));
    println!("sealed: {}", call!(SYS_mremap, memory, PAGE, PAGE, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED, second));
    println!("sealed: {}", map_at(second, 1, READ_WRITE, PRIVATE) as i64);
    for advice in [libc::MADV_DONTNEED, libc::MADV_FREE, libc::MADV_DONTFORK, libc::MADV_WIPEONFORK] {
        println!("sealed: advice {advice} {}", advise(second, 1, advice));
    }
    put(second, 3);
    println!("sealed: {:?}", get(second));
    let last = memory + 3 * PAGE;
    call!(SYS_mprotect, last, PAGE, libc::PROT_READ);
    seal(last, PAGE, 0);
    for advice in [libc::MADV_DONTNEED, libc::MADV_FREE, libc::MADV_DONTFORK, MADV_GUARD_INSTALL, libc::MADV_WILLNEED] {
        println!("sealed: read-only, advice {advice} {}", advise(last, 1, advice));
    }
    println!("sealed: beside {}", call!(SYS_munmap, memory, PAGE));
    println!("sealed: in a child {}", child(|| -call!(SYS_munmap, last, PAGE) as i32));
}

/// Several mappings move together, with what is free between them.
pub fn moved() {
    let (from, to) = (free(64), free(256));
    let make = || {
        map_at(from, 2, READ_WRITE, PRIVATE);
        map_at(from + 2 * PAGE, 1, libc::PROT_READ, PRIVATE);
        map_at(from + 5 * PAGE, 2, READ_WRITE, SHARED);
        [0, 1, 5, 6].iter().for_each(|page| put(from + page * PAGE, *page as u8 + 1));
        map_at(to, 1, READ_WRITE, PRIVATE);
        map_at(to + 3 * PAGE, 2, READ_WRITE, PRIVATE);
    };
    let fixed = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    let mapped = |address: usize| (0..9).map(|page| i32::from(is_mapped(address + page * PAGE))).collect::<Vec<_>>();
    make();
    let answer = call!(SYS_mremap, from, 7 * PAGE, 7 * PAGE, fixed, to);
    println!("moved: {} {:?} {:?}", answer == to as i64, mapped(from), mapped(to));
    println!("moved: {:?}", [0, 1, 5, 6].map(|page| get(to + page * PAGE)));
    call!(SYS_munmap, to, 64 * PAGE);
    for (length, new_length, flags) in [
        (7, 8, fixed),
        (7, 6, fixed),
        (7, 7, libc::MREMAP_MAYMOVE),
        (7, 7, 0),
        (7, 3, 0),
        (7, 7, fixed | libc::MREMAP_DONTUNMAP),
        (9, 9, fixed),
    ] {
        make();
        let answer = call!(SYS_mremap, from, length * PAGE, new_length * PAGE, flags, to);
        let answer = if answer == to as i64 {
            1
        } else if answer == from as i64 {
            2
        } else {
            answer
        };
        println!("moved: {length} {new_length} {flags}: {answer} {:?} {:?}", mapped(from), mapped(to));
        call!(SYS_munmap, from, 64 * PAGE);
        call!(SYS_munmap, to, 64 * PAGE);
    }
    make();
    println!("moved: from a hole {}", call!(SYS_mremap, from + 3 * PAGE, 4 * PAGE, 4 * PAGE, fixed, to));
    println!("moved: onto itself {}", call!(SYS_mremap, from, 7 * PAGE, 7 * PAGE, fixed, from + PAGE));
    call!(SYS_munmap, from, 64 * PAGE);
    call!(SYS_munmap, to, 64 * PAGE);
}

/// What can be said of which memory.
pub fn advice() {
    let file = call!(SYS_memfd_create, c"advice".as_ptr(), 0);
    call!(SYS_ftruncate, file, 4 * PAGE);
    let of_file = |rights: i32, flags: i32| call!(SYS_mmap, 0, 4 * PAGE, rights, flags, file, 0) as usize;
    let kinds = [
        ("private", map(4, READ_WRITE, PRIVATE)),
        ("shared", map(4, READ_WRITE, SHARED)),
        ("of a file", of_file(READ_WRITE, libc::MAP_SHARED)),
        ("private of a file", of_file(READ_WRITE, libc::MAP_PRIVATE)),
    ];
    for (kind, memory) in kinds {
        let all =
            [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 102, 103, 104];
        let answers: Vec<i64> = all.iter().map(|&advice| advise(memory, 1, advice)).collect();
        println!("advice: {kind} {answers:?}");
        call!(SYS_mlock, memory + PAGE, PAGE);
        let answers = [4, 8, 9, 20, 21, 24, 102, 103].map(|advice| advise(memory + PAGE, 1, advice));
        println!("advice: {kind}, locked {answers:?}");
        (2..4).for_each(|page| put(memory + page * PAGE, 7));
        println!("advice: {kind}, removed {} {:?}", advise(memory + 2 * PAGE, 1, 9), pages(memory + 2 * PAGE, 2));
    }
    let memory = kinds[0].1;
    println!("advice: {} {}", advise(memory + 1, 1, 0), advise(memory, 0, 4));
    println!("advice: {} {}", advise(usize::MAX - PAGE + 1, 4, 4), advise(0x7fff_ffff_f000, 2, 4));
    let handle = call!(SYS_pidfd_open, call!(SYS_getpid), 0);
    put(memory, 5);
    let mut pieces =
        [iovec { iov_base: memory as *mut _, iov_len: PAGE }, iovec { iov_base: 8 as *mut _, iov_len: PAGE }];
    let mut said = |count: usize, advice: i32, flags: usize| {
        call!(SYS_process_madvise, handle, at(&mut pieces), count, advice, flags)
    };
    println!("advice: of itself {} {}", said(1, libc::MADV_DONTNEED, 0), get(memory));
    println!("advice: of itself {} {} {}", said(2, libc::MADV_COLD, 0), said(1, libc::MADV_COLD, 1), said(1, 77, 0));
    println!("advice: of no process {}", call!(SYS_process_madvise, file, at(&mut pieces), 1, 20, 0));
    for (_, memory) in kinds {
        call!(SYS_munmap, memory, 4 * PAGE);
    }
    call!(SYS_close, file);
    call!(SYS_close, handle);
}

/// Reading and writing another's memory.
pub fn foreign() {
    let memory = map(4, READ_WRITE, PRIVATE);
    let shared = map(1, READ_WRITE, SHARED);
    (0..3).for_each(|page| put(memory + page * PAGE, 1));
    call!(SYS_mprotect, memory + PAGE, PAGE, libc::PROT_READ);
    call!(SYS_munmap, memory + 3 * PAGE, PAGE);
    // SAFETY: this program has one thread here.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        put(memory, 9);
        put(shared, 1);
        while get(shared) != 2 {
            call!(SYS_sched_yield);
        }
        call!(SYS_exit_group, get(memory + 2 * PAGE) + get(memory + 2 * PAGE + 1));
    }
    while get(shared) != 1 {
        call!(SYS_sched_yield);
    }
    let mut buffer = [0u8; 3 * PAGE];
    let own = at(&mut buffer);
    let transfer = |write: bool, own: &[(usize, usize)], theirs: &[(usize, usize)], pid: i64, flags: usize| {
        let pieces = |of: &[(usize, usize)]| -> Vec<iovec> {
            of.iter().map(|&(at, length)| iovec { iov_base: at as *mut _, iov_len: length }).collect()
        };
        let (mut own, mut theirs) = (pieces(own), pieces(theirs));
        let (own_at, theirs_at) = (own.as_mut_ptr(), theirs.as_mut_ptr());
        match write {
            false => call!(SYS_process_vm_readv, pid, own_at, own.len(), theirs_at, theirs.len(), flags),
            true => call!(SYS_process_vm_writev, pid, own_at, own.len(), theirs_at, theirs.len(), flags),
        }
    };
    let pid = i64::from(pid);
    let read = transfer(false, &[(own, 10), (own + PAGE, 20)], &[(memory, 5), (memory + PAGE - 2, 30)], pid, 0);
    println!("foreign: read {read} {} {}", get(own), get(own + PAGE));
    println!("foreign: the end {}", transfer(false, &[(own, 3 * PAGE)], &[(memory + 2 * PAGE, 2 * PAGE)], pid, 0));
    println!("foreign: nothing {}", transfer(false, &[(own, 8)], &[(memory + 3 * PAGE, 8)], pid, 0));
    println!("foreign: no room {}", transfer(false, &[(8, 8)], &[(memory, 8)], pid, 0));
    println!(
        "foreign: none {} {}",
        transfer(false, &[], &[(memory, 8)], pid, 0),
        transfer(false, &[(own, 8)], &[], pid, 0)
    );
    println!("foreign: flags {}", transfer(false, &[(own, 8)], &[(memory, 8)], pid, 1));
    println!("foreign: nobody {}", transfer(false, &[(own, 8)], &[(memory, 8)], 4_000_000, 0));
    put(own, 20);
    put(own + 1, 30);
    println!("foreign: written {}", transfer(true, &[(own, 2)], &[(memory + 2 * PAGE, 2)], pid, 0));
    println!("foreign: read-only {}", transfer(true, &[(own, 2)], &[(memory + PAGE, 2)], pid, 0));
    println!("foreign: own {:?}", pages(memory, 3));
    let denied = child(|| {
        call!(SYS_setresuid, 1000, 1000, 1000);
        -transfer(false, &[(own, 8)], &[(memory, 8)], pid, 0) as i32
    });
    println!("foreign: another user's {denied}");
    put(shared, 2);
    let mut status = 0;
    call!(SYS_waitid, libc::P_PID, pid, 0, libc::WEXITED | libc::WNOWAIT, 0);
    println!("foreign: ended {}", transfer(false, &[(own, 8)], &[(memory, 8)], pid, 0));
    call!(SYS_wait4, pid, at(&mut status), 0, 0);
    println!("foreign: the child had {}", libc::WEXITSTATUS(status));
    call!(SYS_munmap, memory, 3 * PAGE);
    call!(SYS_munmap, shared, PAGE);
}

/// A shared mapping shows other parts of what it shows.
pub fn shown() {
    let file = call!(SYS_memfd_create, c"shown".as_ptr(), 0);
    call!(SYS_ftruncate, file, 4 * PAGE);
    let mapped = call!(SYS_mmap, 0, 4 * PAGE, READ_WRITE, libc::MAP_SHARED, file, 0) as usize;
    for memory in [mapped, map(4, READ_WRITE, SHARED)] {
        (0..4).for_each(|page| put(memory + page * PAGE, page as u8));
        let show = |from: usize, count: usize, first: usize, protection: i32| {
            call!(SYS_remap_file_pages, memory + from * PAGE, count * PAGE, protection, first, 0)
        };
        println!("shown: {} {:?}", show(0, 1, 3, 0), pages(memory, 4));
        println!("shown: {} {:?}", show(1, 2, 0, 0), pages(memory, 4));
        put(memory + PAGE, 9);
        println!("shown: {} {:?}", show(0, 4, 0, 0), pages(memory, 4));
        println!("shown: {} {} {}", show(0, 1, 0, 1), show(0, 0, 0, 0), show(0, 9, 0, 0));
        println!("shown: far {} {}", show(0, 1, 1 << 51, 0), show(0, 1, usize::MAX, 0));
        println!("shown: far {} {}", show(0, 1, 1 << 50, 0), child(|| i32::from(get(memory))));
        println!("shown: behind the end {} {}", show(0, 1, 7, 0), child(|| i32::from(get(memory))));
        call!(SYS_munmap, memory, 4 * PAGE);
    }
    let private = map(1, READ_WRITE, PRIVATE);
    println!("shown: private {}", call!(SYS_remap_file_pages, private, PAGE, 0, 0, 0));
    call!(SYS_munmap, private, PAGE);
    println!("shown: private {}", call!(SYS_remap_file_pages, private, PAGE, 0, 0, 0));
    call!(SYS_close, file);
}

/// How much may be locked.
pub fn locked() {
    let memory = map_before_hole(8, PRIVATE);
    let lock = |from: usize, count: usize| call!(SYS_mlock, memory + from * PAGE, count * PAGE);
    let with = |most: u64, body: &dyn Fn() -> String| {
        let ended = child(|| {
            let limited = limit(libc::RLIMIT_MEMLOCK, most, most);
            let became = call!(SYS_setresuid, 1000, 1000, 1000);
            println!("locked: {limited} {became} {}", body());
            0
        });
        println!("locked: {ended}");
    };
    println!("locked: {} {}", lock(0, 8), call!(SYS_munlock, memory, 8 * PAGE));
    with(4 * PAGE as u64, &|| {
        let some = [lock(0, 3), lock(1, 3), lock(4, 1), call!(SYS_munlock, memory, PAGE), lock(4, 1), lock(0, 1)];
        format!("{some:?}")
    });
    with(4 * PAGE as u64, &|| {
        let new = |pages: usize| call!(SYS_mmap, 0, pages * PAGE, READ_WRITE, PRIVATE | libc::MAP_LOCKED, -1i32, 0);
        let answers = [new(3) > 0, new(1) > 0];
        format!("{answers:?} {} {} {}", new(1), call!(SYS_mlockall, 1), call!(SYS_mlockall, 2))
    });
    with(0, &|| {
        let new = call!(SYS_mmap, 0, PAGE, READ_WRITE, PRIVATE | libc::MAP_LOCKED, -1i32, 0);
        format!("{} {new} {} {}", lock(0, 1), call!(SYS_mlockall, 1), call!(SYS_munlockall))
    });
    with(8 << 20, &|| {
        let all = call!(SYS_mlockall, 3);
        format!("{all} {} {}", advise(memory, 1, libc::MADV_DONTNEED), call!(SYS_munlockall))
    });
    println!("locked: nothing there {}", lock(0, 9));
    call!(SYS_munmap, memory, 8 * PAGE);
}
