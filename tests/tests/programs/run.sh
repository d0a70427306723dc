# Runs all cases, each in a root of its own: an overlay with the image as its lower layer, and a tmpfs above. The same in
# the guest and on Linux.
#
#   /state/root     what a case sees
#   /state/upper    its changes
#   /image          what all start from
export PATH=/bin TZ=UTC0 HOME=/root LC_ALL=C
for case in /image/cases/*; do
    number=${case##*/}
    mount -t tmpfs none /state
    mkdir /state/upper /state/work /state/root
    mount -t overlay -o lowerdir=/image,index=on,redirect_dir=on,upperdir=/state/upper,workdir=/state/work none /state/root
    mount -t tmpfs -o mode=1777 none /state/root/tmp
    mount -t proc none /state/root/proc
    mount --bind /dev /state/root/dev
    echo "=== $number"
    chroot /state/root /bin/sh -c "cd /home && exec timeout -s KILL 30 sh /cases/$number" < /dev/null 2>&1
    echo "=== status $?"
    umount -l /state/root/dev
    umount -l /state/root/proc
    umount -l /state/root/tmp
    umount -l /state/root
    umount -l /state
done
