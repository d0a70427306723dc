## ls shows names in order
ls /tree /tree/names

## ls -la shows modes, owners, sizes, times and targets
listing -la /tree

## ls -R goes below
ls -R /tree/dir /tree/many

## ls -d of a link, and of what it leads to
listing -ld /tree/linkdir /tree/linkdir/

## ls of what is not there
ls /tree/nope; echo $?

## ls -F marks types
ls -F /tree

## ls -S and -r order by size
ls -1Sr /tree/many/file1 /tree/many/file10 /tree/lines /tree/large; ls -1S /tree/names

## cat of several files, one of them missing
cat /tree/lines /tree/nope /tree/unended; echo; echo $?

## cat of a directory
cat /tree/dir

## cat follows links, and gives up on loops
cat /tree/link; cat /tree/dangling; cat /tree/loop1

## cat reads what comes in
echo through | cat - /tree/lines

## cp copies content and mode
cp /tree/script copy; ls -l copy | cut -c1-10; cmp /tree/script copy && echo same

## cp follows a link, cp -P does not
cp /tree/link plain; cp -P /tree/link link; ls -l plain link | cut -c1-10; readlink link

## cp into a directory, several at once
mkdir d; cp /tree/lines /tree/text /tree/nothing d; ls d; cat d/text

## cp of several into what is no directory
cp /tree/lines /tree/text nope; echo $?

## cp of a directory without -r
cp /tree/dir d; echo $?; ls

## cp -r copies a tree
cp -r /tree/dir d; find d | sort; cat d/deep/deeper/file

## cp -a keeps times, owners, modes, links and hard links
cp -a /tree t; listing -laR t; test t/hard1 -ef t/hard2 && echo one file

## cp -p keeps times and owner of one file
cp -p /tree/shared/owned copy; ls -ln --full-time copy

## cp onto itself
cp /tree/lines f; cp f f; echo $?; cat f

## cp over an existing file replaces its content and keeps its mode
echo old > f; chmod 640 f; cp /tree/lines f; cat f; ls -l f | cut -c1-10

## cp -n leaves what is there
echo old > f; cp -n /tree/lines f; cat f

## cp -u copies only what is newer
echo newer > f; cp -u /tree/lines f; cat f

## cp -s and -l make links
cp -s /tree/lines s; cp -l /tree/hard1 /tree/hard3; readlink s; stat -c %h /tree/hard1 /tree/hard3; rm /tree/hard3

## mv of a file
cp /tree/lines a; mv a b; ls; cat b

## mv of a lower file leaves nothing behind
mv /tree/text moved; ls /tree/text; cat moved; ls -ln --full-time moved

## mv of a lower directory takes its content along
mv /tree/dir moved; find moved | sort; ls /tree/dir; cat moved/deep/deeper/file

## mv of a lower directory and back
mv /tree/many m; mv m /tree/many; ls /tree/many; cat /tree/many/file7

## mv onto a file, and -n
echo a > a; echo b > b; echo c > c; mv a b; cat b; mv -n b c; cat c; ls

## mv into a directory, and of a directory onto a file
mkdir d; echo f > f; mv f d; ls d; echo g > g; mv d g; echo $?

## mv of a directory into itself
mkdir d; mv d d/e; echo $?; ls

## mv of a directory onto a non-empty one
mkdir -p a b/a/x; mv a b; echo $?; find . | sort

## mv across file systems copies and removes
mkdir m; mount -t tmpfs none m; cp -a /tree/dir d; mv d m; ls; find m | sort; cat m/d/deep/file; umount m

## mv of links and devices across file systems
mkdir m; mount -t tmpfs none m; ln -s target l; mknod p p; mv l p m; ls -l m | cut -c1-10; readlink m/l; umount m

## rm of files and what is missing
touch a b; rm a nope b; echo $?; ls

## rm -f says nothing of what is missing
rm -f nope; echo $?

