use super::{Page, SIZE};

#[test]
fn a_fresh_page_is_zero_and_a_copy_is_equal() {
    let page = Page::zeroed().unwrap();
    assert_eq!(page.bytes(), &[0; SIZE]);
    assert_eq!(Page::copy_of(&[7; SIZE]).unwrap().bytes(), &[7; SIZE]);
}

#[test]
fn writing_to_a_shared_page_copies_it() {
    let mut one = Page::copy_of(&[1; SIZE]).unwrap();
    let mut other = one.clone();
    assert!(one.is_same(&other) && one.is_shared() && one.get_mut().is_none());

    other.make_mut().unwrap()[0] = 2;

    assert!(!one.is_same(&other) && !one.is_shared());
    assert_eq!((one.bytes()[0], other.bytes()[0], other.bytes()[1]), (1, 2, 1));
    assert!(one.get_mut().is_some());
}

#[test]
fn writing_to_the_only_handle_copies_nothing() {
    let mut page = Page::zeroed().unwrap();
    let before = page.bytes().as_ptr();
    page.make_mut().unwrap()[9] = 9;
    assert_eq!(page.bytes().as_ptr(), before);
}

#[test]
fn a_page_that_cannot_be_filled_is_given_back() {
    #[derive(PartialEq, Debug)]
    enum Failure {
        Memory,
        Fill,
    }
    impl From<super::OutOfMemory> for Failure {
        fn from(_: super::OutOfMemory) -> Self {
            Self::Memory
        }
    }
    assert_eq!(Page::build(|_| Err(Failure::Fill)).unwrap_err(), Failure::Fill);
}

#[test]
fn handles_can_be_cloned_and_dropped_on_many_threads() {
    extern crate std;
    let page = Page::copy_of(&[3; SIZE]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let mut mine = page.clone();
                    if mine.make_mut().unwrap()[0] != 3 {
                        panic!("another thread's write shows");
                    }
                    mine.get_mut().unwrap()[0] = 4;
                }
            });
        }
    });
    assert!(!page.is_shared());
    assert_eq!(page.bytes()[0], 3);
}

#[cfg(feature = "faults")]
#[test]
fn the_nth_allocation_fails_and_only_that() {
    let armed = super::faults::fail_nth(2);
    assert!(Page::zeroed().is_ok());
    assert!(!armed.fired());
    assert!(super::admit(1).is_err());
    assert!(armed.fired());
    assert!(Page::zeroed().is_ok());
}
