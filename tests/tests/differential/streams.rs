//! Listings that go on over later steps (`readdir` from a kept stream).
//!
//! No two systems list in one order, so a stream is not compared entry by entry but held to what POSIX promises of it:
//! no entry twice (one that is made again under a name that went is another), none missing that was there throughout,
//! none that never was.

use std::collections::BTreeSet;

type Names = BTreeSet<Vec<u8>>;

/// One kept stream.
#[derive(Default)]
pub struct Stream {
    listed: Vec<Vec<u8>>,
    /// What has been in the directory all the time since the stream began.
    always: Option<Names>,
    /// What has been in it at any time since then.
    ever: Names,
}

impl Stream {
    /// Starts again.
    pub fn rewind(&mut self) {
        *self = Self::default();
    }

    /// Whether a listing is under way.
    pub fn is_active(&self) -> bool {
        self.always.is_some()
    }

    /// Notes what the directory holds now.
    pub fn observe(&mut self, names: Vec<Vec<u8>>) {
        let names: Names = names.into_iter().collect();
        self.listed.retain(|name| is_dot(name) || names.contains(name));
        self.always = Some(match self.always.take() {
            None => names.clone(),
            Some(always) => always.intersection(&names).cloned().collect(),
        });
        self.ever.extend(names);
    }

    /// Takes the entries that came next; at the end of the listing, judges it.
    ///
    /// # Errors
    /// What promise was broken, in words.
    pub fn take(&mut self, names: Vec<Vec<u8>>, ended: bool) -> Result<(), String> {
        for name in names {
            let text = name.escape_ascii().to_string();
            if self.listed.contains(&name) {
                return Err(format!("the listing has {text:?} twice"));
            }
            if !is_dot(&name) && !self.ever.contains(&name) {
                return Err(format!("the listing has {text:?}, which was not there since it began"));
            }
            self.listed.push(name);
        }
        if ended {
            let always = self.always.as_ref();
            if let Some(missing) = always.and_then(|always| always.iter().find(|name| !self.listed.contains(name))) {
                let text = missing.escape_ascii().to_string();
                return Err(format!("the listing lacks {text:?}, which was there throughout"));
            }
        }
        Ok(())
    }
}

fn is_dot(name: &[u8]) -> bool {
    name == b"." || name == b".."
}
