//! Whether two answers, or two trees, are the same.

use super::answer::{Answer, Node, Stat, Tree, Value};
use super::case::{Kind, Layout};
use super::deliberate::{self, Situation};
use super::operation::Step;
use std::collections::HashMap;
use vfs::metadata::FileType;

/// Which of our nodes is which of theirs: one to one, by number, as long as the same layers are there.
#[derive(Default)]
pub struct Identities {
    theirs: HashMap<u64, u64>,
    ours: HashMap<u64, u64>,
    /// The device of what is under test, on both sides: one for all its nodes.
    devices: Option<(u64, u64)>,
}

impl Identities {
    /// A mount has a device of its own; the numbers stay from one to the next.
    pub fn mounted(&mut self, ours: &Stat, theirs: &Stat) {
        self.devices = Some((ours.device, theirs.device));
    }

    fn check(&mut self, layout: &Layout, ours: &Stat, theirs: &Stat) -> Result<(), String> {
        if let Some((one, other)) = self.devices {
            match (ours.device == one, theirs.device == other) {
                (true, true) => {}
                // Outside: `..` of the root.
                (false, false) => return Ok(()),
                _ => return Err(format!("device {} here, {} there", ours.device, theirs.device)),
            }
        }
        if deliberate::has_unstable_numbers(layout) {
            return Ok(());
        }
        let (one, other) = (ours.inode, theirs.inode);
        let known = *self.theirs.entry(one).or_insert(other);
        let known_back = *self.ours.entry(other).or_insert(one);
        if known == other && known_back == one {
            Ok(())
        } else {
            Err(format!(
                "inode {one} here, {other} there; so far {one} here was {known} there, and {other} there was \
                 {known_back} here"
            ))
        }
    }
}

/// Compares the answers to a step.
///
/// Returns whether the case may go on.
///
/// # Errors
/// The difference, in words.
pub fn answers(
    layout: &Layout,
    identities: &mut Identities,
    step: &Step,
    ours: &Answer,
    theirs: &Answer,
) -> Result<bool, String> {
    if let Some(difference) = deliberate::find(&Situation { layout, step, ours, theirs }) {
        return Ok(!difference.parts);
    }
    same_answer(layout, identities, step, ours, theirs).map(|()| true)
}

fn same_answer(
    layout: &Layout,
    identities: &mut Identities,
    step: &Step,
    ours: &Answer,
    theirs: &Answer,
) -> Result<(), String> {
    match (ours, theirs) {
        (Ok(Value::Stat(one)), Ok(Value::Stat(other))) => {
            stats(layout, one, other)?;
            // Numbers in a layer are its file system's own.
            if deliberate::looks_into_layer(step) { Ok(()) } else { identities.check(layout, one, other) }
        }
        (Ok(Value::Listing(one)), Ok(Value::Listing(other))) => {
            let kinds = |listing: &super::answer::Listing| -> Vec<(String, FileType)> {
                listing.iter().map(|(name, (kind, _))| (name.escape_ascii().to_string(), *kind)).collect()
            };
            let (one, other) = (kinds(one), kinds(other));
            if one == other { Ok(()) } else { Err(format!("Strata: {one:?}\nLinux:  {other:?}")) }
        }
        (one, other) if one == other => Ok(()),
        (one, other) => Err(format!("Strata: {}\nLinux:  {}", show(one), show(other))),
    }
}

/// An answer in words.
pub fn show(answer: &Answer) -> String {
    match answer {
        Ok(Value::Bytes(bytes)) if bytes.len() > 64 => {
            let (head, count) = (&bytes[..64], bytes.len());
            format!("{count} bytes: {}…", head.escape_ascii())
        }
        Ok(Value::Bytes(bytes)) => format!("\"{}\"", bytes.escape_ascii()),
        Ok(Value::Names(names)) => {
            names.iter().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
        }
        Ok(value) => format!("{value:?}"),
        Err(errno) => format!("{errno:?}"),
    }
}

fn stats(layout: &Layout, ours: &Stat, theirs: &Stat) -> Result<(), String> {
    let (one, other) = (deliberate::comparable(layout, ours), deliberate::comparable(layout, theirs));
    if one == other { Ok(()) } else { Err(format!("Strata: {ours:?}\nLinux:  {theirs:?}")) }
}

/// Compares whole trees.
///
/// # Errors
/// The first difference, in words.
pub fn trees(layout: &Layout, identities: &mut Identities, ours: &Tree, theirs: &Tree) -> Result<(), String> {
    let names = |tree: &Tree| -> Vec<String> { tree.keys().map(|path| path.escape_ascii().to_string()).collect() };
    if !ours.keys().eq(theirs.keys()) {
        let (ours, theirs) = (names(ours), names(theirs));
        let only = |some: &[String], others: &[String]| -> Vec<String> {
            some.iter().filter(|name| !others.contains(name)).cloned().collect()
        };
        let (only_ours, only_theirs) = (only(&ours, &theirs), only(&theirs, &ours));
        return Err(format!("only in Strata: {only_ours:?}\nonly in Linux:  {only_theirs:?}"));
    }
    for ((path, one), other) in ours.iter().zip(theirs.values()) {
        node(layout, identities, one, other)
            .map_err(|what| format!("{:?}: {what}", path.escape_ascii().to_string()))?;
    }
    Ok(())
}

fn node(layout: &Layout, identities: &mut Identities, ours: &Node, theirs: &Node) -> Result<(), String> {
    stats(layout, &ours.stat, &theirs.stat)?;
    if !deliberate::is_whiteout(&ours.stat) {
        identities.check(layout, &ours.stat, &theirs.stat)?;
    }
    if let Some((kind, inode)) = ours.listed
        && (kind, inode) != (ours.stat.kind, ours.stat.inode)
    {
        return Err(format!("listed by Strata as {kind:?} #{inode}, but it is {:?}", ours.stat));
    }
    if ours.content != theirs.content {
        let value = |node: &Node| show(&node.content.clone().map(Value::Bytes));
        return Err(format!("content differs\nStrata: {}\nLinux:  {}", value(ours), value(theirs)));
    }
    if ours.xattrs != theirs.xattrs {
        return Err(format!("xattrs differ\nStrata: {}\nLinux:  {}", show_xattrs(ours), show_xattrs(theirs)));
    }
    Ok(())
}

fn show_xattrs(node: &Node) -> String {
    let pairs = node.xattrs.iter();
    pairs.map(|(name, value)| format!("{}=\"{}\" ", name.escape_ascii(), value.escape_ascii())).collect()
}

/// Compares upper layers, apart from marks that only save work.
///
/// # Errors
/// The first difference, in words.
pub fn uppers(layout: &Layout, ours: &Tree, theirs: &Tree) -> Result<(), String> {
    let plain = Layout { kind: Kind::Overlay, ..layout.clone() };
    let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
    for tree in [&mut ours, &mut theirs] {
        deliberate::drop_optimisations(tree);
    }
    theirs.retain(|path, node| ours.contains_key(path) || deliberate::is_whiteout(&node.stat));
    // A tmpfs of theirs and one of ours: numbers mean nothing across copy-up there.
    let mut fresh = Identities::default();
    trees(&plain, &mut fresh, &ours, &theirs)
}