## rm of a directory needs -r
mkdir d; rm d; echo $?; rm -r d; echo $?; ls

## rm -r of a lower tree
rm -r /tree/dir; ls /tree/dir; ls -d /tree/linkdir; ls /tree/linkdir/

## rm -rf of a tree with links does not follow them
mkdir keep d; echo kept > keep/f; ln -s ../keep d/l; rm -rf d; cat keep/f; ls

## rm of a name that begins with a dash
cp -r /tree/names n; cd n; rm -- -n; ls -A

## rmdir of empty and full directories
mkdir -p a/b c; rmdir c; rmdir a; echo $?; rmdir -p a/b; ls

## mkdir with modes and parents
umask 027; mkdir d; mkdir -m 1777 t; mkdir -p x/y/z; mkdir d; echo $?; stat -c '%a %n' d t x x/y x/y/z

## mkdir where a lower directory was removed shows nothing of it
rm -r /tree/many; mkdir /tree/many; ls -A /tree/many; echo end

## touch makes files and sets times
touch a; touch -d '2001-02-03 04:05:06' a; stat -c '%y %s' a; touch -r /tree/lines a; stat -c %Y a; touch -c nope; ls

## touch of a lower file keeps the rest
touch -d '2001-02-03 04:05:06' /tree/shared/owned; ls -ln --full-time /tree/shared/owned; cat /tree/shared/owned

## ln makes hard links, which share everything
echo 1 > a; ln a b; echo 2 >> b; cat a; stat -c %h a; rm a; stat -c %h b; ln nope c; echo $?

## ln of lower files: they stay one file
ln /tree/lines /tree/other; echo more >> /tree/other; tail -n 1 /tree/lines; mv /tree/other other; test /tree/lines -ef other && echo same

## the names of a lower file are changed together
echo more >> /tree/hard2; cat /tree/hard1; stat -c %h /tree/hard1 /tree/hard2

## ln -s, -f, -n and -T
ln -s a l; ln -s b l; echo $?; ln -sf b l; readlink l; mkdir d; ln -s d e; ln -snf /tree e; readlink e; ls d

## readlink -f resolves
mkdir -p a/b; ln -s a/b l; ln -s ../l a/m; readlink -f a/m | sed "s:$PWD:HERE:"; readlink a; echo $?

## realpath of what is there and what is not
realpath /tree/link /tree/linkdir/deep/../file; realpath /tree/nope/x; echo $?

## stat says what a file is
stat -c '%A %a %F %h %s %u %g %N' /tree/lines /tree/link /tree/setid /tree/shared/owned /tree/nothing

## stat of directories and special files
mknod p p; stat -c '%A %F' /tree/dir p /dev/null /tree/sticky; stat -c '%t %T' /dev/null /dev/zero

## stat -L and missing files
stat -L -c %F /tree/link; stat /tree/dangling > /dev/null; echo $?; stat -L /tree/dangling; echo $?

## chmod by number and by letters
touch f; for mode in 640 u+x go-r a=rw o+t u+s 0; do chmod $mode f; stat -c %a f; done; chmod +q f; echo $?

## chmod of lower files and directories
chmod 700 /tree/dir /tree/lines; stat -c '%a %n' /tree/dir /tree/lines; cat /tree/dir/file /tree/lines

## chmod -R
cp -r /tree/dir d; chmod -R go= d; find d -exec stat -c '%a %n' {} + | sort

## chown, also of links and by names
touch f; ln -s f l; chown 5:6 f; chown -h 7:8 l; chown root f; chgrp 9 f; stat -c '%u:%g' f l; chown nonesuch f; echo $?

## chown clears set-id bits
cp -p /tree/setid f; stat -c %a f; chown 1:1 f; stat -c %a f

## truncate by size, relative, and of lower files
truncate -s 10 f; stat -c %s f; truncate -s 1k f; stat -c %s f; truncate -c -s 5 nope; ls nope; truncate -s 3 /tree/numbers; od -c /tree/numbers

