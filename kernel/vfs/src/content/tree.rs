//! The radix tree below a content: 16 slots a table, tables shared between clones.
//!
//! The tree grows at the top: `height` tables lie between the root slot and a page, so it spans `16^height` pages, and
//! 13 tables reach the largest file there can be. Recursion goes down tables only and is that deep at most. (Wide tables
//! make paths short, narrow ones make copies of a path cheap; a file of 256 MiB is 4 tables of 16 deep, which costs a
//! lookup little, and copying all four less than one table of 64.)
//!
//! Own pages are marked by a bit in their leaf, and the leaf carries the number of the owner who means it: in a leaf
//! that a clone shares, the bits say nothing about the clone. A table that is copied or taken over gets the owner number of
//! who does that, without bits if it was another's.

use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use page::{OutOfMemory, Page};

/// Slots of a table, as a power of two.
const BITS: u32 = 4;
const FANOUT: usize = 1 << BITS;

/// What stands at a place of the tree. Anything but a table, at any height, stands for all pages below.
#[derive(Clone, Default)]
pub(super) enum Slot {
    /// Nothing: the base shows, or there is a hole.
    #[default]
    Empty,
    /// A hole, whatever the base has there.
    Zero,
    /// A page; only where no table is between it and the file.
    Page(Page),
    /// The slots of the next height below.
    Table(Arc<Table>),
}

#[derive(Clone)]
pub(super) struct Table {
    slots: [Slot; FANOUT],
    /// Who means the bits of `own`.
    owner: u64,
    /// In a leaf: a bit for each slot whose page the owner owns. Else zero.
    own: u64,
}

/// What [`Tree::find`] finds.
pub(super) enum Found<'a> {
    Empty,
    Zero,
    Page(&'a Page),
}

/// The place of one page, ready to be changed: no clone sees it.
pub(super) struct Place<'a> {
    pub slot: &'a mut Slot,
    own: &'a mut u64,
    bit: u64,
    owned: &'a mut u64,
}

impl Place<'_> {
    /// Whether the page there is the content's own.
    pub fn is_own(&self) -> bool {
        *self.own & self.bit != 0
    }

    /// Makes the page there the content's own.
    pub fn claim(&mut self) {
        if !self.is_own() {
            *self.own |= self.bit;
            *self.owned += 1;
        }
    }
}

/// Asks for the heap that new tables on one path need, once and only if any is new.
struct Admission {
    bytes: usize,
    given: bool,
}

impl Admission {
    fn of_tables(count: u32) -> Self {
        Self { bytes: count as usize * size_of::<Table>(), given: false }
    }

    fn ask(&mut self) -> Result<(), OutOfMemory> {
        if !self.given {
            page::admit(self.bytes)?;
            self.given = true;
        }
        Ok(())
    }
}

/// What a range of the tree holds.
#[derive(Default)]
pub(super) struct Tally {
    /// Pages that show, of the tree or of the base.
    pub pages: u64,
    /// Own pages.
    pub owned: u64,
}

pub(super) struct Tree {
    root: Slot,
    /// Bit 0: whether a page that is the root itself is owned.
    root_own: u64,
    height: u32,
    /// Unique among all trees that were ever made.
    owner: u64,
    owned: u64,
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Slot::Empty, root_own: 0, height: 0, owner: fresh_owner(), owned: 0 }
    }
}

impl Clone for Tree {
    /// Shares everything and owns nothing.
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), height: self.height, ..Self::default() }
    }
}

fn fresh_owner() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// How many pages `height` tables span.
const fn span(height: u32) -> u64 {
    1 << (BITS * height)
}

/// The number of pages that `range` and the `len` pages from `start` on have in common.
fn overlap(start: u64, len: u64, range: &Range<u64>) -> u64 {
    (start + len).min(range.end).saturating_sub(start.max(range.start))
}

impl Tree {
    pub const fn owned(&self) -> u64 {
        self.owned
    }

    /// Forgets everything, keeping its owner number.
    pub fn clear_all(&mut self) {
        self.root = Slot::Empty;
        self.root_own = 0;
        self.height = 0;
        self.owned = 0;
    }

