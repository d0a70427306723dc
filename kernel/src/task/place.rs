//! Where processes stand: their namespace, their directories, and who they are there.
//!
//! Processes may stand at one place (`CLONE_FS`): where one of them goes the others are, each as who it is itself.

use alloc::sync::Arc;
use alloc::vec::Vec;

use spin::Mutex;
use vfs::context::{Capabilities, Context};
use vfs::error::{FileSystemErrorKind, Result};
use vfs::manager::VfsManager;
use vfs::sync;

use super::identity::Identity;
use super::number;
use super::process::Process;

/// Where a process stands.
#[derive(Clone)]
pub struct Place {
    /// Its namespace.
    pub manager: Arc<VfsManager>,
    /// Who it is for files, and its directories.
    pub context: Context,
    /// Who it is besides.
    pub identity: Identity,
}

impl Place {
    /// In a namespace, as who the context says in all things.
    pub fn new(manager: Arc<VfsManager>, context: Context) -> Self {
        let identity = Identity::of(&context.credentials);
        Self { manager, context, identity }
    }

    /// The same place in a namespace of its own (`CLONE_NEWNS`).
    ///
    /// # Errors
    /// `EPERM` without `CAP_SYS_ADMIN`; `ENOMEM`.
    pub fn in_own_namespace(&self) -> Result<Self> {
        self.context.credentials.require(Capabilities::SYS_ADMIN)?;
        let (manager, context) = self.manager.duplicate(&self.context)?;
        Ok(Self { manager, context, identity: self.identity })
    }

    /// The same process where another stands.
    fn beside(&self, other: &Self) -> Self {
        let Context { root, cwd, umask, .. } = other.context.clone();
        Self { context: Context { root, cwd, umask, ..self.context.clone() }, ..self.clone() }
    }
}

/// Those who stand at one place; each of them has it.
#[derive(Clone)]
pub struct Company(Arc<()>);

/// A process's place.
pub struct Standing {
    /// `None` once it has ended. Replaced as a whole.
    place: sync::Mutex<Option<Arc<Place>>>,
    /// `None` for one that always stood alone.
    company: Mutex<Option<Company>>,
}

impl Standing {
    pub(super) fn new(place: Place, company: Option<Company>) -> Self {
        Self { place: sync::Mutex::new(Some(Arc::new(place))), company: Mutex::new(company) }
    }

    /// Lets go of the place, for the process ends.
    pub(super) fn let_go(&self) {
        self.leave();
        let place = self.place.lock().take();
        drop(place);
    }

    fn replace(&self, place: Arc<Place>) {
        let old = self.place.lock().replace(place);
        drop(old);
    }

    /// Stands alone from now on.
    fn leave(&self) {
        let company = self.company.lock().take();
        drop(company);
    }

    fn is_in(&self, company: &Company) -> bool {
        self.company.lock().as_ref().is_some_and(|own| Arc::ptr_eq(&own.0, &company.0))
    }
}

impl Process {
    /// Where it stands.
    ///
    /// # Errors
    /// `ENOENT` for one that has ended.
    pub fn place(&self) -> Result<Arc<Place>> {
        self.standing.place.lock().clone().ok_or(FileSystemErrorKind::NotFound.into())
    }

    /// Lets it stand elsewhere, and those who stand there with it.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn set_place(&self, place: Place) -> Result<()> {
        let company = self.company();
        let others: Vec<Arc<Self>> = number::processes()
            .filter(|other| company.as_ref().is_some_and(|company| other.standing.is_in(company)))
            .filter(|other| !core::ptr::eq(&**other, self))
            .collect();
        page::admit((1 + others.len()) * size_of::<Place>())?;
        for other in others {
            if let Ok(theirs) = other.place() {
                other.standing.replace(Arc::new(theirs.beside(&place)));
            }
        }
        self.standing.replace(Arc::new(place));
        Ok(())
    }

    /// Goes on as another program, as who that makes it; where it stands it stays.
    pub(super) fn become_other(&self, place: Arc<Place>) {
        self.standing.replace(place);
    }

    /// Those who stand where it stands, if there are others.
    fn company(&self) -> Option<Company> {
        self.standing.company.lock().clone().filter(|company| Arc::strong_count(&company.0) > 2)
    }

    /// Whether others stand where it stands.
    pub fn has_company(&self) -> bool {
        self.company().is_some()
    }

    /// Those who stand where it stands, for one more.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn join_company(&self) -> Result<Company> {
        page::admit(size_of::<Company>())?;
        Ok(self.standing.company.lock().get_or_insert_with(|| Company(Arc::default())).clone())
    }

    /// Stands alone from now on, where it stands.
    pub fn leave_company(&self) {
        self.standing.leave();
    }
}
