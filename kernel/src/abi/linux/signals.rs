//! Signals: what is wanted of them, sending them, waiting for them.

use alloc::sync::Arc;

use vfs::context::Capabilities;
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::clocks::deadline;
use super::futexes;
use crate::mm::user_memory::UserAddress;
use crate::task::process::Process;
use crate::task::signal::actions::Action;
use crate::task::signal::delivery::Restart;
use crate::task::signal::frame::{self, AlternateStack};
use crate::task::signal::sending::send_to_thread;
use crate::task::signal::{FROM_THREAD, Information, Set, Signal};
use crate::task::wait::WaitQueue;
use crate::task::{number, timer};

/// Bytes of a set of signals.
const SET_SIZE: u64 = 8;

const SIG_BLOCK: u32 = 0;
const SIG_UNBLOCK: u32 = 1;
const SIG_SETMASK: u32 = 2;

/// Whether a call is made again that a signal has interrupted (`signal(7)`), and by which number: a wait for a time goes
/// on until the time that it was to end.
pub fn restart(number: u64, arguments: &[u64; 6]) -> (Restart, u64) {
    const RESTART_SYSCALL: u64 = 219;
    match number {
        // nanosleep, clock_nanosleep
        35 | 230 => (Restart::WithoutHandler, RESTART_SYSCALL),
        // futex
        202 if futexes::is_of_lock(arguments) => (Restart::Always, number),
        202 if futexes::has_end(arguments) => (Restart::WithoutHandler, RESTART_SYSCALL),
        // poll, select, pause, rt_sigsuspend, restart_syscall, pselect6, ppoll
        7 | 23 | 34 | 130 | RESTART_SYSCALL | 270 | 271 => (Restart::WithoutHandler, number),
        // rt_sigtimedwait, epoll_wait, epoll_pwait, epoll_pwait2
        128 | 232 | 281 | 441 => (Restart::Never, number),
        _ => (Restart::IfAsked, number),
    }
}

fn check_set_size(size: u64) -> Result<()> {
    if size == SET_SIZE { Ok(()) } else { fail(FileSystemErrorKind::InvalidArgument) }
}

/// The set of signals at `address`.
pub fn read_set(address: UserAddress, size: u64) -> Result<Set> {
    check_set_size(size)?;
    Ok(Set(address.read_words::<1>()?[0]))
}

/// Holds back the signals at `address`, if there are any, in place of others until the call ends.
pub fn hold_back_for_call(call: &Call<'_>, address: Option<UserAddress>, size: u64) -> Result<()> {
    if let Some(address) = address {
        let mask = read_set(address, size)?;
        let thread = call.thread();
        call.user_side(&thread)?.set_mask_for_call(mask);
    }
    Ok(())
}

/// The signal of that number.
pub fn signal(number: u32) -> Result<Signal> {
    let signal = u8::try_from(number).ok().and_then(Signal::from_number);
    signal.ok_or(FileSystemErrorKind::InvalidArgument.into())
}

