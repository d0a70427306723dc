# Runs the same in the guest and on Linux; every program is dynamic.
exec 2>&1
export PATH=/usr/bin:/bin TZ=UTC0 LC_ALL=C HOME=/
umask 022
cd /tmp
mkdir work && cd work

echo "## the shell"
declare -A color=([sky]=blue [grass]=green)
words=(one two three "four five")
echo "${#words[@]} ${words[-1]} ${color[sky]} ${words[@]^^}"
for ((i = 0, sum = 0; i < 2000; i++)); do ((sum += i)); done; echo "$sum"
printf '%05d|%-8s|%x\n' 42 text 255
[[ "file-2024.txt" =~ ^([a-z]+)-([0-9]+)\. ]] && echo "${BASH_REMATCH[2]}"
f() { local x=$1; ((x < 2)) && echo 1 && return; echo $((x * $(f $((x - 1))))); }
f 8
trap 'echo caught' USR1; kill -USR1 $$; trap - USR1
(exit 3) || echo "status $?"
echo one | (read -r line; echo "got $line") | tr a-z A-Z
{ sleep 0.05; exit 5; } & wait $!; echo "waited $?"
set -o pipefail; false | true; echo "$?"; set +o pipefail
mapfile -t lines < <(seq 3); echo "${lines[*]}"
cat << END
$(echo here) and \$there
END
/missing/program; echo "$?"
printf '#!/missing/interpreter\n' > script; chmod +x script; ./script; echo "$?"
bash -c 'echo "$0 $*"; exec echo replaced' zero a b

echo "## files"
seq 1000 > numbers
wc numbers; head -n 2 numbers; tail -n 2 numbers; sha256sum numbers; md5sum numbers; cksum numbers
mkdir -p a/b/c; ln -s ../numbers a/link; ln numbers a/hard; touch -d @86400 a/b/old
stat -c '%n %s %a %h %F' a/hard a/link a/b/old; stat -c %Y a/b/old
cp -a a copy; ls -R copy; stat -c '%n %s %a %h %F' copy/*; stat -c %Y copy/b/old
mv copy moved; rm -r moved/b; ls -A moved; rmdir moved 2>&1; rm -r moved
dd if=/dev/zero of=zeros bs=4k count=16 status=none; truncate -s 100000 zeros; stat -c %s zeros
install -m 700 numbers installed; ls -l installed | cut -d' ' -f1
readlink -f a/link; realpath a/b/../link; basename /x/y.txt .txt; dirname /x/y
cat missing; ls missing; cd missing
sync; touch ''; chmod 4755 installed; ls -l installed | cut -c1-10

echo "## text"
shuf -i 1-500 --random-source=numbers | sort -n --parallel=4 | sha256sum
sort -r --buffer-size=16K numbers | uniq | head -n 3
seq 5 > x; seq 3 8 > y; paste -d, x y; paste -d+ <(seq 2) <(seq 3 4); join x y; comm -12 x y; head -n 1 /dev/stdin < y
echo 'a:b:c' | cut -d: -f2- ; echo hello | tac; nl numbers | tail -n 1
base64 <<< "some text"; fold -w 10 <<< "a long line of text"; expand <<< $'a\tb' ; fmt -w 20 <<< "some words to be filled"
factor 1234567890123456789012345678901; expr 7 \* 6; numfmt --to=iec 1048576; seq -s+ 5; od -An -tx1 <<< abc
split -n 3 numbers part.; cat part.* | sha256sum; ls part.*; tr -d 0-4 < numbers | head -n 6 | tail -n 1
date -u -d @1000000000 +%FT%T; printf '%s\n' "$(echo {a..e})"; tsort <<< "a b b c"; csplit -s numbers 500; wc -l xx00

echo "## processes"
id -u; env -i A=1 env; timeout 0.1 sleep 5; echo "$?"; uname -s; pwd -P; test -t 0; echo "$?"
stdbuf -o0 echo unbuffered; yes | head -n 3; printenv HOME; (sleep 5 & kill $!; wait $!; echo "$?")
{ bash -c 'kill -SEGV $$'; echo "$?" >&3; bash -c 'kill -9 $$'; echo "$?" >&3; } 3>&1 2> /dev/null
for i in 1 2 3 4 5 6 7 8; do (seq "$i" | wc -l) & done | sort -n | tr '\n' ' '; echo
LD_BIND_NOW=1 env true; LD_PRELOAD=/missing.so env true; /lib64/ld-linux-x86-64.so.2 /bin/echo by its interpreter
/lib64/ld-linux-x86-64.so.2 --list /bin/ls | cut -d' ' -f1 | sort | head -n 2

echo "## maps"
cat /proc/self/maps > maps
while read -r _ rights offset _ inode path; do
    [ "${path#/}" = "$path" ] || echo "$rights $offset $path $((inode == $(stat -c %i "$path")))"
done < maps
cp "$(type -p cat)" 'my cat'
./my\ cat /proc/self/maps | while read -r _ rights offset _ _ path; do
    case $path in *my*) echo "$rights $offset $path" ;; esac
done
while read -r line; do
    [[ $line =~ ^[0-9a-f]{8,}-[0-9a-f]{8,}\ [-r][-w][-x]p\ [0-9a-f]{8}\ [0-9a-f]{2}:[0-9a-f]{2}\ [0-9]+($|\ ) ]] || echo "$line"
    [[ $line != *'[stack]' && $line != *'[vdso]' ]] || echo "${line:73}"
done < maps | sort

# A program that runs is not written, and what is written does not run.
sleep 5 & cp "$(type -p sleep)" sleeper; ./sleeper 5 & sleep 0.1
echo x >> sleeper; echo "$?"; : > sleeper; echo "$?"; truncate -s 1 sleeper; echo "$?"; mv sleeper renamed; rm renamed; kill %1 %2; wait
exec 3>> 'my cat'; ./my\ cat run.sh; echo "$?"; exec 3>&-; exec 3< 'my cat'; ./my\ cat run.sh; exec 3<&-
printf '#!/bin/bash\necho writes >> "$0"\n' > writer; chmod 755 writer; ./writer; ./writer

echo "## jobs"
bash /jobs.sh
bash /tools.sh
echo "the end"
