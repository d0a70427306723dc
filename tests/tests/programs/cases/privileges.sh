## a program with set-id bits, for a user, and where the mount says no
cp /bin/busybox id; chmod 4755 id; chmod 755 .; su user -c './id -u; ./id -ru; cat /etc/passwd > /dev/null; echo $?'; mount -t tmpfs -o nosuid none /tmp; cp -p id /tmp/id; su user -c '/tmp/id -u'; chmod 2755 id; chgrp 200 id; su user -c './id -g'

## writing takes the set-id bits away, for root it does not
cp /tree/lines f; chmod 6755 f; chown user f; chmod 6755 f; su user -c 'echo x >> f'; stat -c %a f; chmod 6755 f; echo y >> f; stat -c %a f; chmod 2644 f; su user -c 'echo x >> f'; stat -c %a f; chmod 6755 f; chown 0:200 f; stat -c %a f

## switch_root and pivot_root of who is not the first
mkdir new; switch_root new /bin/true; echo $?; run-init new /bin/true; echo $?; unshare -m sh -c 'mount -t tmpfs none new; mkdir new/old new/bin; cp /bin/busybox new/bin; cd new; pivot_root . old; exec chroot . /bin/busybox ls /' ; pivot_root nowhere new; echo $?

## the rights of nice, of limits, of times and of names
su user -c 'nice -n -5 true; nice -n 5 nice; renice -n -3 $$; ulimit -n 64; ulimit -Hn 32; ulimit -n 64; ulimit -n'; su user -c 'date -s 2020-01-01; hostname other; mknod d c 1 3; mknod p p; ls -l p | cut -c1; chroot / true; mount -t tmpfs none /tmp; umount /proc' 2>&1

## schedulers and affinities
taskset 1 true; echo $?; taskset -p $$ | sed 's/pid [0-9]*/pid/' | sed 's/mask: .*/mask/'; ionice -c 2 -n 3 true; echo $?; chrt -m | head -3; chrt -b 0 true; echo $?; chrt -p $$ | sed 's/pid [0-9]*/pid/'; taskset 0 true; echo $?

## the words of a command line
getopt -o ab:c -l long,with: -- -a -b value --long --with=x rest -c; getopt -o a -- -z; echo $?; set -- $(getopt ab: -a -b x y); echo "$@"; getopt -T; echo $?

## sysctl reads and refuses
sysctl -n kernel.ostype; sysctl kernel.nothing; echo $?; sysctl -e kernel.nothing; echo $?

## processes by name
sleep 50 & sleep 51 & until [ "$(pidof sleep | wc -w)" = 2 ]; do :; done; killall sleep; wait; echo $?; killall nothing; echo $?; pidof nothing; echo $?
## a namespace of one's own, and a look into another's
unshare -m sh -c 'mount -t tmpfs none /tmp; touch /tmp/here; ls /tmp'; ls /tmp; unshare -m sh -c 'mount -t tmpfs none /tmp; touch /tmp/there; sleep 5' & p=$!; until [ -e /proc/$p/root/tmp/there ]; do :; done; chroot /proc/$p/root ls /tmp; ls /tmp; nsenter -t $p -m true; echo $?; kill $p; nsenter -t 99999 -m true; echo $?

## who gains nothing by set-id bits any more
cp /bin/busybox id; chmod 4755 id; chmod 755 .; su user -c 'setpriv --nnp ./id -u; ./id -u; setpriv --nnp sh -c "setpriv --nnp ./id -u"'; setpriv --nnp cat /proc/self/status | grep NoNewPrivs; setpriv --inh-caps -chown true; echo $?; setpriv -d | grep -E '^(no_new|e?uid)'

## what a program does with signals is seen in its status
sh -c 'trap "" 10; trap : 12; grep -E "Sig(Blk|Cgt)" /proc/$$/status'

