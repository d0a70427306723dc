//! What a content promises.

use super::{Budget, Bytes, Content, MAX_LEN, Shown};
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::io::Source;
use crate::vfs_test;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

const P: u64 = 4096;

fn read(content: &Content, offset: u64, count: usize) -> Vec<u8> {
    let mut buffer = vec![0xee; count];
    let got = content.read(offset, &mut buffer.as_mut_slice()).unwrap();
    buffer.truncate(got);
    buffer
}

fn write(content: &mut Content, offset: u64, bytes: &[u8]) {
    assert_eq!(content.write(offset, &mut &bytes[..]), Ok(bytes.len()));
}

/// A content of `pages` pages, whose bytes count pages.
fn counted(pages: u64) -> Content {
    let mut content = Content::new();
    for page in 0..pages {
        write(&mut content, page * P, &[page as u8; P as usize]);
    }
    content
}

/// An account with a limit.
struct Limit(Cell<u64>);

impl Budget for Limit {
    fn take(&self, pages: u64) -> Result<()> {
        match self.0.get().checked_sub(pages) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => fail(FileSystemErrorKind::NoSpace),
        }
    }

    fn give(&self, pages: u64) {
        self.0.set(self.0.get() + pages);
    }
}

/// Gives zeros until a byte that is not the caller's.
struct Faulting(usize, usize);

impl Source for Faulting {
    fn remaining(&self) -> usize {
        self.0
    }

    fn take(&mut self, into: &mut [u8]) -> Result<()> {
        if into.len() > self.1 {
            return fail(FileSystemErrorKind::BadAddress);
        }
        into.fill(0);
        self.0 -= into.len();
        self.1 -= into.len();
        Ok(())
    }
}

