//! Runs a case on both sides and says where they part.

use super::answer::{Answer, Errno, Side, Tree, Value};
use super::case::{Case, Kind, Layout};
use super::compare::{self, Identities};
use super::deliberate::{ANSWERS, Difference, Situation, looks_into_layer};
use super::exchange;
use super::linux::Linux;
use super::operation::{Operation, Place, SLOTS, Slot, When};
use super::strata::Strata;
use super::streams::Stream;
use vfs::error::FileSystemErrorKind;
use vfs::file::SeekFrom;

/// Where the sides part.
pub struct Failure {
    /// After how many steps, setup first.
    pub steps: usize,
    /// When, and what differs.
    pub what: String,
}

/// Both sides of a case.
struct Pair<'a> {
    case: &'a Case,
    ours: Strata,
    theirs: Linux,
    identities: Identities,
    streams: [Stream; SLOTS as usize],
}

/// Runs a case; returns how many operations were compared.
///
/// # Errors
/// The first difference.
pub fn run(case: &Case) -> Result<usize, Failure> {
    let at = |steps: usize| move |what: String| Failure { steps, what };
    let (setup, all) = (case.setup.len(), case.setup.len() + case.steps.len());
    let mut pair = Pair::with_layers(case)?;
    if !pair.mount("the first mount").map_err(at(setup))? {
        return Ok(setup);
    }
    pair.compare_trees("after the first mount").map_err(at(setup))?;
    for (index, step) in case.steps.iter().enumerate() {
        let goes_on = pair.step(step).map_err(|what| format!("{step}\n{what}")).map_err(at(setup + index + 1))?;
        if !goes_on {
            return Ok(setup + index + 1);
        }
    }
    let merged = pair.compare_trees("at the end").map_err(at(all))?;
    let exchangeable = case.layout.has_upper() && exchange::is_exchangeable(case);
    if exchangeable {
        pair.compare_uppers().map_err(at(all))?;
    }
    pair.remount().map_err(at(all))?;
    pair.compare_trees("after a remount").map_err(at(all))?;
    if exchangeable {
        pair.exchange(&merged).map_err(at(all))?;
    }
    Ok(all)
}

/// The entries of the table of deliberate differences that the last step of a case meets.
///
/// # Errors
/// A difference before that step.
pub fn differences_at_the_end(case: &Case) -> Result<Vec<&'static Difference>, Failure> {
    let mut pair = Pair::with_layers(case)?;
    let at = |what: String| Failure { steps: case.setup.len(), what };
    pair.mount("the first mount").map_err(at)?;
    let Some((last, before)) = case.steps.split_last() else { return Ok(Vec::new()) };
    for step in before {
        pair.step(step).map_err(at)?;
    }
    let (ours, theirs) = (pair.ours.apply(last), pair.theirs.apply(last));
    let situation = Situation { layout: &case.layout, step: last, ours: &ours, theirs: &theirs };
    Ok(ANSWERS.iter().filter(|difference| (difference.covers)(&situation)).collect())
}

/// What is done on both sides after a step that Linux refused with the file copied up, so that it is copied up on ours
/// too: for one name of several, parted from the others by that, it is seen.
fn copies_up_in_vain(layout: &Layout, step: &super::operation::Step, answer: &Answer) -> Option<Operation> {
    let refused = [FileSystemErrorKind::NoData, FileSystemErrorKind::AlreadyExists];
    if layout.index || !layout.has_upper() || !refused.iter().any(|kind| *answer == Err((*kind).into())) {
        return None;
    }
    let (accessed, modified) = (When::Now, When::Keep);
    match &step.operation {
        Operation::SetXattr { place, follow, .. } => {
            Some(Operation::Times { place: place.clone(), accessed, modified, follow: *follow })
        }
        Operation::SetXattrOpen { slot, .. } => Some(Operation::TimesOpen { slot: *slot, accessed, modified }),
        _ => None,
    }
}

fn says(what: &'static str) -> impl Fn(Errno) -> String {
    move |errno| format!("{what}: {errno:?}")
}

impl<'a> Pair<'a> {
    /// Both sides with the layers of a case, not mounted yet.
    fn with_layers(case: &'a Case) -> Result<Self, Failure> {
        let at = |steps: usize| move |what: String| Failure { steps, what };
        let mut pair = Pair {
            case,
            ours: Strata::new(&case.layout).map_err(says("making our root")).map_err(at(0))?,
            theirs: Linux::new(&case.layout).map_err(says("making Linux's root")).map_err(at(0))?,
            identities: Identities::default(),
            streams: Default::default(),
        };
        for (index, step) in case.setup.iter().enumerate() {
            let (ours, theirs) = (pair.ours.apply(step), pair.theirs.apply(step));
            // The layers themselves are plain, whatever is made of them.
            let plain = Layout { kind: Kind::Plain, ..case.layout.clone() };
            compare::answers(&plain, &mut Identities::default(), step, &ours, &theirs)
                .map_err(|what| format!("in the layers: {step}\n{what}"))
                .map_err(at(index + 1))?;
        }
        Ok(pair)
    }

    /// Mounts on both sides; `false` where both refuse.
    fn mount(&mut self, when: &str) -> Result<bool, String> {
        match (self.ours.mount(), self.theirs.mount()) {
            (Ok(()), Ok(())) => {
                let look = Operation::Lstat { place: Place::absolute("/mnt") }.into();
                if let (Ok(Value::Stat(ours)), Ok(Value::Stat(theirs))) =
                    (self.ours.apply(&look), self.theirs.apply(&look))
                {
                    self.identities.mounted(&ours, &theirs);
                }
                Ok(true)
            }
            (Err(ours), Err(theirs)) if ours == theirs => Ok(false),
            (ours, theirs) => {
                let message = self.ours.message.as_deref().unwrap_or_default();
                Err(format!("{when}\nStrata: {ours:?} {message}\nLinux:  {theirs:?}"))
            }
        }
    }

