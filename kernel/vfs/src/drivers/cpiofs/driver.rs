//! `mount -t cpiofs FILE DIRECTORY`: an archive from a file that is in the tree already.

use super::CpioFs;
use crate::content::Bytes;
use crate::driver::{FileSystemDriver, MountRequest};
use crate::driver_initcall;
use crate::error::{FileSystemErrorKind, Result};
use crate::file::{FileObject, OpenFlags};
use crate::file_system::FileSystemOperations;
use crate::metadata::FileType;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Makes a [`CpioFs`] of the file that the source names. There are no options.
struct CpioFsDriver;

driver_initcall!(CpioFsDriver);

impl FileSystemDriver for CpioFsDriver {
    fn name(&self) -> &'static str {
        super::TYPE_NAME
    }

    fn mount(&self, request: &mut MountRequest<'_>) -> Result<Arc<dyn FileSystemOperations>> {
        let source = request.source;
        if let Some(option) = request.options.split(|byte| *byte == b',').find(|option| !option.is_empty()) {
            let unknown = FileSystemErrorKind::InvalidArgument;
            return request.refuse(unknown, format_args!("unknown option '{}'", option.escape_ascii()));
        }
        let opened = request.manager.open(request.context, source, OpenFlags::READ, 0);
        match opened.and_then(|file| read_all(&file)) {
            Ok(bytes) => match CpioFs::from_archive(Bytes::from_vec(bytes)) {
                Ok(file_system) => Ok(file_system),
                Err(error) => {
                    request.explain(format_args!("{}: {error}", source.escape_ascii()));
                    Err(error.into())
                }
            },
            Err(error) => {
                request.explain(format_args!("{}: {error}", source.escape_ascii()));
                Err(error)
            }
        }
    }
}

/// All that a regular file holds.
fn read_all(file: &FileObject) -> Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if metadata.kind != FileType::Regular {
        return Err(match metadata.kind {
            FileType::Directory => FileSystemErrorKind::IsADirectory.into(),
            _ => FileSystemErrorKind::InvalidArgument.into(),
        });
    }
    let size = usize::try_from(metadata.size).map_err(|_| FileSystemErrorKind::FileTooLarge)?;
    page::admit(size)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| FileSystemErrorKind::OutOfMemory)?;
    bytes.resize(size, 0);
    let mut filled = 0;
    while filled < size {
        match file.read_at(filled as u64, &mut &mut bytes[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
