## layers merge, the topmost decides
mkdir -p t l1/d l2/d l3 m u w; mount -t tmpfs none t; cd t; mkdir -p l1/d l2/d l3 u w m; echo 1 > l1/f; echo 2 > l2/f; echo 2 > l2/d/two; echo 1 > l1/d/one; echo 3 > l3/d; mount -t overlay -o lowerdir=l1:l2:l3,upperdir=u,workdir=w none m; cat m/f; ls m m/d; umount m; cd ..; umount t

## a removed name stays removed, also after a remount
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; echo x > l/f; o=lowerdir=l,upperdir=u,workdir=w; mount -t overlay -o $o none m; rm m/f; ls m; umount m; mount -t overlay -o $o none m; ls m; cat m/f; umount m; ls l; cd ..; umount t

## a directory made again over a removed one is empty
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l/d u w m; echo x > l/d/f; o=lowerdir=l,upperdir=u,workdir=w; mount -t overlay -o $o none m; rm -r m/d; mkdir m/d; ls -A m/d; umount m; mount -t overlay -o $o none m; ls -A m/d; touch m/d/new; ls m/d; umount m; cd ..; umount t

## rm -rf of a merged tree, and what is left
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l1/d/e l2/d/e u w m; touch l1/d/a l2/d/b l1/d/e/c l2/d/e/d; mount -t overlay -o lowerdir=l1:l2,upperdir=u,workdir=w none m; find m | sort; rm -rf m/d; ls -A m; rmdir m/d; echo $?; umount m; find l1 l2 | sort; cd ..; umount t

## read-only without an upper
mkdir t; mount -t tmpfs none t; cd t; mkdir l1 l2 m; echo x > l1/f; mount -t overlay -o lowerdir=l1:l2 none m; cat m/f; echo y > m/f; touch m/g; rm m/f; mkdir m/d; umount m; cd ..; umount t

## one layer that is no directory, one that is missing
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; touch f; mount -t overlay -o lowerdir=f,upperdir=u,workdir=w none m 2> /dev/null; echo $?; mount -t overlay -o lowerdir=nope,upperdir=u,workdir=w none m 2> /dev/null; echo $?; mount -t overlay none m 2> /dev/null; echo $?; cd ..; umount t

## a layer changed by hand is frozen below, changed above
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; echo 1 > l/f; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; chmod 600 m/f; stat -c %a m/f l/f u/f; cat u/f; umount m; cd ..; umount t

## hard links within the overlay
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; echo 1 > l/f; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; ln m/f m/g; echo 2 >> m/g; cat m/f; stat -c %h m/f m/g; rm m/f; cat m/g; stat -c %h m/g; umount m; cat l/f; cd ..; umount t

## renames of files in an overlay
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; echo a > l/a; echo b > l/b; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; mv m/a m/c; mv m/b m/a; cat m/a m/c; ls m; umount m; ls l; cd ..; umount t

## inode numbers stay over a copy-up
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l/d u w m; echo a > l/d/a; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; a=$(stat -c %i m/d/a); d=$(stat -c %i m/d); echo b >> m/d/a; [ $a = $(stat -c %i m/d/a) ] && [ $d = $(stat -c %i m/d) ] && echo same; umount m; cd ..; umount t

## a merged directory as the working directory
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l/d u w m; touch l/d/f; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; cd m/d; echo x > g; ls; rm f; ls; rmdir ../d; echo $?; cd ../..; umount m; cd ..; umount t

## busy while in use
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; cd m; umount ../m 2> /dev/null; echo $?; cd ..; umount m; echo $?; cd ..; umount t

## symbolic links, fifos and devices come up whole
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; ln -s target l/s; mkfifo l/p; mknod l/c c 1 3; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; chown -h 5:6 m/s; chmod 640 m/p m/c; ls -ln m | grep -v total | awk '{ print $1, $3, $4, $NF }'; readlink u/s; stat -c '%t:%T %a' u/c; umount m; cd ..; umount t

## an overlay over an overlay
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l u w m u2 w2 m2; echo x > l/f; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; mount -t overlay -o lowerdir=m,upperdir=u2,workdir=w2 none m2; echo y >> m2/f; cat m2/f m/f; rm m2/f; ls m2 m; umount m2; umount m; cd ..; umount t

## chroot into an overlay
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l/bin l/tmp u w m; cp /bin/busybox l/bin; ln -s busybox l/bin/sh; ln -s busybox l/bin/ls; echo hello > l/greeting; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; chroot m /bin/sh -c 'read x < /greeting; echo $x; ls /; echo $$ > /tmp/x; ls ..; pwd; rm /greeting; ls /'; ls l; umount m; cd ..; umount t

