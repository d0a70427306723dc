//! `ns`: namespaces, each with mounts of its own.

use super::{Command, Group};
use crate::call::{Call, Done, Failed};
use crate::namespaces::Namespace;
use crate::pipe::empty_namespace;
use crate::quoting::{Plain, Quoted};
use alloc::vec::Vec;
use vfs::manager::Follow;

pub static COMMAND: Command = Command {
    name: "ns",
    usage: "ns                                which one this is
  ns list
  ns create [-e] NAME               with the same mounts; -e: an empty tmpfs
  ns enter NAME
  ns bind [-r] NAME:PATH TARGET     shows that namespace's PATH here;
                                    -r: with what is mounted below
  ns delete NAME",
    summary: "Makes, enters and joins namespaces of mounts.",
    group: Group::Mounts,
    run,
};

fn run(call: &mut Call<'_, '_>) -> Done {
    let options = call.options("er", &[])?;
    let words: Vec<&[u8]> = options.operands.iter().map(|operand| &operand[..]).collect();
    match words[..] {
        [] => {
            let name = call.shell.namespaces.current_name().to_vec();
            call.print_line(&name);
            Ok(())
        }
        [b"list"] => {
            let current = call.shell.namespaces.current_name().to_vec();
            let all = call.shell.namespaces.all().iter();
            let rows: Vec<(Vec<u8>, usize)> = all
                .map(|namespace| (namespace.name.clone(), namespace.manager.mounts(&namespace.manager.root_context()).len()))
                .collect();
            for (name, mounts) in rows {
                let mark = if name == current { '*' } else { ' ' };
                let word = if mounts == 1 { "mount" } else { "mounts" };
                call.format(format_args!("{mark} {}  {mounts} {word}\n", Plain(&name)));
            }
            Ok(())
        }
        [b"create", name] => create(call, name, options.has('e')),
        [b"enter", name] => enter(call, name),
        [b"bind", source, target] => bind(call, source, target, options.has('r')),
        [b"delete", name] => {
            if call.shell.namespaces.remove(name) {
                return Ok(());
            }
            let known = call.shell.namespaces.find(name).is_some();
            let reason = if known { "is the one you are in" } else { "is unknown" };
            Err(call.fail(format_args!("namespace {} {reason}", Quoted(name))))
        }
        _ => Err(call.misuse(format_args!("bad usage"))),
    }
}

fn create(call: &mut Call<'_, '_>, name: &[u8], empty: bool) -> Done {
    if name.is_empty() || name.contains(&b':') {
        return Err(call.fail(format_args!("a name is not empty and has no colon: {}", Quoted(name))));
    }
    if call.shell.namespaces.find(name).is_some() {
        return Err(call.fail(format_args!("namespace {} exists", Quoted(name))));
    }
    let (manager, context) = if empty {
        let made = empty_namespace(&call.manager());
        let manager = made.map_err(|error| call.fail(format_args!("cannot make a tmpfs: {error}")))?;
        let context = manager.root_context();
        (manager, context)
    } else {
        let made = call.manager().duplicate(&call.context());
        made.map_err(|error| call.fail(format_args!("cannot copy the mounts: {error}")))?
    };
    call.shell.namespaces.add(Namespace { name: name.to_vec(), manager, context });
    Ok(())
}

fn enter(call: &mut Call<'_, '_>, name: &[u8]) -> Done {
    let context = call.context();
    match call.shell.namespaces.enter(name, &context) {
        Some(context) => {
            call.shell.context = context;
            call.shell.machine.entered(call.shell.namespaces.current());
            Ok(())
        }
        None => Err(unknown(call, name)),
    }
}

fn bind(call: &mut Call<'_, '_>, source: &[u8], target: &[u8], recursive: bool) -> Done {
    let Some(colon) = source.iter().position(|&byte| byte == b':') else {
        return Err(call.misuse(format_args!("{}: not of the form NAME:PATH", Plain(source))));
    };
    let (name, path) = (&source[..colon], &source[colon + 1..]);
    let Some(other) = call.shell.namespaces.find(name).map(|namespace| namespace.manager.clone()) else {
        return Err(unknown(call, name));
    };
    let place = match other.resolve(&other.root_context(), path, Follow::Yes) {
        Ok(place) => place,
        Err(error) => return Err(call.fail(format_args!("{}: {error}", Plain(source)))),
    };
    let result = call.manager().bind(&call.context(), &place, target, recursive);
    result.map_err(|error| call.fail(format_args!("{}: {error}", Plain(target))))
}

fn unknown(call: &mut Call<'_, '_>, name: &[u8]) -> Failed {
    call.fail(format_args!("namespace {} is unknown", Quoted(name)))
}
