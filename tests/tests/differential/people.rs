//! Who does a step: users with groups, and with capabilities that the superuser alone has otherwise.

use super::operation::USER;
use vfs::context::{Capabilities, Credentials};

/// Somebody.
pub struct Person {
    pub uid: u32,
    pub gid: u32,
    pub groups: &'static [u32],
    pub capabilities: Capabilities,
    pub umask: u32,
}

/// A number among [`PEOPLE`].
pub type Who = usize;

/// The superuser.
pub const ROOT: Who = 0;
/// Somebody without capabilities, who owns nothing that the superuser made.
pub const PLAIN: Who = 1;

/// Everybody there is.
pub const PEOPLE: [Person; 14] = [
    Person { uid: 0, gid: 0, groups: &[], capabilities: Capabilities::all(), umask: 0o022 },
    person(USER, USER, &[], Capabilities::empty()),
    person(1, 1, &[], Capabilities::empty()),
    person(1, 2, &[3], Capabilities::empty()),
    person(2, 2, &[1], Capabilities::empty()),
    person(3, 1, &[2, 3], Capabilities::empty()),
    person(0, 0, &[], Capabilities::empty()),
    person(2, 2, &[], Capabilities::DAC_OVERRIDE),
    person(2, 2, &[], Capabilities::DAC_READ_SEARCH),
    person(2, 2, &[], Capabilities::FOWNER),
    person(2, 2, &[], Capabilities::CHOWN),
    person(2, 2, &[], Capabilities::FSETID),
    person(2, 2, &[], Capabilities::MKNOD),
    person(3, 3, &[], Capabilities::SYS_ADMIN),
];

const fn person(uid: u32, gid: u32, groups: &'static [u32], capabilities: Capabilities) -> Person {
    // Some keep to themselves what they make, some share it.
    let umask = [0o022, 0o000, 0o077][(uid as usize + groups.len()) % 3];
    Person { uid, gid, groups, capabilities, umask }
}

impl Person {
    /// Who that is to Strata.
    pub fn credentials(&self) -> Credentials {
        let Self { uid, gid, groups, capabilities, .. } = *self;
        Credentials { uid, gid, groups: groups.into(), capabilities }
    }
}
