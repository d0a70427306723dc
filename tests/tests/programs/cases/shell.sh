## pipelines, and the status of the last
seq 10 | grep 1 | wc -l; false | true; echo $?; true | false; echo $?

## a pipe whose reader leaves
yes | head -n 1; seq 100000 | head -n 1; echo $?

## a long pipeline of much data
cat /tree/large /tree/large | tr a-y b-z | gzip -c | gunzip -c | tr b-z a-y | sha256sum

## here documents and redirections
cat << END
a $((1 + 2))
END
cat << 'END' > f
$x
END
cat f; echo out; echo err >&2; { echo a; echo b >&2; } 2>&1 | sort; echo x > f; echo y >> f; cat < f; cat nope 2> e; cat e

## descriptors beyond the first three
exec 4> f; echo one >&4; (echo two >&4); exec 4>&-; echo three >&4; echo $?; cat f

## noclobber and truncation
set -C; echo a > f; echo b > f; echo $?; echo c >| f; cat f

## background jobs and wait
(sleep 1; exit 3) & wait $!; echo $?; sleep 0 & sleep 0 & wait; echo done

## a job killed by a signal
for signal in TERM KILL HUP; do sleep 100 & job=$!; (usleep 300000; kill -$signal $job) & wait $job; echo $?; done

## kill by name and number, and of what is not there
kill -l 15; kill -0 $$; echo $?; kill 999999; echo $?

## trap of signals and of the end
sh -c 'trap "echo got it" USR1; kill -USR1 $$; echo after'; sh -c 'trap "echo bye" EXIT; exit 4'; echo $?; sh -c 'trap "" TERM; kill $$; echo alive'

## a signal ends a program, and the status says so
sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -SEGV $$'; echo $?

## a stopped job goes on
sh -c 'sleep 1 & p=$!; kill -STOP $p; sleep 1; grep State /proc/$p/status; kill -CONT $p; wait $p; echo $?'

## subshells have a world of their own
x=1; (x=2; cd /; echo $x); echo $x; pwd | sed 's:.*/::'; y=$(echo sub; exit 5); echo $y $?

## functions, loops, case and arithmetic
f() { for i in "$@"; do case $i in a*) echo "A:$i";; *) echo "other:$i";; esac; done; return 7; }; f abc x 'a b'; echo $?; i=0; while [ $i -lt 3 ]; do i=$((i + 1)); done; echo $i $((7 / 2)) $((2 ** 10)) $((0x10))

## expansion of names
cd /tree; echo *; echo many/file[1-3]; echo .h* names/.h*; echo nope*; echo "*"; echo {a,b}

