# The root is a stack: the archive that was booted below, a tmpfs on top that takes every change.
cat /proc/mounts
cat /etc/motd
echo 'A line of our own.' >> /etc/motd
rm /srv/notes

# A stack of one's own: a lower layer that is never written, an upper one for the changes, and the two seen as one.
mkdir -p /tmp/tour/lower /tmp/tour/upper /tmp/tour/work /tmp/tour/merged
cd /tmp/tour
echo 'from below' > lower/kept
echo 'from below' > lower/changed
echo 'from below' > lower/removed
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged
ls -l merged

# Change, remove and add in the merged view …
echo 'and from above' >> merged/changed
rm merged/removed
echo 'only above' > merged/added
cat merged/changed

# … the lower layer has not changed,
cat lower/changed lower/removed

# the upper one has the changes, and a whiteout that hides what was removed.
ls -la upper

# Unmounted, each layer is an ordinary directory again.
umount merged
cd /
rm -r /tmp/tour
