//! Users, groups and capabilities of a process.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vfs::context::{Capabilities, Credentials};
use vfs::error::{FileSystemErrorKind, Result, fail};

use super::call::Call;
use super::identity::change_place;
use crate::mm::user_memory::UserAddress;
use crate::task::identity::{Identity, Ids};
use crate::task::number;

/// Not a user and not a group; where several are given, it stands for "as it is".
const NONE: u32 = u32::MAX;

/// An argument that is a user or a group.
fn id(call: &Call<'_>, index: usize) -> Result<u32> {
    match call.word(index) {
        NONE => fail(FileSystemErrorKind::InvalidArgument),
        id => Ok(id),
    }
}

/// An argument that may be one.
fn id_or_same(call: &Call<'_>, index: usize) -> Option<u32> {
    Some(call.word(index)).filter(|id| *id != NONE)
}

pub fn getuid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(call.process.place()?.identity.users.real))
}

pub fn geteuid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(call.process.place()?.identity.users.effective))
}

pub fn getgid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(call.process.place()?.identity.groups.real))
}

pub fn getegid(call: &mut Call<'_>) -> Result<u64> {
    Ok(u64::from(call.process.place()?.identity.groups.effective))
}

fn show_three(call: &Call<'_>, ids: Ids) -> Result<u64> {
    for (index, id) in [ids.real, ids.effective, ids.saved].into_iter().enumerate() {
        call.address(index).write_u32(id)?;
    }
    Ok(0)
}

pub fn getresuid(call: &mut Call<'_>) -> Result<u64> {
    show_three(call, call.process.place()?.identity.users)
}

pub fn getresgid(call: &mut Call<'_>) -> Result<u64> {
    show_three(call, call.process.place()?.identity.groups)
}

/// Changes who the process is.
fn change(call: &Call<'_>, change: impl FnOnce(&mut Identity, &mut Credentials) -> Result<()>) -> Result<u64> {
    change_place(call, |place| change(&mut place.identity, &mut place.context.credentials))
}

/// Changes the users as `to` says of those before and of the right to be anybody.
fn change_users(call: &Call<'_>, to: impl FnOnce(Ids, bool) -> Result<Ids>) -> Result<u64> {
    change(call, |identity, credentials| {
        let users = to(identity.users, credentials.capable(Capabilities::SETUID))?;
        identity.set_users(credentials, users);
        Ok(())
    })
}

/// As [`change_users`], the groups.
fn change_groups(call: &Call<'_>, to: impl FnOnce(Ids, bool) -> Result<Ids>) -> Result<u64> {
    change(call, |identity, credentials| {
        let groups = to(identity.groups, credentials.capable(Capabilities::SETGID))?;
        identity.set_groups(credentials, groups);
        Ok(())
    })
}

pub fn setuid(call: &mut Call<'_>) -> Result<u64> {
    let user = id(call, 0)?;
    change_users(call, |users, privileged| users.set(user, privileged))
}

pub fn setgid(call: &mut Call<'_>) -> Result<u64> {
    let group = id(call, 0)?;
    change_groups(call, |groups, privileged| groups.set(group, privileged))
}

pub fn setreuid(call: &mut Call<'_>) -> Result<u64> {
    let [real, effective] = [0, 1].map(|index| id_or_same(call, index));
    change_users(call, |users, privileged| users.set_two(real, effective, privileged))
}

pub fn setregid(call: &mut Call<'_>) -> Result<u64> {
    let [real, effective] = [0, 1].map(|index| id_or_same(call, index));
    change_groups(call, |groups, privileged| groups.set_two(real, effective, privileged))
}

pub fn setresuid(call: &mut Call<'_>) -> Result<u64> {
    let wanted = [0, 1, 2].map(|index| id_or_same(call, index));
    change_users(call, |users, privileged| users.set_three(wanted, privileged))
}

pub fn setresgid(call: &mut Call<'_>) -> Result<u64> {
    let wanted = [0, 1, 2].map(|index| id_or_same(call, index));
    change_groups(call, |groups, privileged| groups.set_three(wanted, privileged))
}

/// Answers with the user before, whether it changed or not.
pub fn setfsuid(call: &mut Call<'_>) -> Result<u64> {
    let before = call.credentials()?.uid;
    if let Some(user) = id_or_same(call, 0) {
        change(call, |identity, credentials| {
            identity.set_file_user(credentials, user);
            Ok(())
        })?;
    }
    Ok(u64::from(before))
}