pub fn rt_sigaction(call: &mut Call<'_>) -> Result<u64> {
    check_set_size(call.arguments[3])?;
    let signal = signal(call.word(0))?;
    let wanted = call.given(1).map(|new| new.read_words().map(Action)).transpose()?;
    if wanted.is_some() && !signal.can_be_handled() {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let actions = call.process.actions();
    let former = actions.get(signal);
    if let Some(wanted) = wanted {
        actions.set(signal, wanted);
    }
    let ignored = actions.ignores(signal);
    drop(actions);
    if wanted.is_some() && ignored {
        call.process.forget_pending(signal.set());
    }
    call.tell_words(2, former.0)
}

pub fn rt_sigprocmask(call: &mut Call<'_>) -> Result<u64> {
    let size = call.arguments[3];
    check_set_size(size)?;
    let given = call.given(1).map(|new| read_set(new, size)).transpose()?;
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    let former = user.mask();
    if let Some(given) = given {
        user.set_mask(match call.word(0) {
            SIG_BLOCK => former.with(given),
            SIG_UNBLOCK => former.without(given),
            SIG_SETMASK => given,
            _ => return fail(FileSystemErrorKind::InvalidArgument),
        });
    }
    call.tell_words(2, [former.0])
}

pub fn rt_sigreturn(call: &mut Call<'_>) -> Result<u64> {
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    if let Err(error) = frame::pop(user, call.frame) {
        user.force(Information::of_kernel(Signal::SEGMENTATION));
        return Err(error);
    }
    Ok(0)
}

pub fn rt_sigpending(call: &mut Call<'_>) -> Result<u64> {
    check_set_size(call.arguments[1])?;
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    call.write_words(0, [user.pending().and(user.mask()).0])
}

pub fn rt_sigsuspend(call: &mut Call<'_>) -> Result<u64> {
    let mask = read_set(call.address(0), call.arguments[1])?;
    let thread = call.thread();
    call.user_side(&thread)?.set_mask_for_call(mask);
    timer::sleep_until_signal()?;
    Ok(0)
}

pub fn pause(_call: &mut Call<'_>) -> Result<u64> {
    timer::sleep_until_signal()?;
    Ok(0)
}

pub fn rt_sigtimedwait(call: &mut Call<'_>) -> Result<u64> {
    let set = read_set(call.address(0), call.arguments[3])?.as_mask();
    let end = deadline(call.given(2))?;
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    let mut taken = None;
    WaitQueue::new().wait_before(end, || {
        taken = user.take_pending(set);
        taken.is_some()
    })?;
    let Some(information) = taken else { return fail(FileSystemErrorKind::WouldBlock) };
    call.tell_words(1, information.to_words())?;
    Ok(u64::from(information.signal.number()))
}

pub fn sigaltstack(call: &mut Call<'_>) -> Result<u64> {
    let thread = call.thread();
    let user = call.user_side(&thread)?;
    let former = user.alternate_stack();
    let pointer = call.frame.rsp;
    if let Some(new) = call.given(0) {
        let wanted = AlternateStack::from_words(new.read_words()?)?;
        if former.is_in_use(pointer) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        user.set_alternate_stack(wanted);
    }
    call.tell_words(1, former.to_words(pointer))
}

/// Fails where the caller may not send `target` signals (`kill(2)`).
fn check_right(call: &Call<'_>, target: &Process) -> Result<()> {
    let place = call.process.place()?;
    // One that has ended is nobody's, and harmed by nothing.
    let Ok(theirs) = target.place() else { return Ok(()) };
    let (own, theirs) = (place.identity.users, theirs.identity.users);
    let may = [own.real, own.effective].iter().any(|&id| id == theirs.real || id == theirs.saved);
    if may { Ok(()) } else { place.context.credentials.require(Capabilities::KILL) }
}

/// The signal that argument `index` is; `None` for 0, by which is only asked whether it could be sent.
fn asked_signal(call: &Call<'_>, index: usize) -> Result<Option<Signal>> {
    if call.word(index) == 0 { Ok(None) } else { signal(call.word(index)).map(Some) }
}

/// The process of that number, or one of whose threads has it.
fn process(number: u32) -> Result<Arc<Process>> {
    let of_thread = || Some(number::thread(number)?.user()?.process.clone());
    number::process(number).or_else(of_thread).ok_or(FileSystemErrorKind::NoProcess.into())
}

pub fn kill(call: &mut Call<'_>) -> Result<u64> {
    let signal = asked_signal(call, 1)?;
    let target = match call.word(0) as i32 {
        number @ 1.. => process(number as u32)?,
        -1 => return kill_all(call, signal, |process| !Arc::ptr_eq(process, call.process)),
        i32::MIN => return fail(FileSystemErrorKind::NoProcess),
        0 => {
            let group = call.process.group();
            return kill_all(call, signal, |process| process.group() == group);
        }
        group => return kill_all(call, signal, |process| process.group() == group.unsigned_abs()),
    };
    check_right(call, &target)?;
    if let Some(signal) = signal {
        target.try_send(Information::of_process(signal, call.process.pid(), call.process.user()))?;
    }
    Ok(0)
}

/// Sends all that are `meant` a signal, if it may be sent to one at least.
fn kill_all(call: &Call<'_>, signal: Option<Signal>, meant: impl Fn(&Arc<Process>) -> bool) -> Result<u64> {
    let mut result = fail(FileSystemErrorKind::NoProcess);
    for target in number::processes().filter(meant) {
        let right = check_right(call, &target);
        if let (Ok(()), Some(signal)) = (&right, signal) {
            target.send(Information::of_process(signal, call.process.pid(), call.process.user()));
        }
        if result.is_err() {
            result = right.map(|()| 0);
        }
    }
    result
}

pub fn tkill(call: &mut Call<'_>) -> Result<u64> {
    send_to_one(call, None, 0, 1, None)
}

pub fn tgkill(call: &mut Call<'_>) -> Result<u64> {
    send_to_one(call, Some(0), 1, 2, None)
}

pub fn rt_tgsigqueueinfo(call: &mut Call<'_>) -> Result<u64> {
    let told = call.address(3).read_words()?;
    send_to_one(call, Some(0), 1, 2, Some(told))
}

/// Sends the thread of argument `thread` the signal of argument `signal`, if it is of the process of argument `of`, with
/// what the `siginfo_t` says that begins with these words.
fn send_to_one(
    call: &Call<'_>,
    of: Option<usize>,
    thread: usize,
    signal: usize,
    told: Option<[u64; 4]>,
) -> Result<u64> {
    if call.word(thread) as i32 <= 0 || of.is_some_and(|of| call.word(of) as i32 <= 0) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    let from = |signal| match told {
        Some([_, code, first, second]) => Information::new(signal, code as u32 as i32, [first, second]),
        None => {
            let from = Information::of_process(signal, call.process.pid(), call.process.user());
            Information { code: FROM_THREAD, ..from }
        }
    };
    let number = call.word(thread);
    if told.is_some_and(|words| is_pretence(words[1] as u32 as i32)) && number != call.user_side(&call.thread())?.tid()
    {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    // A process's first thread may have ended before the others: nothing becomes of what it is sent.
    let target = process(number)?;
    if of.is_some_and(|of| call.word(of) != target.pid()) {
        return fail(FileSystemErrorKind::NoProcess);
    }
    check_right(call, &target)?;
    if let (Some(signal), Some(thread)) = (asked_signal(call, signal)?, number::thread(number)) {
        send_to_thread(&thread, from(signal))?;
    }
    Ok(0)
}

/// Whether that code says that the kernel has sent a signal, or another call.
fn is_pretence(code: i32) -> bool {
    code >= 0 || code == FROM_THREAD
}

pub fn rt_sigqueueinfo(call: &mut Call<'_>) -> Result<u64> {
    let told = call.address(2).read_words()?;
    send_with(call, &process(call.word(0))?, 1, Some(told))
}

/// Sends a process the signal that argument `index` is, with what the `siginfo_t` says that begins with these words;
/// without one as `kill(2)` does.
///
/// # Errors
/// `EINVAL`, `EPERM`, `EAGAIN`.
pub fn send_with(call: &Call<'_>, target: &Arc<Process>, index: usize, told: Option<[u64; 4]>) -> Result<u64> {
    let signal = asked_signal(call, index)?;
    let (code, words) = match (told, signal) {
        (Some(words), _) => (words[1] as u32 as i32, [words[2], words[3]]),
        (None, Some(signal)) => {
            let from = Information::of_process(signal, call.process.pid(), call.process.user());
            (from.code, from.words)
        }
        (None, None) => (0, [0; 2]),
    };
    // Nobody can pretend to be the kernel, or to have used another call.
    if told.is_some() && is_pretence(code) && !Arc::ptr_eq(target, call.process) {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    check_right(call, target)?;
    if let Some(signal) = signal {
        target.try_send(Information::new(signal, code, words))?;
    }
    Ok(0)
}
