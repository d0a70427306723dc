//! The extended attributes of a node.

use super::limits::Limits;
use crate::error::{FileSystemErrorKind, Result, fail};
use crate::node::SetXattr;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What an attribute costs beyond its name and value.
const OVERHEAD: usize = 64;

/// Attributes by name.
#[derive(Default)]
pub struct Xattrs(BTreeMap<Box<[u8]>, Box<[u8]>>);

impl Xattrs {
    /// The value of one.
    ///
    /// # Errors
    /// `ENODATA`, `ENOMEM`.
    pub fn get(&self, name: &[u8]) -> Result<Vec<u8>> {
        let value = self.0.get(name);
        let value = value.ok_or(FileSystemErrorKind::NoData)?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(value.len()).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
        copy.extend_from_slice(value);
        Ok(copy)
    }

    /// Sets one, on the account of `limits`.
    ///
    /// # Errors
    /// `EEXIST`, `ENODATA` as `how` asks; `ENOSPC`, `ENOMEM`.
    pub fn set(&mut self, limits: &Limits, name: &[u8], value: &[u8], how: SetXattr) -> Result<()> {
        let present = self.0.get(name).map(|value| value.len());
        match (how, present) {
            (SetXattr::Create, Some(_)) => return fail(FileSystemErrorKind::AlreadyExists),
            (SetXattr::Replace, None) => return fail(FileSystemErrorKind::NoData),
            _ => {}
        }
        page::admit(cost(name, value.len()))?;
        limits.bytes().take(cost(name, value.len()) as u64)?;
        if let Some(length) = present {
            limits.bytes().give(cost(name, length) as u64);
        }
        self.0.insert(name.into(), value.into());
        Ok(())
    }

    /// Removes one.
    ///
    /// # Errors
    /// `ENODATA`.
    pub fn remove(&mut self, limits: &Limits, name: &[u8]) -> Result<()> {
        let value = self.0.remove(name).ok_or(FileSystemErrorKind::NoData)?;
        limits.bytes().give(cost(name, value.len()) as u64);
        Ok(())
    }

    /// The names of all, in order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.keys().map(|name| &**name)
    }

    /// Removes all, and gives back what they cost.
    pub fn clear(&mut self, limits: &Limits) {
        for (name, value) in core::mem::take(&mut self.0) {
            limits.bytes().give(cost(&name, value.len()) as u64);
        }
    }
}

fn cost(name: &[u8], value: usize) -> usize {
    OVERHEAD + name.len() + value
}