## mkfifo and mknod
mkfifo p; mknod c c 1 3; ls -l p c | cut -c1-10; echo x > c; cat c | wc -c; mkfifo p; echo $?

## mktemp makes names
f=$(mktemp "$PWD/x.XXXXXX"); d=$(mktemp -d "$PWD/y.XXXXXX"); stat -c '%a %F' "$f" "$d"; ls | wc -l

## du counts what a tree holds
mkdir d; cp /tree/large d; du -s d > out; test -s out && cut -f2 out; du -b d/large 2>&1 | cut -f2

## dd with blocks, skip, seek and notrunc
dd if=/tree/numbers of=f bs=100 count=3 2> /dev/null; wc -c f; dd if=/tree/lines of=f bs=1 seek=5 conv=notrunc 2> /dev/null; head -c 30 f | od -c; dd if=/tree/lines bs=4 skip=1 count=1 2> /dev/null

## dd to far behind leaves a hole
dd if=/tree/lines of=f bs=1 count=1 seek=1000000 2> /dev/null; stat -c '%s' f; od -A d f

## fallocate and what it makes
fallocate -l 5000 f; stat -c %s f; od f

## sync, of all and of one file
cp /tree/lines f; sync; echo $?; sync f; echo $?; sync -d f; sync nope; echo $?; dd if=/tree/lines of=g conv=fsync 2> /dev/null; cat g

## cmp and diff
cp /tree/lines a; sed s/two/2/ a > b; cmp a b; echo $?; diff a b; echo $?; diff /tree/dir /tree/many | head -5; cmp a nope; echo $?

## diff -u and patch
cp /tree/lines a; sed s/two/2/ a > b; diff -u -L a -L b a b > p; cat p; patch a p; cmp a b && echo same

## diff -r of trees
cp -r /tree/dir d; echo changed > d/deep/file; rm d/file; touch d/new; diff -rq /tree/dir d

## run-parts runs what may be run
mkdir parts; cp /tree/script parts/one; cp /tree/lines parts/two; run-parts parts; echo $?; run-parts --test parts

## names that are not ASCII, with blanks, with dashes
ls -A /tree/names; cat /tree/names/naïve* "/tree/names/a b" /tree/names/-n; cp -r /tree/names n; mv n/naïve-Ωμέγα n/ÅÄÖ; ls n

## a name of 255 bytes can be made, one of 256 not
n=$(printf '%0255d' 0); touch "$n"; ls | wc -c; touch "x$n"; echo $?; rm "$n"; ls

## a path of more than 4095 bytes is refused
p=$(printf '%04000d' 0 | sed 's/0/.\//g'); ls "$p$p" 2>&1 | tail -c 20; ls "./././" | wc -l

## deep directories
d=.; for i in 1 2 3 4 5 6 7 8 9; do d=$d/deep$i; mkdir $d; done; cd $d; echo there > f; cd ../../..; find . -name f; pwd | sed 's:.*/::'

## pwd in a directory that was removed
mkdir d; cd d; rmdir ../d; ls; touch x; echo $?; cd ..; ls

## a file removed while it is open
exec 3< /tree/lines; rm /tree/lines; cat <&3; ls /tree/lines

## a lower file written through an open descriptor
exec 3<> /tree/lines; echo ONE >&3; cat /tree/lines; cat <&3

## a descriptor opened before the copy-up sees what is written after it
exec 3< /tree/lines; echo four >> /tree/lines; cat <&3

## shred and overwriting
cp /tree/lines f; shred -u f; ls

## cut into pieces and put together again
for i in 0 1 2 3; do dd if=/tree/large of=part$i bs=200000 skip=$i count=1 2> /dev/null; done; ls -l part* | awk '{ print $5 }'; cat part* | cmp - /tree/large && echo same

