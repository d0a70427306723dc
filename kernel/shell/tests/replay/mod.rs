//! Typing a transcript, and comparing what is shown with what should have been.

use crate::session::Session;

/// Types the commands of a transcript, and returns it as it should have been.
pub fn replay(transcript: &str) -> String {
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

/// Fails with the first line in which a transcript is not what was replayed.
pub fn assert_replayed(name: &str, transcript: &str, replayed: &str) {
    if transcript != replayed {
        let same = transcript.lines().zip(replayed.lines()).take_while(|(one, other)| one == other).count();
        let from = |text: &str| text.lines().skip(same).collect::<Vec<_>>().join("\n");
        panic!("{name}, line {}: expected\n{}\n\nbut was\n{}", same + 1, from(transcript), from(replayed));
    }
}
