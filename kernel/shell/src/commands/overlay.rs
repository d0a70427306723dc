//! `overlay`: which layers there are, which of them a path comes from and why, and what the upper one changed.

use super::{Command, Group};
use crate::call::{Call, Done, Failed};
use crate::destination::base_name;
use crate::quoting::{Plain, Quoted};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vfs::drivers::overlayfs::OverlayFS;
use vfs::drivers::overlayfs::explain::{Decision, Difference, Explanation, LayerInfo};
use vfs::error::FileSystemError;
use vfs::file_system::FileSystemOperations;
use vfs::manager::Follow;
use vfs::mount::Path;

pub static COMMAND: Command = Command {
    name: "overlay",
    usage: "overlay layers MOUNT      the layers, topmost first
  overlay which PATH...     which of them shows it, and why
  overlay diff MOUNT        what the upper layer adds (A), changes (C),
                            deletes (D)
A layer more, while it is mounted, and off again with all that came after it:
  mkdir /new; mount -o remount,push=/new MOUNT
  mount -o remount,pop MOUNT",
    summary: "Explains an overlay: its layers, where paths come from, what changed.",
    group: Group::Mounts,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("", &[])?;
    let words: Vec<&[u8]> = options.operands.iter().map(|operand| &operand[..]).collect();
    match words[..] {
        [b"layers", mount] => {
            let (_, file_system) = overlay_at(call, mount)?;
            let overlay = downcast(call, mount, &file_system)?;
            for layer in overlay.layers() {
                call.format(format_args!("{}\n", describe(&layer)));
            }
            Ok(())
        }
        [b"which", ref paths @ ..] if !paths.is_empty() => {
            for path in paths {
                // What is wrong with one has been said; the others have their turn.
                let _ = which(call, path);
            }
            Ok(())
        }
        [b"diff", mount] => {
            let (_, file_system) = overlay_at(call, mount)?;
            let overlay = downcast(call, mount, &file_system)?;
            let result = overlay.diff(&mut |difference, path| {
                let letter: &[u8] = match difference {
                    Difference::Added => b"A ",
                    Difference::Changed => b"C ",
                    Difference::Deleted => b"D ",
                };
                call.print(letter);
                call.print_line(path);
            });
            result.map_err(|error| call.fail(format_args!("{}: {error}", Plain(mount))))
        }
        _ => Err(call.misuse(format_args!("bad usage"))),
    }
}

/// The place that a path names, and the file system it is on.
fn overlay_at(call: &mut Call<'_, '_>, path: &[u8]) -> Result<(Path, Arc<dyn FileSystemOperations>), Failed> {
    let place = call.manager().resolve(&call.context(), path, Follow::Yes);
    match place {
        Ok(place) => {
            let file_system = place.mount.superblock().operations().clone();
            Ok((place, file_system))
        }
        Err(error) => Err(complain(call, path, error)),
    }
}

fn downcast<'f>(
    call: &mut Call<'_, '_>,
    path: &[u8],
    file_system: &'f Arc<dyn FileSystemOperations>,
) -> Result<&'f OverlayFS, Failed> {
    file_system.as_any().downcast_ref().ok_or_else(|| {
        let type_name = file_system.type_name();
        call.fail(format_args!("{}: not on an overlay (its file system is {type_name})", Plain(path)))
    })
}

fn complain(call: &mut Call<'_, '_>, path: &[u8], error: FileSystemError) -> Failed {
    call.fail(format_args!("cannot access {}: {error}", Quoted(path)))
}

/// Explains one path; a name that shows nothing is explained as well.
fn which(call: &mut Call<'_, '_>, path: &[u8]) -> Done {
    let name = base_name(path);
    let is_name = !matches!(name, b"." | b".." | b"/");
    // The root of an overlay has no name in it: its layers are all there is to tell.
    if let Ok(place) = call.manager().resolve(&call.context(), path, Follow::No)
        && (place.is_mount_root() || !is_name)
    {
        let file_system = place.mount.superblock().operations().clone();
        let overlay = downcast(call, path, &file_system)?;
        let node = place.node().map_err(|error| complain(call, path, error))?;
        let layers = overlay.layers_of(node).map_err(|error| complain(call, path, error))?;
        call.format(format_args!("{}: {}\n", Plain(path), merged(&overlay.layers(), &layers)));
        return Ok(());
    }
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
    let directory = match &path[..end - name.len().min(end)] {
        [] => b".",
        directory => directory,
    };
    let (place, file_system) = overlay_at(call, directory)?;
    let overlay = downcast(call, path, &file_system)?;
    let node = place.node().map_err(|error| complain(call, path, error))?;
    let explanation = overlay.explain(node, name).map_err(|error| complain(call, path, error))?;
    let layers = overlay.layers();
    call.format(format_args!("{}: {}\n", Plain(path), tell(&layers, &explanation)));
    for (layer, target) in &explanation.redirects {
        let layer = short(&layers, *layer);
        call.format(format_args!("  {layer} redirects what is below it to {}\n", Plain(target)));
    }
    if explanation.layers.is_empty() {
        call.set_status(1);
    }
    Ok(())
}

/// One line for a layer: number, role, type, path.
fn describe(layer: &LayerInfo) -> String {
    let frozen = if layer.frozen { ", frozen" } else { "" };
    format!("{}  {}{frozen}  {}  {}", layer.number, role(layer), layer.type_name, Plain(&layer.name))
}

/// A layer within a sentence.
fn short(layers: &[LayerInfo], number: usize) -> String {
    match layers.iter().find(|layer| layer.number == number) {
        Some(layer) => format!("{} {number} ({})", role(layer), Plain(&layer.name)),
        None => format!("layer {number}"),
    }
}

fn role(layer: &LayerInfo) -> &'static str {
    match layer.number {
        0 => "upper",
        _ if layer.data => "data",
        _ => "lower",
    }
}

fn merged(layers: &[LayerInfo], numbers: &[usize]) -> String {
    let names: Vec<String> = numbers.iter().map(|&number| short(layers, number)).collect();
    match &names[..] {
        [only] => only.clone(),
        several => format!("merged of {}", several.join(", ")),
    }
}

/// What shows under a name, and what decided it.
fn tell(layers: &[LayerInfo], explanation: &Explanation) -> String {
    let Explanation { layers: shown, content, decision, .. } = explanation;
    let reason = match *decision {
        Decision::Bottom if shown.is_empty() => "no layer has it".into(),
        Decision::Bottom => "no layer below has it".into(),
        Decision::File(layer) if shown.contains(&layer) => "the topmost layer that has it".into(),
        Decision::File(layer) => format!("hidden below by {}, where it is no directory", short(layers, layer)),
        Decision::Whiteout(layer) => format!("whiteout in {}", short(layers, layer)),
        Decision::Opaque(layer) => format!("opaque in {}: what lower layers have there is hidden", short(layers, layer)),
    };
    match (&shown[..], content) {
        ([], _) => format!("nothing; {reason}"),
        ([first, ..], Some(content)) if first != content => {
            format!("{}, content from {}; {reason}", short(layers, *first), short(layers, *content))
        }
        (several, _) => format!("{}; {reason}", merged(layers, several)),
    }
}
