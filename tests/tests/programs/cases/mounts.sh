# Mounts, and what they pass on (mount_namespaces(7)). `links` shows what each mount below the current directory is to
# others; the numbers of groups are counted as they come.

## shared mounts and their peers
mount -t tmpfs none /tmp; cd /tmp; mkdir a b; mount -t tmpfs none a; mount --make-shared a; mount --bind a b; links; mkdir a/m b/n; mount -t tmpfs none a/m; mount -t tmpfs none b/n; links; touch a/m/file; ls b/m; umount b/m; umount a/n; links; mount --make-private b; mount -t tmpfs none a/m; links

## slaves
mount -t tmpfs none /tmp; cd /tmp; mkdir a s t; mount -t tmpfs none a; mount --make-shared a; mount --bind a s; mount --make-slave s; mkdir a/m s/n; mount -t tmpfs none a/m; mount -t tmpfs none s/n; links; mount --make-shared s; mount --bind s t; mount -t tmpfs none a/n; links; umount a/m; umount s/n; links; umount a/n; links; umount a; links; mount --make-slave s; links

## a slave alone in its group becomes one of the master's, and what loses its master has none
mount -t tmpfs none /tmp; cd /tmp; mkdir a b c; mount -t tmpfs none a; mount --make-shared a; mount --bind a b; mount --make-slave b; mount --make-shared b; mount --bind b c; mount --make-slave c; links; mount --make-slave b; links; umount b; links; mount --make-private a; links; mount --make-slave a; links

## bind of each kind to each
mount -t tmpfs none /tmp; cd /tmp; mkdir m; mount -t tmpfs none m; mount --make-shared m
of_kind() { mkdir $1; case $2 in private) mount -t tmpfs none $1;; shared) mount -t tmpfs none $1; mount --make-shared $1;; slave) mount --bind m $1; mount --make-slave $1;; both) mount --bind m $1; mount --make-slave $1; mount --make-shared $1;; unbindable) mount -t tmpfs none $1; mount --make-unbindable $1;; esac; }
for from in shared private slave both unbindable; do for to in shared private slave both unbindable; do echo "# $from to $to"; of_kind a $from; of_kind b $to; mkdir -p b/c; mount --bind a b/c 2> /dev/null || echo refused; links; umount -l a b; rmdir a b; done; done

## move of each kind to each
mount -t tmpfs none /tmp; cd /tmp; mkdir m; mount -t tmpfs none m; mount --make-shared m
of_kind() { mkdir $1; case $2 in private) mount -t tmpfs none $1;; shared) mount -t tmpfs none $1; mount --make-shared $1;; slave) mount --bind m $1; mount --make-slave $1;; both) mount --bind m $1; mount --make-slave $1; mount --make-shared $1;; unbindable) mount -t tmpfs none $1; mount --make-unbindable $1;; esac; }
for from in shared private slave both unbindable; do for to in shared private slave both unbindable; do echo "# $from to $to"; of_kind a $from; of_kind b $to; mkdir -p b/c; mount --move a b/c 2> /dev/null || { echo refused; umount a; }; links; umount -l b; rmdir a b; done; done

## a mount of a file system on each kind
mount -t tmpfs none /tmp; cd /tmp; mkdir m; mount -t tmpfs none m; mount --make-shared m; mkdir m/d
for kind in shared private slave unbindable; do mkdir a b; mount --bind m a; mount --make-$kind a; mount --bind a b; mkdir -p a/d; mount -t tmpfs none a/d; links; umount -l a/d; umount -l a b; rmdir a b; done

## recursive changes
mount -t tmpfs none /tmp; cd /tmp; mkdir a b; mount -t tmpfs none a; mkdir a/x; mount -t tmpfs none a/x; mkdir a/x/y; mount -t tmpfs none a/x/y; mount --make-rshared a; links; mount --rbind a b; links; mount --make-rslave b; links; mount --make-runbindable a/x; links; mount --make-rprivate a; links

