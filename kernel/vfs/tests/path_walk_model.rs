//! The walker against a model: random small trees full of links, and random paths through them, looked up by the walker
//! and by a resolver that is as plain as `path_resolution(7)` itself: recursive, on a tree of its own, without a cache.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};
use std::collections::BTreeMap;
use std::sync::Arc;
use vfs::drivers::tmpfs::{Tmpfs, TmpfsOptions};
use vfs::environment::Environment;
use vfs::error::FileSystemErrorKind as Kind;
use vfs::manager::{Follow, VfsManager};

/// A node of the model: an index into the arena stands for its identity.
enum Node {
    Directory { parent: usize, names: BTreeMap<String, usize> },
    File,
    Link(String),
}

/// What a path leads to: a node of the model, or an errno.
type Answer = Result<usize, Kind>;

struct Model {
    nodes: Vec<Node>,
}

impl Model {
    fn new() -> Self {
        Self { nodes: vec![Node::Directory { parent: 0, names: BTreeMap::new() }] }
    }

    fn add(&mut self, parent: usize, name: &str, node: Node) -> Option<usize> {
        let index = self.nodes.len();
        match &mut self.nodes[parent] {
            Node::Directory { names, .. } if !names.contains_key(name) => {
                names.insert(name.to_string(), index);
                self.nodes.push(node);
                Some(index)
            }
            _ => None,
        }
    }

    fn resolve(&self, start: usize, path: &str, follow: bool, links: &mut u32) -> Answer {
        if path.is_empty() {
            return Err(Kind::NotFound);
        }
        let mut at = if path.starts_with('/') { 0 } else { start };
        let slash = path.ends_with('/');
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        for (index, part) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            let Node::Directory { parent, names } = &self.nodes[at] else { return Err(Kind::NotADirectory) };
            at = match *part {
                "." => at,
                ".." => *parent,
                name => {
                    let found = *names.get(name).ok_or(Kind::NotFound)?;
                    match &self.nodes[found] {
                        Node::Link(target) if !last || follow || slash => {
                            *links += 1;
                            if *links > 40 {
                                return Err(Kind::TooManySymlinks);
                            }
                            self.resolve(at, target, true, links)?
                        }
                        _ => found,
                    }
                }
            };
        }
        match self.nodes[at] {
            Node::File | Node::Link(_) if slash => Err(Kind::NotADirectory),
            _ => Ok(at),
        }
    }
}

#[derive(Clone, Debug)]
enum Make {
    Directory,
    File,
    Link(String),
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-c]", 1 => Just(".".to_string()), 1 => Just("..".to_string())]
}

fn path() -> impl Strategy<Value = String> {
    (any::<bool>(), prop::collection::vec(part(), 1..6), prop_oneof![3 => Just(""), 1 => Just("/"), 1 => Just("//.")])
        .prop_map(|(absolute, parts, end)| format!("{}{}{end}", if absolute { "/" } else { "" }, parts.join("/")))
}

fn make() -> impl Strategy<Value = Make> {
    prop_oneof![3 => Just(Make::Directory), 1 => Just(Make::File), 2 => path().prop_map(Make::Link)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_walker_finds_what_the_model_finds(
        tree in prop::collection::vec((any::<prop::sample::Index>(), "[a-c]", make()), 1..30),
        paths in prop::collection::vec((path(), any::<bool>()), 1..40),
    ) {
        let environment = Environment::detached();
        let vfs: Arc<VfsManager> =
            VfsManager::new(Tmpfs::new(TmpfsOptions::default(), &environment), environment);
        let root = vfs.root_context();
        let mut model = Model::new();
        // Directories by their canonical path, so that the two trees are built the same.
        let mut directories = vec![(0, String::new())];
        let mut inodes = BTreeMap::from([(vfs.metadata(&root, b"/", Follow::No).unwrap().id.inode, 0)]);
        for (place, name, make) in tree {
            let (parent, prefix) = place.get(&directories).clone();
            let full = format!("{prefix}/{name}");
            let node = match &make {
                Make::Directory => Node::Directory { parent, names: BTreeMap::new() },
                Make::File => Node::File,
                Make::Link(target) => Node::Link(target.clone()),
            };
            let Some(index) = model.add(parent, &name, node) else { continue };
            match &make {
                Make::Directory => {
                    vfs.make_directory(&root, full.as_bytes(), 0o755).unwrap();
                    directories.push((index, full.clone()));
                }
                Make::File => vfs.make_node(&root, full.as_bytes(), vfs::node::NewKind::Regular, 0o644).unwrap(),
                Make::Link(target) => vfs.make_symlink(&root, target.as_bytes(), full.as_bytes()).unwrap(),
            }
            inodes.insert(vfs.metadata(&root, full.as_bytes(), Follow::No).unwrap().id.inode, index);
        }
        for (path, follow) in &paths {
            let expected = model.resolve(0, path, *follow, &mut 0);
            let follow = if *follow { Follow::Yes } else { Follow::No };
            let found = vfs.metadata(&root, path.as_bytes(), follow);
            let found = found.map(|metadata| inodes[&metadata.id.inode]).map_err(|error| error.kind());
            prop_assert_eq!(found, expected, "{}", path);
        }
    }
}
