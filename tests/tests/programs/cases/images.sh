## mke2fs in a file
truncate -s 1M d; mke2fs -F -b 1024 -L name d > o 2>&1; echo $?; grep -c . o; dd if=d bs=1 skip=1080 count=2 2> /dev/null | od -An -tx1; dd if=d bs=1 skip=1144 count=4 2> /dev/null; echo; stat -c '%s' d; mke2fs -F small 2>&1; echo $?

## mkdosfs in a file
truncate -s 2M d; mkdosfs -n LABEL d; echo $?; dd if=d bs=1 skip=510 count=2 2> /dev/null | od -An -tx1; dd if=d bs=1 skip=82 count=5 2> /dev/null; echo; stat -c %s d; fatattr d; echo $?

## mkswap in a file
truncate -s 64K d; mkswap -L name d > o; sed 's/UUID=.*/UUID/; s/[0-9a-f]*-[0-9a-f-]*/U/' o; dd if=d bs=1 skip=4086 count=10 2> /dev/null; echo

## block devices that are none
blockdev --getsize64 /tree/large; blkdiscard /tree/large; losetup /dev/nothing; fdisk -l /tree/lines; partprobe /tree/lines; echo $?

## files with holes: made, copied, filled, counted
dd if=/dev/zero of=h bs=4096 count=1 seek=100 2> /dev/null; stat -c '%s' h; du -k h; cp h c; cmp h c && echo same; truncate -s 8k h; stat -c %s h; fallocate -l 100000 h; stat -c %s h; fallocate -o 200000 -l 10 h; stat -c %s h; du h | cut -f1; tr -d '\0' < h | wc -c; truncate -s -5 h; truncate -s +7 h; stat -c %s h; truncate -s %16 h; echo $?

## dd in every way
seq 1 50 > n; dd if=n of=o bs=10 skip=1 seek=2 count=3 conv=notrunc 2> /dev/null; od -c o | head -5; dd if=n bs=16 count=1 2> /dev/null conv=ucase; dd if=n of=n2 conv=sync bs=64 2>&1 | head -2; stat -c %s n2; dd if=/tree/lines conv=swab 2> /dev/null; dd if=n ibs=3 obs=7 2>&1 > /dev/null | head -2; dd if=missing 2>&1; echo $?; dd if=n of=/tree/dir 2>&1; echo $?; dd of=e count=0 2> /dev/null; stat -c %s e; printf abc | dd of=n bs=1 seek=2 conv=notrunc 2> /dev/null; head -3 n

## fsync, sync and what they are asked for
echo x > f; fsync f; echo $?; fsync missing; echo $?; sync; echo $?; sync -d f; echo $?; sync /tree; echo $?; sync missing; echo $?

## shred and nuke leave nothing
cp /tree/table t; shred -u t; ls; cp -a /tree/dir d; cp -a /tree/many m; nuke d m; ls; shred missing; echo $?; cp /tree/table t; shred -n 1 t; cmp t /tree/table > /dev/null; echo $?; stat -c %s t

## patch and ed change files
cp /tree/lines a; sed 's/two/2/' a > b; diff -u a b > p; cat p | sed 's/\t.*//'; patch a < p; cmp a b && echo same; patch -R a p; cat a; patch a < /tree/table; echo $?; printf '2d\na\nadded\n.\nw\nq\n' | ed a; cat a; printf '1,$s/o/0/g\nw new\nq\n' | ed -s a; cat new

## names that are no files: files of users and their words
mkdir -p /etc /var/spool/cron/crontabs; echo '* * * * * true' > c; crontab -c . c; echo $?; adduser -D -H someone > /dev/null 2>&1; grep -c someone /etc/passwd; addgroup some; delgroup some; grep -c ^some: /etc/group; deluser someone; grep -c someone /etc/passwd; mkpasswd -m sha256 -S abcdefgh secret; cryptpw -m md5 -S abcdefgh secret; echo root:new | chpasswd -m 2>&1 | sed 's/[^ ]*$//'; ls -l /etc/passwd | cut -c1-10

## links of every kind by ln, link and unlink
cd /home; echo x > f; link f g; stat -c %h f; unlink f; cat g; ln g d1 2> /dev/null; ln -sfn nowhere s; readlink s; ln -sf g s; cat s; ln -sn /tree/dir sd; ln -s target sd; ls sd/; ls -l sd | awk '{ print $NF }'; ln -b -s other s; ls; ln g g; echo $?; link missing x; unlink missing; echo $?; ln -T g sd; echo $?

## run-parts in order, and only what is a program
mkdir p; for n in b a c; do printf '#!/bin/sh\necho %s "$@"\n' $n > p/$n; chmod 755 p/$n; done; chmod 644 p/c; printf '#!/bin/sh\nexit 3\n' > p/fails; chmod 755 p/fails; run-parts -a arg p; echo $?; run-parts --test p; rm p/fails; run-parts p; echo $?; run-parts missing; echo $?
