//! Transcripts: what is typed, and what must be shown for it, each file in a fresh tmpfs.
//!
//! A line that begins with `$ ` is typed, lines that begin with `> ` go on with it, and everything up to the next `$ `
//! must be the output. Lines that begin with `#:` are for the reader.

mod session;

use session::Session;
use std::fs;
use std::path::Path;

/// Types the commands of a transcript, and returns it as it should have been.
fn replay(transcript: &str) -> String {
    let mut session = Session::new();
    let mut replayed = String::new();
    let mut lines = transcript.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("#:") || line.is_empty() && lines.peek().is_none_or(|next| next.starts_with("#:")) {
            replayed += line;
            replayed += "\n";
            continue;
        }
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let mut typed = format!("{command}\n");
        replayed += line;
        replayed += "\n";
        while let Some(more) = lines.next_if(|line| line.starts_with("> ")) {
            typed += &more[2..];
            typed += "\n";
            replayed += more;
            replayed += "\n";
        }
        replayed += &session.run(&typed);
    }
    replayed
}

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts"))
}

fn check(name: &str) {
    let transcript = fs::read_to_string(directory().join(name).with_extension("txt")).unwrap();
    let replayed = replay(&transcript);
    if transcript != replayed {
        let same = transcript.lines().zip(replayed.lines()).take_while(|(one, other)| one == other).count();
        let from = |text: &str| text.lines().skip(same).collect::<Vec<_>>().join("\n");
        panic!("{name}.txt, line {}: expected\n{}\n\nbut was\n{}", same + 1, from(&transcript), from(&replayed));
    }
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn every_transcript_is_a_test() {
            let mut files: Vec<String> = fs::read_dir(directory())
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            files.sort();
            assert_eq!(files, [$(stringify!($name)),*]);
        }
    };
}

transcripts! {
    attributes content copying directories errors language links listing looking machine mounts moving namespaces
    overlay removing special testing
}