## recursive binds leave out what is unbindable, and what is on it
mount -t tmpfs none /tmp; cd /tmp; mkdir a b; mount -t tmpfs none a; mkdir a/x a/z; mount -t tmpfs none a/x; mkdir a/x/y; mount -t tmpfs none a/x/y; mount -t tmpfs none a/z; mount --make-unbindable a/x; mount --rbind a b; links; mount --bind a/x b 2> /dev/null || echo refused; mount --bind a/x/y b && links

## whole trees come to all peers
mount -t tmpfs none /tmp; cd /tmp; mkdir a b c s; mount -t tmpfs none a; mount --make-shared a; mount --bind a b; mount --bind a s; mount --make-slave s; mkdir a/t; mount -t tmpfs none c; mkdir c/d; mount -t tmpfs none c/d; mount --rbind c a/t; links; umount b/t 2> /dev/null || echo busy; umount b/t/d; umount b/t; links; mount --move c b/t; links; mount --move b/t c 2> /dev/null || echo refused; umount -l b/t; links

## parts of a file system as peers
mount -t tmpfs none /tmp; cd /tmp; mkdir a b; mount -t tmpfs none a; mount --make-shared a; mkdir -p a/sub/m a/n; mount --bind a/sub b; mount -t tmpfs none a/n; mount -t tmpfs none a/sub/m; links; umount b/m; links

## what is passed on comes below what is there, and what covers a copy stays
mount -t tmpfs none /tmp; cd /tmp; mkdir a s; mount -t tmpfs none a; mkdir a/m; mount --make-shared a; mount --bind a s; mount --make-slave s; mount -t tmpfs none s/m; touch s/m/first; mount -t tmpfs none a/m; touch a/m/second; ls s/m; links; umount s/m; ls s/m; mount -t tmpfs none s/m; touch s/m/third; umount a/m; links; ls s/m; umount s/m; ls -A s/m; links

## a copy that something stands on stays
mount -t tmpfs none /tmp; cd /tmp; mkdir a s; mount -t tmpfs none a; mkdir a/m; mount --make-shared a; mount --bind a s; mount --make-slave s; mount -t tmpfs none a/m; mkdir s/m/n; mount -t tmpfs none s/m/n; links; umount a/m; links; umount s/m/n; umount s/m; links

## copies of copies, some of them covered
mount -t tmpfs none /tmp; cd /tmp; mkdir a b s; mount -t tmpfs none a; mkdir a/m; mount --make-shared a; mount --bind a b; mount --bind a s; mount --make-slave s; mount --make-shared s; mount -t tmpfs none a/m; mkdir a/m/n; mount -t tmpfs none a/m/n; mount -t tmpfs none s/m/n; mount -t tmpfs none s/m; links; umount -l a/m; links

## a copy in use
mount -t tmpfs none /tmp; cd /tmp; mkdir a b; mount -t tmpfs none a; mkdir a/m; mount --make-shared a; mount --bind a b; mount -t tmpfs none a/m; (cd b/m; umount /tmp/a/m 2> /dev/null || echo busy); umount a/m; links

## a mount bound onto itself
mount -t tmpfs none /tmp; cd /tmp; mkdir a; mount -t tmpfs none a; mount --make-shared a; mkdir a/d a/m; mount --bind a a/d; mount -t tmpfs none a/m; links; umount a/d/m; links; mount --bind a a/d; links; mount --bind a a; links

## namespaces
mount -t tmpfs none /tmp; cd /tmp; mkdir a p; mount -t tmpfs none a; mount -t tmpfs none p; mount --make-shared a; mkdir a/m a/n p/m
unshare -m --propagation unchanged sh -c 'mount -t tmpfs none a/m; mount -t tmpfs none p/m; links'; links
unshare -m --propagation slave sh -c 'umount a/m; mount -t tmpfs none a/n; links'; links
unshare -m sh -c 'umount a/m; links'; links
unshare -m --propagation shared sh -c 'links; mount --make-private a; mount -t tmpfs none a/n'; links

## a master that is not to be seen
mount -t tmpfs none /tmp; cd /tmp; mkdir jail b; mount -t tmpfs none jail; mkdir jail/a jail/c jail/bin jail/proc; mount --bind /bin jail/bin; mount -t proc none jail/proc; mount -t tmpfs none jail/a; mount --make-shared jail/a; mount --bind jail/a b; mount --make-slave b; mount --make-shared b; mount --bind b jail/c; mount --make-slave jail/c; links; chroot jail sh -c 'cd /; links'

