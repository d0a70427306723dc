//! `mount -t overlay`: from an option string to an overlay.
//!
//! Paths are resolved from the caller's root and directory, once, with his rights; from then on the layers are private
//! clones, changed with the rights of the overlay itself. Whatever refuses the mount is told in words.

use super::OverlayFS;
use super::layer::Layer;
use super::mount_checks::{Place, Refusal, check_places};
use super::options::{self, Request};
use crate::driver::{FileSystemDriver, MountRequest, OptionKind};
use crate::error::{FileSystemErrorKind, Result};
use crate::file_system::FileSystemOperations;
use crate::metadata::FileType;
use crate::mount::Path;
use crate::walk::Follow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;

/// The driver of the type `overlay`.
pub struct OverlayDriver;

crate::driver_initcall!(OverlayDriver);

impl FileSystemDriver for OverlayDriver {
    fn name(&self) -> &'static str {
        "overlay"
    }

    fn option_kind(&self, name: &[u8], value: Option<&[u8]>) -> OptionKind {
        options::kind(name, value)
    }

    fn mount(&self, request: &mut MountRequest<'_>) -> Result<Arc<dyn FileSystemOperations>> {
        match mount(request) {
            Ok(overlay) => Ok(overlay),
            Err(refusal) => {
                request.explain(format_args!("overlay: {}", refusal.message));
                Err(refusal.error)
            }
        }
    }
}

fn mount(request: &MountRequest<'_>) -> core::result::Result<Arc<OverlayFS>, Refusal> {
    let Request { lowers, data, upper, options } = options::parse(request.options)?;
    // Two of one text may be two directories, given by their numbers: they are found in the order they were given.
    let given = RefCell::new(request.directories.iter().collect::<Vec<_>>());
    let find = |option: &[u8], text: &[u8]| {
        let mut given = given.borrow_mut();
        let found = given.iter().position(|one| *one.option == *option && *one.text == *text)?;
        Some(given.remove(found).place.clone())
    };
    let place = |option: &[u8], name: Box<[u8]>| -> core::result::Result<Place, Refusal> {
        let path = find(option, &name).map_or_else(|| directory(request, &name), Ok)?;
        Ok(Place { path, name })
    };
    let places = |option: &[u8], names: Vec<_>| {
        names.into_iter().map(|name| place(option, name)).collect::<core::result::Result<Vec<_>, _>>()
    };
    let (lowers, data) = (places(b"lowerdir+", lowers)?, places(b"datadir+", data)?);
    let upper = upper.map(|name| place(b"upperdir", name)).transpose()?;
    let work = options.work.clone().map(|name| place(b"workdir", name)).transpose()?;
    check_places(lowers.iter().chain(&data), upper.as_ref(), work.as_ref())?;

    let layer = |place: &Place| -> core::result::Result<Layer, Refusal> {
        Ok(Layer::new(&place.name, request.manager.private_tree(&place.path)?))
    };
    let layers = |places: &[Place]| places.iter().map(layer).collect::<core::result::Result<Vec<_>, _>>();
    let (lowers, data) = (layers(&lowers)?, layers(&data)?);
    let (upper, work) = (upper.as_ref().map(layer).transpose()?, work.as_ref().map(layer).transpose()?);
    OverlayFS::build(upper, lowers, data, work, options)
}

/// The directory at a path of the options.
pub(super) fn directory(request: &MountRequest<'_>, path: &[u8]) -> core::result::Result<Path, Refusal> {
    let shown = || String::from_utf8_lossy(path);
    let found = request
        .manager
        .resolve(request.context, path, Follow::Yes)
        .map_err(|error| Refusal { error, message: format!("{}: {error}", shown()) })?;
    if found.node()?.kind() != FileType::Directory {
        return Err(Refusal::new(FileSystemErrorKind::NotADirectory, format!("{}: not a directory", shown())));
    }
    Ok(found)
}