## a container: many overlays over one lower
mkdir t; mount -t tmpfs none t; cd t; mkdir l; echo base > l/f; for i in 1 2 3; do mkdir u$i w$i m$i; mount -t overlay -o lowerdir=l,upperdir=u$i,workdir=w$i none m$i; done; for i in 1 2 3; do echo $i >> m$i/f; done; cat m1/f m2/f m3/f l/f; umount m1 m2 m3; cd ..; umount t

## a mount in a mount namespace of its own
mkdir t; unshare -m sh -c 'mount -t tmpfs none t; touch t/inside; ls t'; ls t

## open files over a remount of their overlay
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; echo x > l/f; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; exec 3< m/f; umount m 2> /dev/null; echo $?; umount -l m; cat <&3; exec 3<&-; ls m; cd ..; umount t

## mount -o remount,ro
mkdir t; mount -t tmpfs none t; mount -o remount,ro t; touch t/x; mount -o remount,rw t; touch t/x; ls t; umount t

## bind mounts, and mounts on mounts
mkdir a b; touch a/x; mount --bind a b; ls b; touch b/y; ls a; mount -t tmpfs none b; ls b; umount b; ls b; umount b; ls b; mount -o bind /tree/lines a/x; cat a/x; umount a/x

## tmpfs with a size that ends
mkdir t; mount -t tmpfs -o size=64k none t; dd if=/dev/zero of=t/f bs=4k count=100 2> /dev/null; echo $?; stat -c %s t/f; rm t/f; echo x > t/g; cat t/g; umount t

## df of a tmpfs
mkdir t; mount -t tmpfs -o size=1m none t; df -k t | tail -n 1 | awk '{ print $2, $3 }'; cp /tree/large t; df -k t | tail -n 1 | awk '{ print ($3 > 500) }'; umount t

## umount of what is no mount
mkdir d; umount d 2> /dev/null; echo $?; umount nope 2> /dev/null; echo $?

## whiteouts and what they hide, from above
mkdir t; mount -t tmpfs none t; cd t; mkdir -p a/x/y b/x/y c/x/y u w m; echo a > a/x/y/f; echo b > b/x/y/g; echo c > c/x/y/h; mount -t overlay -o lowerdir=a:b:c,upperdir=u,workdir=w none m; rm m/x/y/g; ls m/x/y; mv m/x/y/f m/x/y/g; cat m/x/y/g; ls m/x/y; rm -r m/x; mkdir -p m/x/y; ls -A m/x m/x/y; umount m; cd ..; umount t

## append only, truncate only, and both
mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; for i in 1 2 3; do echo lower > l/$i; done; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; echo x >> m/1; : > m/2; echo y > m/3; cat m/1 m/2 m/3; cat l/1 l/2 l/3; umount m; cd ..; umount t

## an opaque directory is what replaces one
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l/d/sub n u w m; touch l/d/old n/new; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; rm -r m/d; cp -r n m/d; find m | sort; umount m; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; find m | sort; umount m; cd ..; umount t

## a frozen upper becomes the lower of the next
mkdir t; mount -t tmpfs none t; cd t; mkdir l u1 w1 u2 w2 m; echo 0 > l/f; mount -t overlay -o lowerdir=l,upperdir=u1,workdir=w1 none m; echo 1 >> m/f; echo n > m/n; umount m; mount -t overlay -o lowerdir=u1:l,upperdir=u2,workdir=w2 none m; echo 2 >> m/f; cat m/f m/n; umount m; cat u1/f; cd ..; umount t

## pivot_root into an overlay
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l/bin l/old u w m; cp /bin/busybox l/bin; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; unshare -m /bin/busybox sh -c 'cd m && /bin/busybox pivot_root . old && exec /bin/busybox chroot . /bin/busybox sh -c "/bin/busybox ls /; /bin/busybox ls /old/tree/dir; /bin/busybox umount -l /old; /bin/busybox ls /old"'; umount m; cd ..; umount t

## chattr: marks on an overlay, of layers, and over a remount
mkdir t; mount -t tmpfs none t; cd t; mkdir -p l/d u w m; echo 1 > l/f; echo 2 > l/g; echo 3 > l/h; echo 4 > l/k; touch l/d/x; chattr +i l/g l/d; chattr +A l/h; chattr +d l/k; o=lowerdir=l,upperdir=u,workdir=w; mount -t overlay -o $o none m; lsattr m/f; lsattr m/g; chattr +i m/f; rm m/f; echo x >> m/f; lsattr m/f; lsattr u/f; rm m/g; touch m/d/new; chattr -i m/g; echo more >> m/g; cat m/g; echo more >> m/h; lsattr m/h; echo more >> m/k; lsattr m/k; umount m; mount -t overlay -o $o none m; lsattr m/f; rm m/f; chattr +a m/f; chattr -i m/f; echo + >> m/f; cat m/f; echo no > m/f; rm m/f; chattr -a m/f; rm m/f; ls m; umount m; chattr -i l/g l/d; cd ..; umount t
