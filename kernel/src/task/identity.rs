//! Who a process is: its users, groups and capabilities, and how they change (`credentials(7)`, `capabilities(7)`).
//!
//! Who it is for files is part of its [`Context`](vfs::context::Context), and follows what is here: the effective user
//! and group unless it asks for others, and the effective capabilities.

use bitflags::bitflags;
use vfs::context::{Capabilities, Credentials};
use vfs::error::{FileSystemErrorKind, Result, fail};

/// The users or the groups of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ids {
    /// Whose process it is.
    pub real: u32,
    /// In whose name it acts.
    pub effective: u32,
    /// In whose name it may act again.
    pub saved: u32,
}

impl Ids {
    /// All three the same.
    pub const fn all(id: u32) -> Self {
        Self { real: id, effective: id, saved: id }
    }

    /// Whether it is one of the three.
    pub fn contains(&self, id: u32) -> bool {
        [self.real, self.effective, self.saved].contains(&id)
    }

    /// As `setuid(2)` changes them; with `privileged` all of them.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn set(self, id: u32, privileged: bool) -> Result<Self> {
        if privileged {
            Ok(Self::all(id))
        } else if id == self.real || id == self.saved {
            Ok(Self { effective: id, ..self })
        } else {
            fail(FileSystemErrorKind::NotPermitted)
        }
    }

    /// As `setreuid(2)` changes them; `None` stays.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn set_two(self, real: Option<u32>, effective: Option<u32>, privileged: bool) -> Result<Self> {
        let may_real = real.is_none_or(|id| privileged || id == self.real || id == self.effective);
        let may_effective = effective.is_none_or(|id| privileged || self.contains(id));
        if !may_real || !may_effective {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        let new = Self { real: real.unwrap_or(self.real), effective: effective.unwrap_or(self.effective), ..self };
        let saves = real.is_some() || effective.is_some_and(|id| id != self.real);
        Ok(if saves { Self { saved: new.effective, ..new } } else { new })
    }

    /// As `setresuid(2)` changes them; `None` stays.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn set_three(self, wanted: [Option<u32>; 3], privileged: bool) -> Result<Self> {
        if !privileged && wanted.into_iter().flatten().any(|id| !self.contains(id)) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        let [real, effective, saved] = wanted;
        Ok(Self {
            real: real.unwrap_or(self.real),
            effective: effective.unwrap_or(self.effective),
            saved: saved.unwrap_or(self.saved),
        })
    }
}

/// What is about files among the capabilities: it goes with the user for files.
const FOR_FILES: Capabilities = Capabilities::CHOWN
    .union(Capabilities::DAC_OVERRIDE)
    .union(Capabilities::DAC_READ_SEARCH)
    .union(Capabilities::FOWNER)
    .union(Capabilities::FSETID)
    .union(Capabilities::MKNOD);

/// Who a process is, beyond who it is for files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Its users.
    pub users: Ids,
    /// Its groups, the supplementary ones apart.
    pub groups: Ids,
    /// What it may make effective.
    pub permitted: Capabilities,
    /// What another program may keep.
    pub inheritable: Capabilities,
    /// What another program can get at most.
    pub bounding: Capabilities,
    /// What another program gets, whoever it acts for, if its file gives it nothing.
    pub ambient: Capabilities,
    /// Which of the superuser's rules do not hold.
    pub exceptions: Exceptions,
    /// Whether another program gets no more rights than it has (`PR_SET_NO_NEW_PRIVS`).
    pub gains_nothing: bool,
}

bitflags! {
    /// The superuser's rules that do not hold (`PR_SET_SECUREBITS`), with Linux's values; the bit above each says that it
    /// cannot be changed any more.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Exceptions: u32 {
        /// The superuser's programs get nothing for that (`SECBIT_NOROOT`).
        const ROOT = 1 << 0;
        /// Who becomes somebody else keeps everything (`SECBIT_NO_SETUID_FIXUP`).
        const CHANGE = 1 << 2;
        /// Who becomes somebody else keeps what is permitted, until it runs another program (`SECBIT_KEEP_CAPS`).
        const KEEP = 1 << 4;
        /// Nothing more becomes ambient (`SECBIT_NO_CAP_AMBIENT_RAISE`).
        const AMBIENT = 1 << 6;
        /// The bits above.
        const _ = 0xff;
    }
}

impl Exceptions {
    /// The bits that say that others cannot be changed.
    const LOCKS: u32 = 0xaa;

    /// Whether those cannot be changed.
    pub fn are_locked(self, which: Self) -> bool {
        self.bits() & Self::LOCKS & which.bits() << 1 != 0
    }

    /// Whether they can become those.
    fn may_become(self, new: Self) -> bool {
        let locks = self.bits() & Self::LOCKS;
        locks >> 1 & (self.bits() ^ new.bits()) == 0 && locks & !new.bits() == 0
    }
}

impl Identity {
    /// That of a process which is in all things who it is for files.
    pub fn of(credentials: &Credentials) -> Self {
        Self {
            users: Ids::all(credentials.uid),
            groups: Ids::all(credentials.gid),
            permitted: credentials.capabilities,
            inheritable: Capabilities::empty(),
            bounding: Capabilities::all(),
            ambient: Capabilities::empty(),
            exceptions: Exceptions::empty(),
            gains_nothing: false,
        }
    }

    /// Who it is for `access(2)`: the real user and group.
    pub fn real_credentials(&self, credentials: &Credentials) -> Credentials {
        let capabilities = if self.users.real == 0 { self.permitted } else { Capabilities::empty() };
        Credentials { uid: self.users.real, gid: self.groups.real, groups: credentials.groups.clone(), capabilities }
    }

