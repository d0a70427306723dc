# Makes the tree that all cases find below the root, in the directory that it is run in; times are fixed, so that
# listings can be compared. Run on the host, as root, by a POSIX shell.
set -e
umask 022
mkdir -p tree/dir/deep/deeper tree/empty tree/many tree/shared tree/sticky tree/names
printf 'one\ntwo\nthree\n' > tree/lines
printf 'no newline at the end' > tree/unended
: > tree/nothing
seq 1 2000 > tree/numbers
printf 'alpha 3 x\nbeta 1 y\ngamma 2 z\nbeta 1 y\ndelta 10 w\n' > tree/table
printf 'The quick brown fox\njumps over\nthe lazy dog\n' > tree/text
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "%d-%s\n", i, "abcdefghijklmnopqrstuvwxyz" }' > tree/large
printf 'in dir\n' > tree/dir/file
printf 'deep\n' > tree/dir/deep/file
printf 'deeper\n' > tree/dir/deep/deeper/file
for number in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "$number" > "tree/many/file$number"; done
printf 'two names\n' > tree/hard1
ln tree/hard1 tree/hard2
ln -s lines tree/link
ln -s dir tree/linkdir
ln -s nowhere tree/dangling
ln -s loop2 tree/loop1
ln -s loop1 tree/loop2
printf 'with a blank\n' > 'tree/names/a b'
printf 'not ASCII\n' > tree/names/naïve-Ωμέγα
printf 'a dash\n' > tree/names/-n
printf 'hidden\n' > tree/names/.hidden
printf '#!/bin/sh\necho "run as $0 with $# arguments: $*"\nexit 3\n' > tree/script
chmod 755 tree/script
printf '#!/bin/busybox awk -f\nBEGIN { print "awk by its first line" }\n' > tree/awkscript
chmod 755 tree/awkscript
chmod 600 tree/unended
chmod 1777 tree/sticky
chown 1000:100 tree/shared
chmod 2775 tree/shared
printf 'of a user\n' > tree/shared/owned
chown 1000:100 tree/shared/owned
printf 'set-id\n' > tree/setid
chmod 6755 tree/setid
find tree -exec touch -h -d '2024-02-03 04:05:06' {} +
