//! Asks QEMU's monitor where the processor is: how a hang gets a backtrace although the guest says nothing any more.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How many frames of a hung guest are asked for.
const FRAMES: usize = 24;

/// The guest's stack as return addresses, innermost first: the instruction pointer, then what the frame pointers
/// lead to. `None` if the monitor does not answer.
pub fn where_is_it(socket: &Path) -> Option<Vec<u64>> {
    let mut monitor = Monitor::connect(socket)?;
    // The stack must stand still while it is walked.
    monitor.ask("stop")?;
    let registers = monitor.ask("info registers")?;
    let mut stack = vec![register(&registers, "RIP")?];
    let mut frame = register(&registers, "RBP")?;
    while stack.len() < FRAMES && frame != 0 {
        let Some([next, address]) = monitor.ask(&format!("x/2gx {frame:#x}")).as_deref().and_then(two_words) else {
            break;
        };
        // A kernel stack grows down, so a frame's caller lies above it; anything else is not a frame.
        if address == 0 || (next != 0 && next <= frame) {
            break;
        }
        stack.push(address);
        frame = next;
    }
    Some(stack)
}

/// The value of a register in QEMU's dump (`RIP=ffffffff80001234`).
pub fn register(dump: &str, name: &str) -> Option<u64> {
    let (_, after) = dump.split_once(&format!("{name}="))?;
    u64::from_str_radix(after.get(..16)?, 16).ok()
}

/// The two words that `x/2gx` printed: `ffffffff80010f30: 0xffffffff80010f50 0xffffffff8000100b`.
fn two_words(answer: &str) -> Option<[u64; 2]> {
    let line = answer.lines().find(|line| line.contains(": 0x"))?;
    let (_, words) = line.split_once(": ")?;
    let mut words = words.split_whitespace().map(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16));
    Some([words.next()?.ok()?, words.next()?.ok()?])
}

struct Monitor(UnixStream);

impl Monitor {
    fn connect(socket: &Path) -> Option<Self> {
        let stream = UnixStream::connect(socket).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        let mut monitor = Self(stream);
        monitor.until_prompt()?;
        Some(monitor)
    }

    fn ask(&mut self, command: &str) -> Option<String> {
        writeln!(self.0, "{command}").ok()?;
        self.until_prompt()
    }

    fn until_prompt(&mut self) -> Option<String> {
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.ends_with(b"(qemu) ") {
            match self.0.read(&mut buffer) {
                Ok(count @ 1..) => answer.extend_from_slice(&buffer[..count]),
                _ => return None,
            }
        }
        Some(String::from_utf8_lossy(&answer).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_qemu_prints() {
        let dump = "RSI=0 RBP=ffffffff80010f30 RSP=0\nRIP=ffffffff8000100b RFL=00000046 [---Z-P-]";
        assert_eq!(register(dump, "RIP"), Some(0xffff_ffff_8000_100b));
        assert_eq!(register(dump, "RBP"), Some(0xffff_ffff_8001_0f30));
        assert_eq!(register(dump, "R15"), None);
        let memory = "x/2gx 0xffffffff80010f30\r\nffffffff80010f30: 0xffffffff80010f50 0x000000000000002a\r\n(qemu) ";
        assert_eq!(two_words(memory), Some([0xffff_ffff_8001_0f50, 42]));
        assert_eq!(two_words("Cannot access memory\r\n(qemu) "), None);
    }
}
