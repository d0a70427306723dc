//! Transcripts: what is typed, and what must be shown for it, each file in a fresh tmpfs.
//!
//! A line that begins with `$ ` is typed, lines that begin with `> ` go on with it, and everything up to the next `$ `
//! must be the output. Lines that begin with `#:` are for the reader.

mod replay;
mod session;

use replay::{assert_replayed, replay};
use std::fs;
use std::path::Path;

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts"))
}

fn check(name: &str) {
    let transcript = fs::read_to_string(directory().join(name).with_extension("txt")).unwrap();
    assert_replayed(&format!("{name}.txt"), &transcript, &replay(&transcript));
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
    overlay pushing removing special testing
}
