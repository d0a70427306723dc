# Debian's mount, umount, findmnt and their kin, in an empty tmpfs.

cd /tmp || exit 1
export LC_ALL=C
mkdir -p a b c d lower upper work merged /run/mount

# What follows a number of the machine's own is left out: where a tmpfs was given no limits it has the machine's.
shown() { findmnt --submounts --noheadings --raw --output TARGET,SOURCE,FSTYPE,VFS-OPTIONS,FS-OPTIONS,PROPAGATION /tmp |
    grep '^/tmp/' | sed -E 's/,?(size|nr_inodes|uuid|index|mode)=[^, ]*//g; s/,inode64//g'; }
try() { "$@" 2>&1; echo "  $*: $?"; }

echo '# file systems'
try mount -t tmpfs -o size=1m,nr_inodes=20,mode=750,noatime,nosuid one a
try findmnt --noheadings --raw --output TARGET,SOURCE,FSTYPE,OPTIONS a
try findmnt --noheadings --output VFS-OPTIONS,FS-OPTIONS --target /tmp/a/none
try mount -t tmpfs -o ro,X-mount.mkdir=0700 two new
try stat -c '%a %n' new
try touch new/file
try mount -o remount,rw new
try touch new/file
try mount -t unknown none b
try mount -t tmpfs -o colour=blue none b
try mount -t tmpfs none missing
try mount -t tmpfs none /etc/passwd
try mount b
try mountpoint a
try mountpoint b
try mountpoint -q /
try umount new
try umount new
try umount b
shown

echo '# binds'
try mount --bind a b
try mount -o bind,ro a c
try touch c/file
try touch b/file
try mount -o remount,bind,nodev,noexec,rw c
shown
mkdir a/deep; try mount -t tmpfs -o size=4k three a/deep
try mount --rbind a d
try mount --move a/deep lower
shown
try umount --recursive d
try umount b c
try umount --lazy lower
shown

echo '# propagation'
try mount --make-shared a
try mount --bind a b
try mount --make-slave b
try mount --bind b c
try mount --make-shared b
try mount --make-unbindable c
try mount --bind c d
try mount -t tmpfs --make-private four a/deep
shown
try findmnt --noheadings --raw --output PROPAGATION,TARGET --submounts /tmp/a
try umount a/deep
try mount --make-rprivate a
try umount a b c

echo '# overlays'
echo low > lower/file; mkdir lower/directory
try mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work over merged
echo high > merged/file
try cat lower/file upper/file
try findmnt --noheadings --raw --output SOURCE,FSTYPE --mountpoint merged
findmnt --noheadings --raw --output OPTIONS merged | tr , '\n' | grep dir=
try mount -t overlay -o lowerdir=missing:lower none d
try mount -t overlay -o remount,ro over merged
try touch merged/other
try umount merged

echo '# files as places'
touch file place
try mount --bind file place
echo text > place
try cat file
try findmnt --noheadings --raw --output FSTYPE,FSROOT place
try umount place

echo '# fstab'
cat > fstab <<'end'
five /tmp/a tmpfs size=64k,noexec 0 0
six /tmp/b tmpfs noauto,size=8k 0 0
/tmp/a /tmp/c none bind 0 0
end
try mount --all --fstab fstab
shown
try mount --fstab fstab /tmp/b
try mount --fstab fstab six
try findmnt --tab-file fstab --noheadings --raw
try findmnt --json --output TARGET,SOURCE,FSTYPE /tmp/a
try findmnt --noheadings --list --output TARGET --types tmpfs --source five
try umount /tmp/c /tmp/b /tmp/b /tmp/a
shown

echo '# namespaces'
try unshare --mount --propagation private bash -c 'mount -t tmpfs seven /tmp/a; touch /tmp/a/inside; ls /tmp/a'
try ls a
mount --make-shared -t tmpfs shared a
mkdir a/below
try unshare --mount --propagation slave bash -c 'mount -t tmpfs eight /tmp/a/below; findmnt -n -o SOURCE,PROPAGATION /tmp/a/below'
try findmnt /tmp/a/below
try unshare --mount --propagation unchanged bash -c 'mount -t tmpfs nine /tmp/a/below'
try findmnt --noheadings --output SOURCE /tmp/a/below
unshare --mount --propagation private bash -c 'mount -t tmpfs ten /tmp/b; touch /tmp/b/there; echo ready; read -r _' > out < <(sleep 2) &
until [ -s out ]; do sleep 0.1; done
nsenter --mount --root --target "$!" ls /tmp/b
wait
try umount a/below a

echo '# busy'
mount -t tmpfs busy a
exec 7> a/open
try umount a
try mount -o remount,ro a
exec 7>&-
try mount -o remount,ro a
cd a || exit 1
try umount /tmp/a
cd ..
try umount a
mount | grep -c ' on /tmp/'
echo 'the end'
