//! All that users see of a tree, to compare it with what they see later.

use crate::file::OpenFlags;
use crate::manager::Follow;
use crate::metadata::{FileType, Metadata};
use crate::selftest::world::World;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// All that users see of a file.
#[derive(PartialEq, Debug)]
pub struct Seen {
    metadata: Metadata,
    listed: Option<(u64, FileType)>,
    content: String,
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Seen {
    fn of(world: &World, path: &str, listed: Option<(u64, FileType)>) -> Self {
        let metadata = world.lstat(path).expect("a listed name is there");
        let content = match metadata.kind {
            FileType::Regular => world.read(path),
            FileType::Symlink => {
                let target = world.vfs.read_link(&world.root, path.as_bytes()).expect("a link has a target");
                String::from_utf8_lossy(&target).into_owned()
            }
            _ => String::new(),
        };
        let mut attributes = BTreeMap::new();
        for name in world.vfs.list_xattrs(&world.root, path.as_bytes(), Follow::No).expect("attributes can be listed") {
            let value = world.vfs.get_xattr(&world.root, path.as_bytes(), &name, Follow::No).expect("it is listed");
            attributes.insert(name, value);
        }
        Self { metadata, listed, content, attributes }
    }

    /// It without its change time.
    pub fn unchanged(&self) -> Self {
        let metadata = Metadata { changed: Default::default(), ..self.metadata };
        Self { metadata, content: self.content.clone(), attributes: self.attributes.clone(), ..*self }
    }
}

/// The tree below a directory, and the directory itself: everything but access times, which looking changes, and of the
/// top the change time and the size it has as a directory, for it is in another layer after a push.
pub fn tree(world: &World, top: &str) -> BTreeMap<String, Seen> {
    let mut seen = BTreeMap::new();
    let mut pending = alloc::vec![(top.to_string(), None)];
    while let Some((path, listed)) = pending.pop() {
        let mut file = Seen::of(world, &path, listed);
        file.metadata.accessed = Default::default();
        if path == top {
            file.metadata.changed = Default::default();
            file.metadata.size = 0;
        }
        if file.metadata.kind == FileType::Directory {
            let directory = world.open(&path, OpenFlags::READ | OpenFlags::DIRECTORY).expect("it opens");
            let below = &mut pending;
            let listed = directory.list(&mut |item| {
                if item.name != b"." && item.name != b".." {
                    let name = String::from_utf8_lossy(item.name);
                    below.push((format!("{path}/{name}"), Some((item.inode, item.kind))));
                }
                true
            });
            assert_eq!(listed, Ok(()));
        }
        if let Some((inode, kind)) = file.listed {
            assert_eq!(
                (inode, kind),
                (file.metadata.id.inode, file.metadata.kind),
                "{path}: what is listed is what is"
            );
        }
        seen.insert(path, file);
    }
    seen
}