    /// What stands at page `index`, and the page number up to which the same holds.
    pub fn find(&self, index: u64) -> (Found<'_>, u64) {
        let mut shift = BITS * self.height;
        if index >> shift != 0 {
            return (Found::Empty, u64::MAX);
        }
        let mut slot = &self.root;
        loop {
            let found = match slot {
                Slot::Empty => Found::Empty,
                Slot::Zero => Found::Zero,
                Slot::Page(page) => Found::Page(page),
                Slot::Table(table) => {
                    shift -= BITS;
                    slot = &table.slots[(index >> shift) as usize % FANOUT];
                    continue;
                }
            };
            return (found, ((index >> shift) + 1) << shift);
        }
    }

    /// The place of page `index`, with the tables above it made or taken for its own.
    pub fn place(&mut self, index: u64) -> Result<Place<'_>, OutOfMemory> {
        self.grow(index)?;
        let mut admission = Admission::of_tables(self.height);
        let mut shift = BITS * self.height;
        let mut slot = &mut self.root;
        let mut own = &mut self.root_own;
        let mut bit = 1;
        while shift > 0 {
            shift -= BITS;
            let table = table_mut(slot, self.owner, &mut admission)?;
            let number = (index >> shift) as usize % FANOUT;
            slot = &mut table.slots[number];
            own = &mut table.own;
            bit = 1 << number;
        }
        Ok(Place { slot, own, bit, owned: &mut self.owned })
    }

    /// Makes the tree span page `index`.
    fn grow(&mut self, index: u64) -> Result<(), OutOfMemory> {
        while index >= span(self.height) {
            if !matches!(self.root, Slot::Empty) {
                let mut table = new_table(&Slot::Empty, self.owner, &mut Admission::of_tables(1))?;
                // Nobody else has the table yet.
                if let Some(table) = Arc::get_mut(&mut table) {
                    table.slots[0] = core::mem::take(&mut self.root);
                    table.own = self.root_own;
                }
                self.root = Slot::Table(table);
                self.root_own = 0;
            }
            self.height += 1;
        }
        Ok(())
    }

    /// What stands in `range`, over a base of `base` pages.
    pub fn tally(&self, range: Range<u64>, base: u64) -> Tally {
        let mut tally = Tally::default();
        let within = overlap(0, span(self.height), &range);
        if within > 0 {
            self.tally_slot(&self.root, self.height, 0, &range, base, &mut tally);
            if self.height == 0 {
                tally.owned += self.root_own;
            }
        }
        tally.pages += base.min(range.end).saturating_sub(range.start.max(span(self.height)));
        tally
    }

    /// Adds what stands in `slot`, which spans pages from `start` on, as far as it is in `range`.
    fn tally_slot(&self, slot: &Slot, height: u32, start: u64, range: &Range<u64>, base: u64, tally: &mut Tally) {
        match slot {
            Slot::Empty => {
                let shown = range.start..range.end.min(base);
                tally.pages += overlap(start, span(height), &shown);
            }
            Slot::Zero => {}
            Slot::Page(_) => tally.pages += 1,
            Slot::Table(table) => {
                let step = span(height - 1);
                let own = if table.owner == self.owner { table.own } else { 0 };
                for (number, child) in table.slots.iter().enumerate() {
                    let first = start + number as u64 * step;
                    if overlap(first, step, range) > 0 {
                        self.tally_slot(child, height - 1, first, range, base, tally);
                        tally.owned += own >> number & 1;
                    }
                }
            }
        }
    }

    /// Takes all pages of `range` away, so that they are holes over a base of `base` pages.
    ///
    /// On failure a part may have been done, but nothing if the range is open to the right of the tree and the base.
    pub fn clear(&mut self, range: Range<u64>, base: u64) -> Result<(), OutOfMemory> {
        let hidden = range.end.min(base);
        if range.start < hidden {
            self.grow(hidden - 1)?;
        }
        if overlap(0, span(self.height), &range) > 0 {
            let given = if self.height == 0 { core::mem::take(&mut self.root_own) } else { 0 };
            // A range has two edges, and each cuts through one table of every height.
            let admission = Admission::of_tables(2 * self.height);
            let mut clearing = Clearing { range, base, owner: self.owner, given, admission };
            let result = clearing.slot(&mut self.root, self.height, 0);
            self.owned -= clearing.given;
            result?;
        }
        Ok(())
    }

    /// Takes tables off the top as long as what is left, `pages` pages, fits below.
    pub fn shrink(&mut self, pages: u64) {
        while self.height > 0 && pages <= span(self.height - 1) {
            match &self.root {
                // A leaf's own bit would have to move as well, and a table over a single page does no harm.
                Slot::Table(_) if self.height == 1 => return,
                Slot::Table(table) => self.root = table.slots[0].clone(),
                Slot::Empty | Slot::Zero | Slot::Page(_) => {}
            }
            self.height -= 1;
        }
    }
}

