//! Any archive that the writer can make shows in cpiofs as the plain model of it: a map from names to files, to which
//! the entries are applied one by one.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::select;
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use tools::check::{self, Record, Records};
use tools::newc::{Attributes, PAGE_SIZE, Writer};

/// One entry of an archive.
#[derive(Clone, Debug)]
struct Entry {
    path: Vec<&'static str>,
    mode: u32,
    owner: (u32, u32),
    modified: u32,
    device: (u32, u32),
    /// Which file of several names it is a name of, if it is.
    shared: Option<u32>,
    data: Vec<u8>,
}

/// Few names, so that entries meet; symbolic links have names of their own, because names lead through links.
fn path() -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(vec!["a", "b", "c d", "\u{e4}"]), 1..4)
}

fn entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![
        4 => Just(0o100_000_u32),
        3 => Just(0o040_000),
        1 => Just(0o120_000),
        1 => Just(0o020_000),
        1 => Just(0o060_000),
        1 => Just(0o010_000),
        1 => Just(0o140_000),
    ];
    let data = prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 4096..4100)];
    let shared = proptest::option::weighted(0.3, 0..3_u32);
    (kind, path(), 0..0o10000_u32, any::<(u32, u32, u32)>(), (0..4096_u32, 0..1_048_576_u32), shared, data).prop_map(
        |(kind, mut path, bits, (uid, gid, modified), device, shared, mut data)| {
            match kind {
                0o100_000 => {}
                0o120_000 => {
                    path.push("link");
                    data = data.iter().take(10).map(|byte| b'a' + byte % 26).chain([b'x']).collect();
                }
                _ => data.clear(),
            }
            let device = if matches!(kind, 0o020_000 | 0o060_000) { device } else { (0, 0) };
            let shared = shared.filter(|_| kind == 0o100_000);
            Entry { path, mode: kind | bits, owner: (uid, gid), modified, device, shared, data }
        },
    )
}

/// The archive, and what it must show.
fn archive_and_model(entries: &[Entry]) -> (Vec<u8>, Records) {
    let mut writer = Writer::new(Vec::new());
    let mut model = Model::new(entries.first().map_or(0, |entry| entry.modified));
    for (index, entry) in entries.iter().enumerate() {
        let attributes = Attributes {
            inode: entry.shared.unwrap_or(100 + index as u32),
            mode: entry.mode,
            uid: entry.owner.0,
            gid: entry.owner.1,
            links: if entry.shared.is_some() { 2 } else { 1 },
            modified: entry.modified,
            device: entry.device,
        };
        let name = entry.path.join("/");
        let mut data = Cursor::new(&entry.data);
        writer.entry(name.as_bytes(), &attributes, entry.data.len() as u32, &mut data).unwrap();
        model.apply(entry, 100 + index);
    }
    (writer.finish().unwrap(), model.records())
}

/// What an archive means, in the plainest way: each name with the number of its file.
struct Model {
    names: BTreeMap<Vec<&'static str>, usize>,
    files: BTreeMap<usize, Record>,
}

impl Model {
    fn new(modified: u32) -> Self {
        Self {
            names: BTreeMap::from([(Vec::new(), 0)]),
            files: BTreeMap::from([(0, record(0o040_755, (0, 0), modified, (0, 0), b""))]),
        }
    }

    fn is_directory(&self, path: &[&'static str]) -> bool {
        self.names.get(path).is_some_and(|number| self.files[number].mode & 0o170_000 == 0o040_000)
    }

    fn apply(&mut self, entry: &Entry, fresh: usize) {
        for length in 1..entry.path.len() {
            let parent = &entry.path[..length];
            if !self.is_directory(parent) {
                let number = 1000 * fresh + length;
                self.files.insert(number, record(0o040_755, (0, 0), entry.modified, (0, 0), b""));
                self.names.insert(parent.to_vec(), number);
            }
        }
        let stays = self.is_directory(&entry.path) && entry.mode & 0o170_000 == 0o040_000;
        let number = match entry.shared {
            Some(shared) => shared as usize + 1,
            None if stays => self.names[&entry.path],
            None => fresh,
        };
        let mut new = record(entry.mode, entry.owner, entry.modified, entry.device, &entry.data);
        if let Some(old) = self.files.get(&number)
            && entry.data.is_empty()
        {
            (new.size, new.digest) = (old.size, old.digest);
        }
        self.files.insert(number, new);
        if !stays {
            self.names.retain(|name, _| !name.starts_with(&entry.path));
        }
        self.names.insert(entry.path.clone(), number);
    }

    fn records(&self) -> Records {
        let mut records = Records::new();
        for (path, number) in &self.names {
            let mut names: Vec<_> =
                self.names.iter().filter(|(_, other)| *other == number).map(|(path, _)| path.join("/")).collect();
            names.sort();
            let mut record = self.files[number].clone();
            record.first_name = names[0].clone().into_bytes();
            record.links = if record.mode & 0o170_000 == 0o040_000 { 0 } else { names.len() as u64 };
            records.insert(path.join("/").into_bytes(), record);
        }
        records
    }
}

fn record(mode: u32, owner: (u32, u32), modified: u32, device: (u32, u32), data: &[u8]) -> Record {
    Record {
        mode,
        owner,
        modified: i64::from(modified),
        first_name: Vec::new(),
        links: 0,
        device,
        size: data.len() as u64,
        digest: check::digest(data),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_archive_shows_what_its_entries_say_in_order(entries in vec(entry(), 0..30)) {
        let (archive, expected) = archive_and_model(&entries);
        prop_assert!((archive.len() as u64).is_multiple_of(PAGE_SIZE));
        let found = check::mounted(&*check::mount(archive.clone()).unwrap_or_else(|error| panic!("{error}"))).unwrap();
        let differences = check::differences(&expected, &found);
        prop_assert!(differences.is_empty(), "{}", differences.join("\n"));
    }

    /// The second archive's entries are applied on top of the first's; its inode numbers start anew.
    #[test]
    fn archives_after_one_another_are_applied_in_turn(one in vec(entry(), 1..15), other in vec(entry(), 1..15)) {
        let unshared: Vec<_> = other.iter().cloned().map(|entry| Entry { shared: None, ..entry }).collect();
        let all = [&one[..], &unshared].concat();
        let mut archive = archive_and_model(&one).0;
        archive.extend(gzip(&archive_and_model(&unshared).0));
        let found = check::mounted(&*check::mount(archive).unwrap_or_else(|error| panic!("{error}"))).unwrap();
        let differences = check::differences(&archive_and_model(&all).1, &found);
        prop_assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