    fn remount(&mut self) -> Result<(), String> {
        self.streams = Default::default();
        let (ours, theirs) = (self.ours.unmount(), self.theirs.unmount());
        if (ours, theirs) != (Ok(()), Ok(())) {
            return Err(format!("unmounting\nStrata: {ours:?}\nLinux:  {theirs:?}"));
        }
        self.mount("mounting again").map(drop)
    }

    /// One step on both sides; returns whether the case may go on.
    fn step(&mut self, step: &super::operation::Step) -> Result<bool, String> {
        if looks_into_layer(step) && !exchange::is_exchangeable(self.case) {
            return Ok(true);
        }
        if self.case.layout.kind != Kind::Plain
            && let Some(slot) = step.operation.changes_metadata_of().or(step.operation.shows_metadata_of())
            && self.ours.is_removed_directory(slot)
        {
            return Ok(true);
        }
        let (ours, theirs) = match &step.operation {
            Operation::Remount => return self.remount().map(|()| true),
            Operation::ListOpen { slot, count } => self.list_open(*slot, *count, step)?,
            _ => (self.ours.apply(step), self.theirs.apply(step)),
        };
        match &step.operation {
            Operation::Open { slot, .. } if theirs == Ok(Value::Nothing) => self.stream(*slot).rewind(),
            Operation::Close { slot } | Operation::Seek { slot, to: SeekFrom::Start(0) } => self.stream(*slot).rewind(),
            _ => {}
        }
        let goes_on = compare::answers(&self.case.layout, &mut self.identities, step, &ours, &theirs)?;
        if ours.is_ok() != theirs.is_ok()
            && let Some(slot) = step.operation.changes_metadata_of()
        {
            // A difference that is meant to be; what can be seen through the descriptor differs from now on.
            let close = Operation::Close { slot }.into();
            let _ = (self.ours.apply(&close), self.theirs.apply(&close));
            self.stream(slot).rewind();
        }
        if let Some(touch) = copies_up_in_vain(&self.case.layout, step, &ours) {
            let touch = touch.into();
            let _ = (self.ours.apply(&touch), self.theirs.apply(&touch));
        }
        for slot in 0..SLOTS {
            if self.stream(slot).is_active()
                && let Some(names) = self.theirs.names_in(slot)
            {
                self.stream(slot).observe(names);
            }
        }
        Ok(goes_on)
    }

    fn stream(&mut self, slot: Slot) -> &mut Stream {
        &mut self.streams[usize::from(slot)]
    }

    /// Goes on with a listing; ours must keep its promises.
    fn list_open(
        &mut self,
        slot: Slot,
        count: usize,
        step: &super::operation::Step,
    ) -> Result<(Answer, Answer), String> {
        if let Some(names) = self.theirs.names_in(slot) {
            self.stream(slot).observe(names);
        }
        let ours = match self.ours.list_open(slot, count) {
            Ok((names, ended)) => {
                self.stream(slot).take(names, ended)?;
                Ok(Value::Nothing)
            }
            Err(errno) => Err(errno),
        };
        Ok((ours, self.theirs.apply(step)))
    }

    fn compare_trees(&mut self, when: &str) -> Result<Tree, String> {
        let ours = self.ours.tree("/mnt").map_err(|errno| format!("{when}, reading our tree: {errno:?}"))?;
        let theirs = self.theirs.tree("/mnt").map_err(|errno| format!("{when}, reading Linux's tree: {errno:?}"))?;
        compare::trees(&self.case.layout, &mut self.identities, &ours, &theirs)
            .map_err(|what| format!("the tree {when}: {what}"))?;
        Ok(ours)
    }

    fn compare_uppers(&mut self) -> Result<(), String> {
        let ours = self.ours.tree("/u").map_err(says("reading our upper layer"))?;
        let theirs = self.theirs.tree("/u").map_err(says("reading Linux's upper layer"))?;
        compare::uppers(&self.case.layout, &ours, &theirs).map_err(|what| format!("the upper layer: {what}"))
    }

    /// Mounts each side's upper layer on the other.
    fn exchange(self, merged: &Tree) -> Result<(), String> {
        let Self { case, mut ours, mut theirs, .. } = self;
        let our_upper = ours.tree("/u").map_err(says("reading our upper layer"))?;
        let their_upper = theirs.tree("/u").map_err(says("reading Linux's upper layer"))?;
        drop(theirs);

        let mut linux = Linux::new(&case.layout).map_err(says("making Linux's root"))?;
        exchange::build(&mut linux, case, &our_upper)?;
        linux.mount().map_err(says("mounting our upper layer on Linux"))?;
        let tree = linux.tree("/mnt").map_err(says("reading the tree of our upper layer on Linux"))?;
        exchange::same(&case.layout, merged, &tree).map_err(|what| format!("our upper layer on Linux: {what}"))?;
        drop(linux);

        let mut strata = Strata::new(&case.layout).map_err(says("making our root"))?;
        exchange::build(&mut strata, case, &their_upper)?;
        strata.mount().map_err(says("mounting Linux's upper layer"))?;
        let tree = strata.tree("/mnt").map_err(says("reading the tree of Linux's upper layer"))?;
        exchange::same(&case.layout, merged, &tree).map_err(|what| format!("Linux's upper layer on ours: {what}"))
    }
}