/// As [`setfsuid`].
pub fn setfsgid(call: &mut Call<'_>) -> Result<u64> {
    let before = call.credentials()?.gid;
    if let Some(group) = id_or_same(call, 0) {
        change(call, |identity, credentials| {
            identity.set_file_group(credentials, group);
            Ok(())
        })?;
    }
    Ok(u64::from(before))
}

/// The most groups of a process (`NGROUPS_MAX`).
const GROUPS_MAX: u32 = 65_536;

pub fn getgroups(call: &mut Call<'_>) -> Result<u64> {
    let place = call.process.place()?;
    let groups = &place.context.credentials.groups;
    let room = call.word(0) as i32;
    if room < 0 || room != 0 && groups.len() > room as usize {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    if room != 0 {
        for (index, group) in groups.iter().enumerate() {
            call.address(1).plus(4 * index as u64).write_u32(*group)?;
        }
    }
    Ok(groups.len() as u64)
}

/// They are kept, and shown, in the order of their numbers.
pub fn setgroups(call: &mut Call<'_>) -> Result<u64> {
    call.credentials()?.require(Capabilities::SETGID)?;
    let count = call.word(0);
    if count > GROUPS_MAX {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    page::admit(8 * count as usize)?;
    let mut groups = Vec::new();
    for index in 0..u64::from(count) {
        groups.push(call.address(1).plus(4 * index).read_u32()?);
    }
    if groups.contains(&NONE) {
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    groups.sort_unstable();
    change(call, |_, credentials| {
        credentials.groups = Arc::from(groups);
        Ok(())
    })
}

/// The versions of `capget(2)`'s header; the first has sets of 32 bits, the others of 64 in two halves.
const VERSIONS: [u32; 3] = [0x1998_0330, 0x2007_1026, 0x2008_0522];

/// How many halves the header's version has, and its process.
fn capability_header(address: UserAddress) -> Result<(usize, i32)> {
    let mut header = [0; 8];
    address.read(&mut header[..4])?;
    let [version, _] = words(header);
    if !VERSIONS.contains(&version) {
        address.write_u32(VERSIONS[2])?;
        return fail(FileSystemErrorKind::InvalidArgument);
    }
    address.read(&mut header)?;
    let [_, pid] = words(header);
    Ok((if version == VERSIONS[0] { 1 } else { 2 }, pid as i32))
}

fn words(bytes: [u8; 8]) -> [u32; 2] {
    let word = u64::from_le_bytes(bytes);
    [word as u32, (word >> 32) as u32]
}

pub fn capget(call: &mut Call<'_>) -> Result<u64> {
    let data = call.given(1);
    let (halves, pid) = match capability_header(call.address(0)) {
        // Who gives no place for an answer only asks for the version.
        Err(error) if data.is_none() && error.kind() == FileSystemErrorKind::InvalidArgument => return Ok(0),
        found => found?,
    };
    let Some(data) = data else { return Ok(0) };
    let place = match pid {
        ..0 => return fail(FileSystemErrorKind::InvalidArgument),
        0 => call.process.place()?,
        pid => number::process(pid as u32).ok_or(FileSystemErrorKind::NoProcess)?.place()?,
    };
    let identity = &place.identity;
    let sets = [place.context.credentials.capabilities, identity.permitted, identity.inheritable].map(|set| set.bits());
    for half in 0..halves {
        for (index, set) in sets.into_iter().enumerate() {
            let word = (set >> (32 * half)) as u32;
            data.plus(12 * half as u64 + 4 * index as u64).write_u32(word)?;
        }
    }
    Ok(0)
}

pub fn capset(call: &mut Call<'_>) -> Result<u64> {
    let data = call.address(1);
    let (halves, pid) = capability_header(call.address(0))?;
    if pid != 0 && pid as u32 != call.process.pid() {
        return fail(FileSystemErrorKind::NotPermitted);
    }
    let mut sets = [0u64; 3];
    for half in 0..halves {
        for (index, set) in sets.iter_mut().enumerate() {
            let word = data.plus(12 * half as u64 + 4 * index as u64).read_u32()?;
            *set |= u64::from(word) << (32 * half);
        }
    }
    // What no capability has its bit is not asked for.
    let sets = sets.map(Capabilities::from_bits_truncate);
    change(call, |identity, credentials| identity.set_capabilities(credentials, sets))
}
