//! Processes that talk by sockets: says what happens, which must be the same on Linux and in the guest.
//!
//! `peers DIRECTORY` works in a directory of its own; `peers DIRECTORY child` is what it runs as the other side.

#![forbid(unsafe_code)]

mod descriptors;
mod names;
mod waiting;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::{env, fs, io};

/// What each part answers.
type Outcome = Result<(), Box<dyn Error>>;

/// The name of an error, or what there is.
fn said<T: std::fmt::Debug>(result: io::Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error {}", error.raw_os_error().unwrap_or_default()),
    }
}

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().collect();
    let [program, directory, rest @ ..] = &arguments[..] else { return Err("peers DIRECTORY".into()) };
    let program = fs::canonicalize(program)?;
    env::set_current_dir(directory)?;
    if !rest.is_empty() {
        return answer();
    }
    names::streams()?;
    names::datagrams()?;
    talk(&program)?;
    descriptors::pass()?;
    descriptors::who()?;
    waiting::epoll()?;
    waiting::limits()?;
    println!("done");
    Ok(())
}

/// Another process connects, and each reads what the other says, line by line.
fn talk(program: &std::path::Path) -> Outcome {
    let listener = UnixListener::bind("talk")?;
    let mut child = Command::new(program).args([".", "child"]).spawn()?;
    let (stream, _) = listener.accept()?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    for number in 0..3 {
        writeln!(&stream, "question {number}")?;
        println!("talk: {:?}", lines.next().transpose()?);
    }
    drop(lines);
    stream.shutdown(std::net::Shutdown::Both)?;
    println!("talk: the child ended, {:?}", child.wait()?.code());
    Ok(())
}

/// The other side of [`talk`].
fn answer() -> Outcome {
    let stream = UnixStream::connect("talk")?;
    for (number, line) in BufReader::new(stream.try_clone()?).lines().enumerate() {
        let line = line?;
        writeln!(&stream, "answer {number} to {line}, of {} bytes", line.len())?;
    }
    std::process::exit(7);
}