    /// Changes the users; who it is for files follows, and so do the capabilities.
    pub fn set_users(&mut self, credentials: &mut Credentials, users: Ids) {
        let old = core::mem::replace(&mut self.users, users);
        credentials.uid = users.effective;
        if self.exceptions.contains(Exceptions::CHANGE) {
            return;
        }
        if old.contains(0) && !users.contains(0) {
            if !self.exceptions.contains(Exceptions::KEEP) {
                self.permitted = Capabilities::empty();
                credentials.capabilities = Capabilities::empty();
            }
            self.ambient = Capabilities::empty();
        }
        if old.effective == 0 && users.effective != 0 {
            credentials.capabilities = Capabilities::empty();
        } else if old.effective != 0 && users.effective == 0 {
            credentials.capabilities = self.permitted;
        }
    }

    /// Changes the groups; who it is for files follows.
    pub fn set_groups(&mut self, credentials: &mut Credentials, groups: Ids) {
        self.groups = groups;
        credentials.gid = groups.effective;
    }

    /// Changes the user for files only, if it may be that one (`setfsuid(2)`).
    pub fn set_file_user(&self, credentials: &mut Credentials, user: u32) {
        let old = credentials.uid;
        if user == old || !self.users.contains(user) && !credentials.capable(Capabilities::SETUID) {
            return;
        }
        credentials.uid = user;
        if self.exceptions.contains(Exceptions::CHANGE) {
            return;
        }
        if old == 0 {
            credentials.capabilities -= FOR_FILES;
        } else if user == 0 {
            credentials.capabilities |= FOR_FILES & self.permitted;
        }
    }

    /// Changes the group for files only, if it may be that one (`setfsgid(2)`).
    pub fn set_file_group(&self, credentials: &mut Credentials, group: u32) {
        if self.groups.contains(group) || credentials.capable(Capabilities::SETGID) {
            credentials.gid = group;
        }
    }

    /// Changes the capabilities (`capset(2)`).
    ///
    /// # Errors
    /// `EPERM` for what it may not have.
    pub fn set_capabilities(
        &mut self,
        credentials: &mut Credentials,
        [effective, permitted, inheritable]: [Capabilities; 3],
    ) -> Result<()> {
        let mut may_inherit = self.inheritable | self.bounding;
        if !credentials.capable(Capabilities::SETPCAP) {
            may_inherit &= self.inheritable | self.permitted;
        }
        if !may_inherit.contains(inheritable) || !self.permitted.contains(permitted) || !permitted.contains(effective) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        (self.permitted, self.inheritable, credentials.capabilities) = (permitted, inheritable, effective);
        self.ambient &= permitted & inheritable;
        Ok(())
    }

    /// Changes which of the superuser's rules do not hold (`PR_SET_SECUREBITS`).
    ///
    /// # Errors
    /// `EPERM` for what cannot be changed, what is not known, or who may not.
    pub fn set_exceptions(&mut self, credentials: &Credentials, bits: u32) -> Result<()> {
        let new = Exceptions::from_bits(bits).filter(|&new| self.exceptions.may_become(new));
        self.exceptions = new.ok_or(FileSystemErrorKind::NotPermitted)?;
        credentials.require(Capabilities::SETPCAP)
    }

    /// Makes a capability ambient (`PR_CAP_AMBIENT_RAISE`).
    ///
    /// # Errors
    /// `EPERM` for one that is not both permitted and inheritable, or where nothing may become ambient.
    pub fn raise_ambient(&mut self, capability: Capabilities) -> Result<()> {
        let may = self.permitted & self.inheritable;
        if !may.contains(capability) || self.exceptions.contains(Exceptions::AMBIENT) {
            return fail(FileSystemErrorKind::NotPermitted);
        }
        self.ambient |= capability;
        Ok(())
    }

    /// Goes on as a program whose set-id bits give it that user and that group. `is_shared`: others could change under it
    /// where it stands. Whether it acts for somebody else than whose process it is, so that it should trust nothing
    /// (`AT_SECURE`).
    pub fn begin_program(
        &mut self,
        credentials: &mut Credentials,
        user: Option<u32>,
        group: Option<u32>,
        is_shared: bool,
    ) -> bool {
        let old_permitted = self.permitted;
        let (mut user, mut group) = (user.unwrap_or(self.users.effective), group.unwrap_or(self.groups.effective));
        // The superuser's programs get everything, whoever started them; others have nothing beyond their user.
        let all = self.bounding | self.inheritable;
        let is_of_root = !self.exceptions.contains(Exceptions::ROOT) && (user == 0 || self.users.real == 0);
        let mut permitted = if is_of_root { all } else { Capabilities::empty() };
        let becomes_other = user != self.users.real || group != self.groups.real;
        let is_effective = is_of_root && user == 0;
        if (becomes_other || !old_permitted.contains(permitted)) && (is_shared || self.gains_nothing) {
            if self.gains_nothing || !credentials.capable(Capabilities::SETUID) {
                (user, group) = (self.users.real, self.groups.real);
            }
            permitted &= old_permitted;
        }
        self.users = Ids { effective: user, saved: user, ..self.users };
        self.groups = Ids { effective: group, saved: group, ..self.groups };
        (credentials.uid, credentials.gid) = (user, group);
        if becomes_other {
            self.ambient = Capabilities::empty();
        }
        self.permitted = permitted | self.ambient;
        credentials.capabilities = if is_effective { self.permitted } else { self.ambient };
        self.exceptions -= Exceptions::KEEP;
        becomes_other
    }
}
