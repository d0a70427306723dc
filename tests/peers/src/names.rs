//! Sockets and their names.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

use crate::{Outcome, said};

/// A stream by a path: its node, its names, its end.
pub fn streams() -> Outcome {
    println!("missing: {}", said(UnixStream::connect("stream")));
    let listener = UnixListener::bind("stream")?;
    let known = fs::metadata("stream")?;
    println!("node: {} {:o}", known.file_type().is_socket(), known.permissions().mode() & 0o777);
    println!("again: {}", said(UnixListener::bind("stream")));
    println!("open: {}", said(fs::File::open("stream").map(|_| ())));
    let mut client = UnixStream::connect("stream")?;
    let (mut server, from) = listener.accept()?;
    println!("names: {from:?} {:?} {:?}", client.peer_addr()?, server.local_addr()?);
    client.write_all(b"to the server")?;
    client.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    server.read_to_string(&mut text)?;
    println!("read: {text}");
    server.write_all(b"back")?;
    drop(server);
    text.clear();
    client.read_to_string(&mut text)?;
    println!("read: {text}, then {}", said(client.write(b"x")));
    drop(listener);
    println!("nobody: {}", said(UnixStream::connect("stream")));
    fs::write("file", "")?;
    println!("no socket: {}", said(UnixStream::connect("file")));
    fs::rename("stream", "moved")?;
    println!("gone: {}", said(fs::remove_file("moved")));
    let long = "x".repeat(200);
    println!("too long: {}", UnixListener::bind(long).is_err());
    Ok(())
}

/// Datagrams by paths and by names that are no paths.
pub fn datagrams() -> Outcome {
    let (one, other) = (UnixDatagram::bind("one")?, UnixDatagram::unbound()?);
    println!("sent: {}", said(other.send_to(b"from nobody", "one")));
    let mut buffer = [0; 8];
    let (count, from) = one.recv_from(&mut buffer)?;
    println!("received: {:?} from {from:?}", String::from_utf8_lossy(&buffer[..count]));
    println!("missing: {}", said(other.send_to(b"x", "two")));
    println!("a stream there: {}", said(UnixStream::connect("one")));
    let name = SocketAddr::from_abstract_name(b"peers of a test")?;
    let named = UnixDatagram::bind_addr(&name)?;
    println!("taken: {}", said(UnixDatagram::bind_addr(&name)));
    one.send_to_addr(b"hello", &name)?;
    let (count, from) = named.recv_from(&mut buffer)?;
    println!("received: {count} from {from:?}");
    one.connect_addr(&name)?;
    println!("connected: {:?} {}", one.peer_addr()?, said(one.send(b"to the peer")));
    println!("foreign: {}", said(named.send_to(b"x", "one")));
    drop(named);
    println!("gone: {} {}", said(one.send(b"x")), said(one.send(b"x")));
    one.set_nonblocking(true)?;
    println!("and came: {} {}", said(one.recv(&mut buffer)), said(one.recv(&mut buffer)));
    Ok(())
}
