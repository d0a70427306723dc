//! Waiting for many, and for so long.

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd, poll};

use crate::{Outcome, said};

/// What is ready now, as numbers and events.
fn ready(instance: impl std::os::fd::AsFd) -> Result<String, Box<dyn std::error::Error>> {
    let mut room = [MaybeUninit::uninit(); 8];
    let (events, _) = epoll::wait(instance, &mut room, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let mut events: Vec<(u64, epoll::EventFlags)> =
        events.iter().map(|event| (event.data.u64(), event.flags)).collect();
    events.sort_by_key(|(number, _)| *number);
    Ok(format!("{events:?}"))
}

/// Sockets and a number, watched by level and by edge.
pub fn epoll() -> Outcome {
    let instance = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let (mut one, other) = UnixStream::pair()?;
    let number = eventfd(0, EventfdFlags::NONBLOCK)?;
    let (read, edge) = (epoll::EventFlags::IN | epoll::EventFlags::RDHUP, epoll::EventFlags::ET);
    epoll::add(&instance, &other, epoll::EventData::new_u64(1), read | epoll::EventFlags::OUT | edge)?;
    epoll::add(&instance, &number, epoll::EventData::new_u64(2), read)?;
    println!("epoll: {}", ready(&instance)?);
    one.write_all(b"ab")?;
    rustix::io::write(&number, &5u64.to_ne_bytes())?;
    println!("epoll: {}", ready(&instance)?);
    println!("epoll: {}", ready(&instance)?);
    (&other).read_exact(&mut [0])?;
    one.write_all(b"c")?;
    let mut sum = [0; 8];
    rustix::io::read(&number, &mut sum)?;
    println!("epoll: {} after {}", ready(&instance)?, u64::from_ne_bytes(sum));
    drop(one);
    println!("epoll: {}", ready(&instance)?);
    println!(
        "epoll: again {}",
        said(epoll::add(&instance, &number, epoll::EventData::new_u64(3), read).map_err(Into::into))
    );
    drop(other);
    println!("epoll: {}", ready(&instance)?);
    Ok(())
}

/// A limit on the time, a call that must not wait, and what `poll` says.
pub fn limits() -> Outcome {
    let (mut one, mut other) = UnixStream::pair()?;
    one.set_read_timeout(Some(Duration::from_millis(40)))?;
    println!("limits: {:?} {}", one.read_timeout()?, said(one.read(&mut [0])));
    one.set_nonblocking(true)?;
    println!("limits: {}", said(one.read(&mut [0])));
    let mut written = 0;
    let full = loop {
        match one.write(&[0; 4096]) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    println!("limits: {} {}", written > 65_536, said::<()>(Err(full)));
    let states = |stream: &UnixStream| -> Result<PollFlags, rustix::io::Errno> {
        let mut asked = [PollFd::new(stream, PollFlags::IN | PollFlags::OUT | PollFlags::RDHUP)];
        poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        Ok(asked[0].revents())
    };
    println!("limits: {:?} {:?}", states(&one)?, states(&other)?);
    let mut rest = vec![0; written];
    other.read_exact(&mut rest)?;
    println!("limits: {:?} {:?}", states(&one)?, states(&other)?);
    other.write_all(b"unread")?;
    drop(one);
    println!(
        "limits: {:?} {} {}",
        states(&other)?,
        said(other.read(&mut [0])),
        said(other.take_error()?.map_or(Ok(()), Err))
    );
    Ok(())
}
