//! What goes with a message: open files, and who sends.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::FdFlags;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};

use crate::Outcome;

/// Sends a file, and one of the sockets itself, and uses what comes out.
pub fn pass() -> Outcome {
    let (one, other) = UnixStream::pair()?;
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open("passed")?;
    file.write_all(b"written before")?;
    let (reader, writer) = rustix::pipe::pipe()?;
    let files = [file.as_fd(), writer.as_fd(), other.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    println!("pass: {}", control.push(SendAncillaryMessage::ScmRights(&files)));
    let sent = rustix::net::sendmsg(&one, &[IoSlice::new(b"three")], &mut control, SendFlags::empty())?;
    drop(writer);
    file.rewind()?;
    let received = receive(&other, 3)?;
    println!("pass: {sent} bytes, {} files", received.len());
    for file in &received {
        println!("pass: closed on exec {}", rustix::io::fcntl_getfd(file)?.contains(FdFlags::CLOEXEC));
    }
    let mut received = received.into_iter();
    let [Some(passed), Some(pipe), Some(socket)] = [received.next(), received.next(), received.next()] else {
        return Err("three were sent".into());
    };
    let mut text = String::new();
    File::from(passed).read_to_string(&mut text)?;
    println!("pass: {text}, at {} here too", file.stream_position()?);
    rustix::io::write(&pipe, b"through the pipe")?;
    drop(pipe);
    text.clear();
    File::from(reader).read_to_string(&mut text)?;
    println!("pass: {text}");
    drop(other);
    UnixStream::from(socket).write_all(b"still open")?;
    let mut buffer = [0; 32];
    let count = (&one).read(&mut buffer)?;
    println!("pass: {}", String::from_utf8_lossy(&buffer[..count]));
    println!("pass: then {} bytes", (&one).read(&mut buffer)?);
    Ok(())
}

/// The files that come with the next message.
fn receive(from: &UnixStream, most: usize) -> Result<Vec<OwnedFd>, Box<dyn std::error::Error>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = [0; 16];
    let message =
        rustix::net::recvmsg(from, &mut [IoSliceMut::new(&mut buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    println!("pass: {:?} of {}", String::from_utf8_lossy(&buffer[..message.bytes]), most);
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            files.extend(more);
        }
    }
    Ok(files)
}

/// Who is at the other end.
pub fn who() -> Outcome {
    let (one, other) = UnixStream::pair()?;
    let peer = rustix::net::sockopt::socket_peercred(&one)?;
    let own = (peer.pid == rustix::process::getpid(), peer.uid == rustix::process::getuid());
    println!("who: {own:?}");
    rustix::net::sockopt::set_socket_passcred(&other, true)?;
    rustix::io::write(&one, b"x")?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = [0; 1];
    rustix::net::recvmsg(&other, &mut [IoSliceMut::new(&mut buffer)], &mut control, RecvFlags::empty())?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmCredentials(sender) = message {
            println!("who: sent by this process {}", sender.pid == rustix::process::getpid());
        }
    }
    Ok(())
}