## work on sorted files
sort /tree/table > s; uniq -c s; uniq -d s; uniq -u s; sort -m s s | uniq | cmp - s; sort -o s -r s; cat s

## unlink and link
link /tree/lines /tree/second; unlink /tree/lines; cat /tree/second; unlink nope; echo $?

## rename onto a hard link of the same file
echo x > a; ln a b; mv a b; ls; stat -c %h b

## a file changed through two names of one lower file
echo a >> /tree/hard1; echo b >> /tree/hard2; cat /tree/hard1; test /tree/hard1 -ef /tree/hard2 && echo one; rm /tree/hard1; stat -c %h /tree/hard2

## directories that come and go
for i in 1 2 3 4 5 6 7 8; do mkdir d; touch d/$i; rm -r d; done; mkdir d; ls -A d

## a lower name replaced by another type
rm /tree/lines; mkdir /tree/lines; echo in > /tree/lines/f; cat /tree/lines/f; rm -r /tree/dir; echo file > /tree/dir; cat /tree/dir; ls -l /tree/link | cut -c1-10; cat /tree/link; ls /tree/link/

## many names in one directory
mkdir d; i=0; while [ $i -lt 500 ]; do : > d/n$i; i=$((i + 1)); done; ls d | wc -l; ls d | sort | tail -n 1; rm d/n1*; ls d | wc -l; rm -r d; ls

## flock keeps others out
echo data > f
flock f -c 'flock -n f -c "echo had" || echo refused'
flock -s f -c 'flock -s -n f -c "echo shared" || echo refused'
flock -n f cat f

## chattr: what is immutable stays
echo text > f; echo g > g; mkdir d; echo x > d/x; chattr +i f d; lsattr f; lsattr -d d; echo more >> f; echo new > f; rm f; mv f h; mv g f; ln f h; chmod 600 f; chown 1 f; touch f; cat f; touch d/new; rm d/x; mkdir d/s; mv d/x y; mv d e; rmdir d; echo changed > d/x; cat d/x; chattr -i f d; rm -r f d; ls

## chattr: what is append-only grows
cd /tmp; echo text > f; mkdir d; touch d/x; chattr +a f d; lsattr f; echo more >> f; echo new > f; cat f; rm f; mv f h; ln f h; chmod 600 f; touch f; touch -t 202001010000 f; true > f; cat f; touch d/y; rm d/x; mv d/x d/z; ls d; chattr -a f d; rm -r f d; ls

## chattr: other marks, and what cannot be marked
touch f; chattr +dA f; lsattr f; chattr -d f; lsattr f; chattr =i f; lsattr f; chattr =d f; lsattr f; chattr +s f; echo $?; chattr +c f; echo $?; mkfifo p; chattr +i p; echo $?; ln -s f l; chattr +i l; echo $?; lsattr -d /proc; echo $?; mkdir d; chattr +Ad d; touch d/x; mkdir d/s; lsattr -d d d/s; lsattr d/x; chattr -R -d d; lsattr d/x; rm -r d f l p

## chattr: only the privileged make a file immutable
cd /tmp; touch f; chown 1000 f; chmod 666 f; su user -c 'chattr +d /tmp/f; echo $?; chattr +i /tmp/f; echo $?; chattr +a /tmp/f; echo $?; lsattr /tmp/f'; chattr +i f; su user -c 'chattr -i /tmp/f; echo $?; echo x >> /tmp/f; echo $?'; chattr -i f; su user -c 'echo x >> /tmp/f; echo $?'; cat f

## chattr: the same on a tmpfs
cd /tmp; echo text > f; echo g > g; mkdir d; echo x > d/x; chattr +i f d; lsattr f; echo new > f; rm f; mv g f; ln f h; chmod 600 f; touch d/new; rm d/x; mv d/x y; rmdir d; chattr -i f d; chattr +dA f d; touch d/new; lsattr f d/new; rm -r f d; ls