## variables and their forms
x=path/to/file.txt; echo ${x##*/} ${x%.txt} ${#x} ${x:-no} ${y:-default} ${y:=set} $y ${x/to/from}; set -- a b c; echo $# $2 "$*"; shift; echo $1

## a script by its first line
/tree/script 1 '2 3'; echo $?; /tree/awkscript; cd /tree; ./script; sh script x

## a script without a first line, and what is no program
printf 'echo plain\n' > s; chmod 755 s; ./s; chmod 644 s; ./s; echo $?; ./nope; echo $?; /tree/dir; echo $?; printf '\177ELF nonsense' > e; chmod 755 e; ./e 2> /dev/null; echo $?

## a script whose interpreter is missing
printf '#!/nope/sh\n' > s; chmod 755 s; ./s; echo $?

## exec replaces the shell
sh -c 'exec echo replaced; echo never'; sh -c 'exec nonesuch'; echo $?

## ulimit and nested shells
sh -c 'sh -c "sh -c \"echo three deep\""'; (ulimit -n 20; ulimit -n); (ulimit -n 4; cat /tree/lines /tree/text > /dev/null; echo $?)

## read reads lines
while read -r a b; do echo "$b-$a"; done < /tree/table; echo 'a\b c' | { read x; echo "$x"; }; read x < /tree/nothing; echo $?

## umask
umask; umask 077; touch a; mkdir b; stat -c %a a b; umask 0; touch c; stat -c %a c

## who one is
id; id -u; whoami; groups; echo ~; echo $HOME

## another user's rights
chmod 700 .; mkdir /tmp/u; cp /tree/lines /tmp/u/secret; chmod 600 /tmp/u/secret; su user -c 'cat /tmp/u/secret; ls /home; touch /home/x'; rm -r /tmp/u

## su to a user
su user -c 'id; cat /tree/unended; touch /tree/sticky/mine; rm /tree/sticky/mine; rm /tree/lines; echo $?; cat /tree/shared/owned; echo more >> /tree/shared/owned; touch /tree/shared/new; stat -c "%u:%g" /tree/shared/new; mkdir /x; chown 0 /tree/shared/new'

## the sticky directory keeps others' files
touch /tree/sticky/roots; su user -c 'rm -f /tree/sticky/roots; echo $?; mv /tree/sticky/roots /tree/sticky/other; touch /tree/sticky/own; mv /tree/sticky/own /tree/sticky/again; ls /tree/sticky'

## search permission on the way
mkdir d; echo x > d/f; chmod 711 . ; chmod 700 d; su user -c "cat $PWD/d/f; ls $PWD/d; cd $PWD/d"; chmod 711 d; su user -c "cat $PWD/d/f; ls $PWD/d"

## ps, pidof and /proc of the shell itself
ps > out; grep -c . out > /dev/null && echo lists; cat /proc/self/comm; ls -l /proc/self/exe | sed 's/.* -> //'; readlink /proc/self/cwd | sed 's:.*/::'; tr '\0' ' ' < /proc/self/cmdline; echo

## descriptors in /proc/self/fd
exec 5< /tree/lines; readlink /proc/self/fd/5; cat /proc/self/fd/5; ls -l /proc/self/fd/5 | sed 's/.* //'

## the mounts in /proc
mkdir t; mount -t tmpfs none t; grep -c " $PWD/t tmpfs " /proc/mounts; grep -c " $PWD/t " /proc/self/mountinfo; umount t; grep -c " $PWD/t tmpfs " /proc/mounts

## /proc/filesystems and cpuinfo
grep -w -e overlay -e tmpfs /proc/filesystems | sort; grep -c ^processor /proc/cpuinfo > /dev/null && echo some

## /dev
ls -l /dev/null /dev/zero /dev/full /dev/random /dev/urandom | cut -c1-10; head -c 5 /dev/zero | od -c; echo x > /dev/full; echo $?; head -c 16 /dev/urandom | wc -c; cat /dev/null; echo > /dev/null

## sleep is interrupted, time goes on
a=$(date +%s); sleep 1; b=$(date +%s); [ $((b - a)) -ge 1 ] && [ $((b - a)) -le 5 ] && echo slept

## hostname, uname and nproc
uname -s; uname -m; hostname > /dev/null; echo $?; [ $(nproc) -ge 1 ] && echo some

## a fifo between two programs
mkfifo p; (echo through the fifo > p) & cat p; wait

## named pipes with several writers
mkfifo p; (for i in 1 2 3; do echo $i; done > p) & (while read x; do echo "got $x"; done < p); wait

## start-stop-daemon runs in the background
start-stop-daemon -S -b -m -p "$PWD/pid" -x /bin/sleep -- 100; sleep 1; kill -0 $(cat pid) && echo runs; start-stop-daemon -K -p "$PWD/pid" > /dev/null; sleep 1; kill -0 $(cat pid) 2> /dev/null; echo $?

## setsid, nohup and renice
setsid echo alone; nohup echo on 2> /dev/null; renice -n 5 -p $$; echo $?

## many processes
for i in 1 2 3 4 5 6 7 8 9 10; do (echo $i) & done | sort -n; wait; i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i + 1)); done; echo $i

## deep recursion of a shell function
f() { [ $1 -eq 0 ] && echo bottom || f $(($1 - 1)); }; f 200

## large output through command substitution
x=$(cat /tree/large); echo ${#x}; echo "$x" | md5sum