vfs_test! {
    fn what_is_written_is_read_and_the_rest_is_zero() {
        let mut content = Content::new();
        write(&mut content, P - 2, b"abcd");
        assert_eq!((content.len(), content.pages()), (P + 2, 2));
        assert_eq!(read(&content, P - 4, 100), b"\0\0abcd");
        assert_eq!(read(&content, P + 2, 100), b"");
        assert_eq!(read(&content, MAX_LEN, 100), b"");
    }

    /// ```text
    ///   page      0     …     2^40
    ///             hole        x        costs one page
    /// ```
    fn a_hole_costs_nothing_however_large() {
        let mut content = Content::new();
        write(&mut content, 1 << 52, b"x");
        assert_eq!((content.pages(), content.owned()), (1, 1));
        assert_eq!(content.next_data(0), Some(1 << 52));
        assert_eq!(content.next_hole(0), Some(0));
        assert_eq!(content.next_hole(1 << 52), Some((1 << 52) + 1));
        assert_eq!(read(&content, (1 << 52) - 3, 9), b"\0\0\0x");
    }

    fn nothing_lies_behind_the_largest_offset() {
        let mut content = Content::new();
        assert_eq!(content.write(MAX_LEN - 1, &mut &b"xyz"[..]), Ok(1));
        assert_eq!(content.len(), MAX_LEN);
        assert_eq!(content.write(MAX_LEN, &mut &b"x"[..]).unwrap_err().kind(), FileSystemErrorKind::FileTooLarge);
        assert_eq!(content.set_len(MAX_LEN + 1).unwrap_err().kind(), FileSystemErrorKind::FileTooLarge);
        assert_eq!(content.set_len(u64::MAX).unwrap_err().kind(), FileSystemErrorKind::FileTooLarge);
        content.punch(0, u64::MAX).unwrap();
        assert_eq!((content.len(), content.pages()), (MAX_LEN, 0));
    }

    /// ```text
    ///   base      B0 B1 B2(half)         own page 0 →   base   B0 B1 B2     tree   x  .  .
    /// ```
    /// A whole page of the base is mapped as it is; one to be written becomes the content's own, and no one else's.
    fn pages_for_mapping_are_shared_until_they_are_owned() {
        let bytes = Bytes::from_vec((0..2 * P + 100).map(|at| (at / P + 1) as u8).collect());
        let mut content = Content::from_bytes(bytes);
        content.set_len(4 * P).unwrap();
        let bytes = |index| match content.shown(index) {
            Shown::Bytes(bytes) => Some(bytes.len()),
            Shown::Zeros => None,
            Shown::Page(_) => panic!("nothing is in the tree"),
        };
        assert_eq!([0, 1, 2, 3].map(bytes), [Some(P as usize), Some(P as usize), Some(100), None]);
        assert_eq!(content.own_page(0).unwrap().bytes(), &[1; P as usize]);
        assert_eq!(content.own_page(3).unwrap().bytes(), &[0; P as usize]);
        assert!(matches!(content.shown(0), Shown::Page(_)) && matches!(content.shown(3), Shown::Page(_)));
        assert_eq!((content.owned(), content.len()), (2, 4 * P));
        let mut clone = content.clone();
        assert!(clone.page(0).unwrap().is_same(content.page(0).unwrap()));
        assert!(!clone.own_page(0).unwrap().is_same(content.page(0).unwrap()));
        assert!(!content.own_page(0).unwrap().is_shared());
    }

    /// ```text
    ///   original  0 1 2 … 99         original  0 1 2 … 99
    ///   clone     = the same    →    clone     0 x 2 … 99    one page more than before
    /// ```
    fn a_write_after_a_clone_copies_one_page() {
        let original = counted(100);
        let before = page::faults::pages();
        let mut clone = original.clone();
        assert_eq!((page::faults::pages() - before, clone.pages(), clone.owned()), (0, 100, 0));
        write(&mut clone, P, b"x");
        assert_eq!((page::faults::pages() - before, clone.pages(), clone.owned()), (1, 100, 1));
        assert_eq!(read(&original, P, 2), [1, 1]);
        assert_eq!(read(&clone, P, 2), [b'x', 1]);
        assert_eq!(original.owned(), 100);
    }

    fn writes_to_the_original_do_not_show_in_the_clone() {
        let mut original = counted(3);
        let clone = original.clone();
        write(&mut original, 2 * P, b"changed");
        original.set_len(P).unwrap();
        assert_eq!(read(&clone, 2 * P, 2), [2, 2]);
        assert_eq!((clone.len(), clone.pages()), (3 * P, 3));
        assert_eq!((original.pages(), original.owned()), (1, 1));
    }

    fn what_was_cut_off_reads_as_zeros_when_the_end_moves_back() {
        for tail in [1, P - 1, P, P + 1] {
            let mut content = counted(3);
            content.set_len(tail).unwrap();
            content.set_len(3 * P).unwrap();
            assert!(read(&content, tail, 3 * P as usize).iter().all(|&byte| byte == 0), "after {tail}");
            let mut content = counted(3);
            content.set_len(tail).unwrap();
            write(&mut content, 2 * P, b"x");
            assert!(read(&content, tail, (2 * P - tail) as usize).iter().all(|&byte| byte == 0), "after {tail}");
        }
    }

    /// ```text
    ///   base      B B b          (b: half a page)
    ///   write         x     →    B x b     one page of its own
    /// ```
    fn a_base_shows_where_nothing_was_written() {
        let bytes: Vec<u8> = (0..2 * P as usize + 100).map(|at| (at / 7) as u8).collect();
        let before = page::faults::pages();
        let mut content = Content::from_bytes(Bytes::from_vec(bytes.clone()));
        assert_eq!((content.pages(), page::faults::pages() - before), (3, 0));
        assert_eq!(read(&content, 0, 100_000), bytes);
        write(&mut content, P + 5, b"x");
        write(&mut content, 3 * P, b"end");
        let mut expected = bytes.clone();
        expected[P as usize + 5] = b'x';
        expected.resize(3 * P as usize, 0);
        expected.extend(b"end");
        assert_eq!(read(&content, 0, 100_000), expected);
        assert_eq!((content.pages(), content.owned(), page::faults::pages() - before), (4, 2, 2));
    }

    fn a_hole_in_a_base_hides_it() {
        static BASE: [u8; 10 * P as usize] = [1; 10 * P as usize];
        let mut content = Content::from_bytes(Bytes::from_static(&BASE).slice(P as usize..usize::MAX));
        content.punch(P + 1, 3 * P).unwrap();
        assert_eq!((content.len(), content.pages(), content.owned()), (9 * P, 7, 2));
        assert_eq!((content.next_hole(0), content.next_data(2 * P)), (Some(2 * P), Some(4 * P)));
        let counted = [0..u64::MAX, 0..2 * P, P..2 * P + 1, P - 1..P + 1, 2 * P..4 * P, 4 * P + 1..4 * P + 2];
        assert_eq!(counted.map(|range| content.pages_in(range)), [content.pages(), 2, 1, 2, 0, 1]);
        let bytes = read(&content, 0, 9 * P as usize);
        let zeros = P as usize + 1..4 * P as usize + 1;
        assert!(bytes.iter().enumerate().all(|(at, &byte)| (byte == 0) == zeros.contains(&at)));
        write(&mut content, 2 * P, b"x");
        assert_eq!(read(&content, 2 * P, 2), b"x\0");
        content.punch(0, u64::MAX).unwrap();
        assert_eq!((content.pages(), content.owned(), content.next_data(0)), (0, 0, None));
    }

    fn a_base_that_was_cut_does_not_come_back() {
        let mut content = Content::from_bytes(Bytes::from_vec(vec![1; 3 * P as usize]));
        content.set_len(P + 10).unwrap();
        content.set_len(3 * P).unwrap();
        assert_eq!(content.pages(), 2);
        assert!(read(&content, P + 10, 2 * P as usize).iter().all(|&byte| byte == 0));
        assert_eq!(read(&content, P, 10), [1; 10]);
    }

    fn space_is_asked_for_before_it_is_taken() {
        let limit = Limit(Cell::new(2));
        let mut content = Content::new();
        let before = page::faults::pages();
        assert_eq!(content.within(&limit).write(0, &mut &[1; 3 * P as usize][..]), Ok(2 * P as usize));
        assert_eq!((content.len(), content.owned(), limit.0.get()), (2 * P, 2, 0));
        let error = content.within(&limit).write(2 * P, &mut &b"x"[..]).unwrap_err();
        assert_eq!((error.kind(), page::faults::pages() - before), (FileSystemErrorKind::NoSpace, 2));
        assert_eq!(content.within(&limit).write(7, &mut &b"over"[..]), Ok(4));
        content.within(&limit).punch(0, P).unwrap();
        assert_eq!(limit.0.get(), 1);
        content.within(&limit).set_len(0).unwrap();
        assert_eq!((limit.0.get(), content.owned()), (2, 0));
    }

    fn reserved_space_cannot_run_out_and_reserving_is_all_or_nothing() {
        let limit = Limit(Cell::new(4));
        let mut content = Content::new();
        write(&mut content, 0, &[1; P as usize]);
        let error = content.within(&limit).reserve(0, 6 * P).unwrap_err();
        assert_eq!((error.kind(), limit.0.get()), (FileSystemErrorKind::NoSpace, 4));
        content.within(&limit).reserve(0, 5 * P).unwrap();
        assert_eq!((limit.0.get(), content.pages(), content.len()), (0, 5, P));
        assert_eq!(content.within(&limit).write(P, &mut &[2; 4 * P as usize][..]), Ok(4 * P as usize));
        let error = content.within(&limit).reserve(1 << 62, 1 << 61).unwrap_err();
        assert_eq!(error.kind(), FileSystemErrorKind::NoSpace);
        let error = content.within(&limit).reserve(1 << 62, 1 << 62).unwrap_err();
        assert_eq!(error.kind(), FileSystemErrorKind::FileTooLarge);
    }

    fn a_source_that_faults_leaves_what_came_before() {
        let mut content = Content::new();
        assert_eq!(content.write(0, &mut Faulting(3 * P as usize, P as usize)), Ok(P as usize));
        assert_eq!((content.len(), content.pages()), (P, 1));
        let error = content.write(P, &mut Faulting(10, 0)).unwrap_err();
        assert_eq!((error.kind(), content.len(), content.pages()), (FileSystemErrorKind::BadAddress, P, 1));
    }

    /// Every allocation of a write, a cut and a punch into shared tables fails once: nothing is lost, nothing counted twice.
    fn memory_that_runs_out_leaves_the_content_whole() {
        let original = counted(70);
        type Change = fn(&mut Content, &Limit) -> Result<()>;
        let changes: [Change; 4] = [
            |content, limit| content.within(limit).write(65 * P + 9, &mut &b"x"[..]).map(drop),
            |content, limit| content.within(limit).set_len(66 * P + 1),
            |content, limit| content.within(limit).punch(3, 65 * P),
            |content, limit| content.within(limit).reserve(64 * P, 20 * P),
        ];
        for change in changes {
            for nth in 1.. {
                let limit = Limit(Cell::new(1000));
                let mut content = original.clone();
                let armed = page::faults::fail_nth(nth);
                let result = change(&mut content, &limit);
                let fired = armed.fired();
                drop(armed);
                assert_eq!(result.is_err(), fired);
                assert_eq!(limit.0.get() + content.owned(), 1000);
                assert_eq!(read(&original, 65 * P + 9, 1), [65]);
                let data = (0..content.len().div_ceil(P)).filter(|page| content.next_data(page * P) == Some(page * P));
                assert_eq!(data.count() as u64, content.pages().min(content.len().div_ceil(P)));
                if !fired {
                    break;
                }
            }
        }
    }

    fn a_dropped_content_gives_all_its_pages_back() {
        let before = page::faults::pages();
        let content = counted(200);
        let clone = content.clone();
        drop(content);
        assert_eq!(page::faults::pages() - before, 200);
        drop(clone);
        assert_eq!(page::faults::pages(), before);
    }
}