## shared mounts and the root
mount -t tmpfs none /tmp; cd /tmp; mkdir new; mount -t tmpfs none new; mkdir -p new/old new/bin; cp /bin/busybox new/bin
unshare -m sh -c 'mount --make-shared new; cd new; pivot_root . old 2> /dev/null || echo refused'
unshare -m sh -c 'mount --make-shared /tmp; cd new; pivot_root . old 2> /dev/null || echo refused'
unshare -m sh -c 'mount --make-shared /; cd new; pivot_root . old 2> /dev/null || echo refused'

## what is no mount
mount -t tmpfs none /tmp; cd /tmp; mkdir a; for what in shared private slave unbindable rshared; do mount --make-$what a 2> /dev/null; echo $?; done; mount --make-shared nope 2> /dev/null; echo $?

## what a mount and its file system are asked for shows
mount -t tmpfs none /tmp; cd /tmp; mkdir m; options() { grep " $PWD/m " /proc/self/mountinfo | sed 's/.* - tmpfs/tmpfs/; s/,\(size\|nr_inodes\|mode\)=[^, ]*//g; s/,inode64//'; grep " $PWD/m " /proc/self/mountinfo | cut -d' ' -f6; grep " $PWD/m " /proc/mounts | sed 's/,\(size\|nr_inodes\|mode\)=[^, ]*//g; s/,inode64//'; }
for what in rw ro nosuid,nodev,noexec noatime nodiratime relatime strictatime noatime,relatime sync dirsync mand lazytime nosuid,noatime,nodiratime,sync,lazytime; do echo "# $what"; mount -t tmpfs -o $what none m; options; umount m; done

## a remount is of the file system, and with bind of one mount
mount -t tmpfs none /tmp; cd /tmp; mkdir a b; mount -t tmpfs none a; mount --bind a b; try() { for d in a b; do touch $d/x 2> /dev/null && echo $d yes || echo $d no; done; for d in a b; do grep " $PWD/$d " /proc/self/mountinfo | sed 's/,\(size\|nr_inodes\|mode\)=[^, ]*//g; s/,inode64//' | cut -d' ' -f6,8-; done; }
try; mount -o remount,bind,ro b; try; mount -o remount,bind,rw b; try; mount -o remount,ro b; try; mount -o remount,bind,rw b; try; mount -o remount,rw a; try; mount -o remount,nosuid,noatime a; try; mount -o remount,bind,noexec,nodiratime b; try; mount -o remount,lazytime a; try; mount -o remount,bind,nodev a; try
exec 3> a/open; mount -o remount,ro b 2> /dev/null; echo $?; mount -o remount,bind,ro b; echo $?; exec 3>&-; mount -o remount,ro b; echo $?; try; mount -o remount,ro . 2> /dev/null; mount -o remount,rw none a/x 2> /dev/null; echo $?

## proc is not read-only, but nothing is made or removed there
mount -t tmpfs none /tmp; cd /tmp; mkdir p; mount -t proc proc p; shown() { grep ' /tmp/p ' /proc/mounts; grep ' /tmp/p ' /proc/self/mountinfo | cut -d' ' -f4-; }; shown
try() { "$@" 2>&1 || echo "$?"; }
for place in p p/self p/self/fd p/sys p/sys/kernel; do try touch $place/new; try mkdir $place/new; try ln -s target $place/new; try ln p/version $place/new; try mv p/version $place/new; done
try rm -f p/version; try rm -f p/self/status; try rmdir p/sys; try rmdir p/self/fd; try rmdir p/1; try mv p/version /tmp/version; ls /tmp; try chmod 600 p/self/status
try sh -c 'echo text > p/version'; try sh -c 'echo text >> p/self/status'; try sh -c 'echo text >| p/self/stat'; grep -c . p/version
mount -o remount,ro p; shown; try sh -c 'echo text > p/version'; try rm -f p/version; mount -o remount,rw p; shown; mount -o remount,bind,ro p; shown; try sh -c 'echo text > p/version'
