//! `mount -t overlay`: from an option string to an overlay.

use super::OverlayFS;
use super::layer::Layer;
use super::mount_checks::{Refusal, check_paths};
use super::options::{self, Request};
use crate::driver::{FileSystemDriver, MountRequest};
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

/// The driver of the type `overlay`.
pub struct OverlayDriver;

crate::driver_initcall!(OverlayDriver);

impl FileSystemDriver for OverlayDriver {
    fn name(&self) -> &'static str {
        "overlay"
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
    let directories = |names: &[Box<[u8]>]| -> core::result::Result<Vec<_>, Refusal> {
        names.iter().map(|name| Ok((name.clone(), directory(request, name)?))).collect()
    };
    let lower_places = directories(&lowers)?;
    let data_places = directories(&data)?;
    let upper_path = upper.as_deref().map(|path| directory(request, path)).transpose()?;
    let work_path = options.work.as_deref().map(|path| directory(request, path)).transpose()?;
    check_paths(lower_places.iter().chain(&data_places), upper_path.as_ref(), work_path.as_ref())?;

    let layer = |name: &[u8], path: &Path| -> core::result::Result<Layer, Refusal> {
        Ok(Layer::new(name, request.manager.private_tree(path)?))
    };
    let layers = |places: &[(Box<[u8]>, Path)]| -> core::result::Result<Vec<_>, Refusal> {
        places.iter().map(|(name, path)| layer(name, path)).collect()
    };
    let (lowers, data) = (layers(&lower_places)?, layers(&data_places)?);
    let upper = match (&upper, &upper_path) {
        (Some(name), Some(path)) => Some(layer(name, path)?),
        _ => None,
    };
    let work = match (&options.work, &work_path) {
        (Some(name), Some(path)) => Some(layer(name, path)?),
        _ => None,
    };
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
