import ctypes, os, stat as st, subprocess, sys
from os import *
from stat import S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK
LIBC = ctypes.CDLL(None, use_errno=True)
CWD, KEEP, NOW, FOLLOW, NOFOLLOW, CREATE, REPLACE = -100, (1 << 30) - 2, (1 << 30) - 1, True, False, 1, 2
FILES = {}


def call(name, *arguments):
    wrap = lambda a: a.encode() if isinstance(a, str) else ctypes.c_long(a) if isinstance(a, int) else a
    result = getattr(LIBC, name)(*map(wrap, arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def become(uid, gid, groups, capabilities, umask):
    """Acts as somebody with these capabilities; None: all."""
    capable(None)
    os.seteuid(0)
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    os.umask(umask)
    capable(capabilities)


def capable(capabilities):
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    LIBC.capget(header, sets)
    for half in 0, 1:
        permitted = sets[3 * half + 1]
        sets[3 * half] = permitted if capabilities is None else permitted & (capabilities >> 32 * half)
    LIBC.capset(header, sets)


def step(action):
    """Does what a step's name says, relative to an open directory and as another user if asked to, and prints it."""
    def wrapped(*arguments, who=None):
        words = []
        try:
            for argument in arguments:
                if isinstance(argument, tuple):
                    os.fchdir(FILES[argument[0]])
                    argument = argument[1]
                words.append(argument)
            if who:
                become(*who)
            answer = action(*words)
        except OSError as error:
            answer = os.strerror(error.errno)
        except KeyError:
            answer = "Bad file descriptor"
        finally:
            become(0, 0, [], None, 0o022)
            os.chdir("/")
        print(f"{action.__name__}{arguments} = {answer}", f"(who {who})" if who else "", flush=True)
    return wrapped


def at(slot, path):
    return (slot, path)


def start():
    LIBC.mount(b"none", b"/", None, 1 << 14 | 1 << 18, None)
    subprocess.check_call(["mount", "-t", "tmpfs", "tmpfs", "/tmp", "-o", "mode=755"])
    os.chroot("/tmp")
    os.chdir("/")
    os.umask(0o22)
    for directory in DIRECTORIES:
        os.mkdir(directory)
    if not MOUNTS:
        subprocess.check_call(["mount", "-t", "tmpfs", "tmpfs", "/mnt", "-o", "mode=755"])


def mount():
    for target, options in MOUNTS:
        call("mount", "overlay", target, "overlay", 0, options)


def remount():
    for number in FILES.values():
        os.close(number)
    FILES.clear()
    for target, _ in reversed(MOUNTS):
        call("umount", target)
    mount()


def show(root):
    for directory, names, files in os.walk(root):
        for path in [directory] + [directory + "/" + name for name in files] + \
                [directory + "/" + name for name in names if os.path.islink(directory + "/" + name)]:
            xattrs = {name: os.getxattr(path, name, follow_symlinks=False)
                      for name in os.listxattr(path, follow_symlinks=False)}
            print(path, describe(os.lstat(path)), xattrs or "")


def describe(s):
    return (f"{st.filemode(s.st_mode)} #{s.st_ino} {s.st_uid}:{s.st_gid} links={s.st_nlink} size={s.st_size} "
            f"blocks={s.st_blocks} mtime={int(s.st_mtime)}" + (f" device={os.major(s.st_rdev)}:{os.minor(s.st_rdev)}"
                                                              if s.st_rdev or st.S_ISCHR(s.st_mode) else ""))


def times(accessed, modified):
    pair = (ctypes.c_long * 4)()
    for index, when in enumerate((accessed, modified)):
        pair[2 * index:2 * index + 2] = [0, when] if when in (KEEP, NOW) else [when, 0]
    return pair


def open_file(slot, path, flags, mode):
    if slot in FILES:
        os.close(FILES.pop(slot))
    FILES[slot] = os.open(path, flags | os.O_CLOEXEC, mode)
    return "opened"


STEPS = dict(
    open_file=open_file,
    close=lambda slot: os.close(FILES.pop(slot)),
    read=lambda slot, count: os.read(FILES[slot], count),
    pread=lambda slot, count, offset: os.pread(FILES[slot], count, offset),
    write=lambda slot, data: os.write(FILES[slot], data),
    pwrite=lambda slot, data, offset: os.pwrite(FILES[slot], data, offset),
    lseek=lambda slot, offset, whence: os.lseek(FILES[slot], offset, whence),
    ftruncate=lambda slot, size: os.ftruncate(FILES[slot], size),
    fallocate=lambda slot, mode, offset, length: call("fallocate", FILES[slot], mode, offset, length),
    copy_file_range=lambda slot, offset, to, to_offset, length: os.copy_file_range(
        FILES[slot], FILES[to], length, offset, to_offset),
    fstat=lambda slot: describe(os.fstat(FILES[slot])),
    fchmod=lambda slot, mode: os.fchmod(FILES[slot], mode),
    fchown=lambda slot, uid, gid: os.fchown(FILES[slot], uid, gid),
    futimens=lambda slot, accessed, modified: call("futimens", FILES[slot], times(accessed, modified)),
    fsetxattr=lambda slot, name, value, how: os.setxattr(FILES[slot], name, value, how),
    fsync=lambda slot: os.fsync(FILES[slot]),
    getdents=lambda slot, count: sorted(os.listdir(FILES[slot])),
    flink=lambda slot, path: call("linkat", FILES[slot], "", CWD, path, 0x1000),
    stat=lambda path: describe(os.stat(path)),
    lstat=lambda path: describe(os.lstat(path)),
    access=lambda path, mode: call("faccessat", CWD, path, mode, 0x200),
    readlink=lambda path: os.readlink(path),
    ls=lambda path: sorted(os.listdir(path)),
    mkdir=lambda path, mode: os.mkdir(path, mode),
    rmdir=lambda path: os.rmdir(path),
    unlink=lambda path: os.unlink(path),
    rename=lambda old, new, flags: call("renameat2", CWD, old, CWD, new, flags),
    link=lambda old, new, follow: call("linkat", CWD, old, CWD, new, 0x400 if follow else 0),
    symlink=lambda target, path: os.symlink(target, path),
    mknod=lambda path, kind, mode, major, minor: os.mknod(path, kind | mode, os.makedev(major, minor)),
    chmod=lambda path, mode: os.chmod(path, mode),
    chown=lambda path, uid, gid, follow: os.chown(path, uid, gid, follow_symlinks=follow),
    utimens=lambda path, accessed, modified, follow: call(
        "utimensat", CWD, path, times(accessed, modified), 0 if follow else 0x100),
    truncate=lambda path, size: os.truncate(path, size),
    setxattr=lambda path, name, value, how, follow: os.setxattr(path, name, value, how, follow_symlinks=follow),
    getxattr=lambda path, name, follow: os.getxattr(path, name, follow_symlinks=follow),
    removexattr=lambda path, name, follow: os.removexattr(path, name, follow_symlinks=follow),
    listxattr=lambda path, follow: sorted(os.listxattr(path, follow_symlinks=follow)),
    statfs=lambda path: hex(int(subprocess.check_output(["stat", "-f", "-c", "0x%t", path]), 16)),
)
for NAME, ACTION in STEPS.items():
    ACTION.__name__ = NAME
    globals()[NAME] = step(ACTION)