/// A [`Tree::clear`] under way.
struct Clearing {
    range: Range<u64>,
    base: u64,
    owner: u64,
    /// Own pages that went.
    given: u64,
    admission: Admission,
}

impl Clearing {
    /// Makes what `slot`, which spans pages from `start` on, has in the range holes.
    fn slot(&mut self, slot: &mut Slot, height: u32, start: u64) -> Result<(), OutOfMemory> {
        if overlap(start, span(height), &self.range) == span(height) {
            self.given += owned_below(slot, self.owner);
            *slot = if start < self.base { Slot::Zero } else { Slot::Empty };
            return Ok(());
        }
        let hidden = overlap(start, span(height), &(self.range.start..self.range.end.min(self.base)));
        if matches!(slot, Slot::Zero) || matches!(slot, Slot::Empty) && hidden == 0 {
            return Ok(());
        }
        let step = span(height - 1);
        let table = table_mut(slot, self.owner, &mut self.admission)?;
        let first = (self.range.start.saturating_sub(start) / step) as usize;
        let last = ((self.range.end - start - 1) / step).min(FANOUT as u64 - 1) as usize;
        let child = |number: usize| start + number as u64 * step;
        let covered = |range: &Range<u64>, number: usize| overlap(child(number), step, range) == step;
        // The children at the edges come first: only they can fail.
        for number in first..=last {
            if !covered(&self.range, number) {
                self.slot(&mut table.slots[number], height - 1, child(number))?;
            }
        }
        for number in first..=last {
            if covered(&self.range, number) {
                self.given += table.own >> number & 1;
                table.own &= !(1 << number);
                self.slot(&mut table.slots[number], height - 1, child(number))?;
            }
        }
        Ok(())
    }
}

/// How many pages in the tables below `slot` are `owner`'s. A page's own bit is in the table above it.
fn owned_below(slot: &Slot, owner: u64) -> u64 {
    let Slot::Table(table) = slot else { return 0 };
    let own = if table.owner == owner { u64::from(table.own.count_ones()) } else { 0 };
    own + table.slots.iter().map(|child| owned_below(child, owner)).sum::<u64>()
}

/// The table in `slot`, made if there is none, copied if it is shared, and `owner`'s.
fn table_mut<'a>(slot: &'a mut Slot, owner: u64, admission: &mut Admission) -> Result<&'a mut Table, OutOfMemory> {
    match slot {
        Slot::Table(table) if Arc::strong_count(table) > 1 => admission.ask()?,
        Slot::Table(_) => {}
        Slot::Empty | Slot::Zero | Slot::Page(_) => *slot = Slot::Table(new_table(slot, owner, admission)?),
    }
    let Slot::Table(table) = slot else { return Err(OutOfMemory) };
    let table = Arc::make_mut(table);
    if table.owner != owner {
        table.owner = owner;
        table.own = 0;
    }
    Ok(table)
}

/// A table that says what `slot` said: nothing everywhere, or holes everywhere.
fn new_table(slot: &Slot, owner: u64, admission: &mut Admission) -> Result<Arc<Table>, OutOfMemory> {
    admission.ask()?;
    let slots = match slot {
        Slot::Zero => [const { Slot::Zero }; FANOUT],
        _ => [const { Slot::Empty }; FANOUT],
    };
    Ok(Arc::new(Table { slots, owner, own: 0 }))
}
