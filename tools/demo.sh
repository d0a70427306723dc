# The root is a stack: the archive that was booted below, a tmpfs on top that takes every change.
mounts

# A stack of one's own: a lower layer that is never written, an upper one for the changes, and the two seen as one.
mkdir -p /demo/lower /demo/upper /demo/work /demo/merged
echo 'from below' > /demo/lower/kept
echo 'from below' > /demo/lower/changed
echo 'from below' > /demo/lower/removed
mount -t overlay -o lowerdir=/demo/lower,upperdir=/demo/upper,workdir=/demo/work overlay /demo/merged
ls -l /demo/merged

# Change, remove and add in the merged view …
echo 'and from above' >> /demo/merged/changed
rm /demo/merged/removed
echo 'only above' > /demo/merged/added
cat /demo/merged/changed

# … the lower layer has not changed,
cat /demo/lower/changed /demo/lower/removed

# the upper one has the changes, and a whiteout that hides what was removed.
ls -la /demo/upper

# Every path can be asked which layer it comes from, and the mount what its upper layer changed.
overlay layers /demo/merged
overlay which /demo/merged/kept
overlay which /demo/merged/changed
overlay diff /demo/merged

# Unmounted, each layer is an ordinary directory again.
umount /demo/merged
rm -r /demo
