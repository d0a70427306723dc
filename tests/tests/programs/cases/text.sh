## head and tail by lines and bytes
head -n 2 /tree/lines; tail -n 1 /tree/lines; head -c 4 /tree/text; echo; tail -c 5 /tree/text; tail -n +2 /tree/lines; head -n -1 /tree/lines

## tail -f follows what is appended, across the copy-up
tail -f /tree/lines > out & p=$!; sleep 1; echo four >> /tree/lines; sleep 2; kill $p; cat out

## wc counts
wc /tree/lines /tree/text /tree/large; wc -l < /tree/numbers; wc -c /tree/nothing; wc -L /tree/text

## grep and its statuses
grep o /tree/lines; grep -c 1 /tree/numbers; grep -vn t /tree/lines; grep nope /tree/lines; echo $?; grep x /tree/nope; echo $?

## grep -r, -l, -i, -w, -E and -F
grep -r deep /tree/dir | sort; grep -rl in /tree/dir | sort; grep -i QUICK /tree/text; grep -w fo /tree/text; grep -E '(one|two)$' /tree/lines; grep -F 't.o' /tree/lines; echo $?

## sed, and in place
sed -n '2p;s/e$/E/p' /tree/lines; cp /tree/lines f; sed -i 's/o/0/g;2d' f; cat f; sed -i '1i first' /tree/lines; cat /tree/lines

## awk sums columns
awk '{ sum += $2 } END { print sum, NR }' /tree/table; awk -F x '{ print NF }' /tree/table; awk 'NR > 1 { print > "out" NR }' /tree/lines; cat out2 out3

## sort in many ways
sort /tree/table; sort -u -k1,1 /tree/table; sort -k2n /tree/table; sort -rn /tree/numbers | head -2; sort -c /tree/numbers; echo $?

## uniq, cut, tr, paste, rev, tac, nl, fold, expand
cut -d' ' -f1,3 /tree/table; cut -c2-4 /tree/text; tr a-z A-Z < /tree/text; tr -d aeiou < /tree/lines; paste /tree/lines /tree/text; rev /tree/lines; tac /tree/lines; nl /tree/lines; fold -w 8 /tree/text; printf 'a\tb\n' | expand

## seq, yes, expr, factor and printf
seq 3; seq 1 2 7; yes | head -n 2; expr 3 + 4 \* 2; factor 360; printf '%05d|%-5s|%x|%c\n' 42 ab 255 z

## od, hexdump and xxd
od -c /tree/lines; hexdump -C /tree/unended; xxd /tree/lines; xxd -p /tree/lines | xxd -p -r

## digests
cd /tree; md5sum lines large; sha1sum lines; sha256sum lines large | tee /tmp/sums; sha512sum text | cut -c1-20; sha256sum -c /tmp/sums; crc32 lines; rm /tmp/sums

## base64 and uuencode
base64 /tree/text; base64 /tree/text | base64 -d | cmp - /tree/text && echo same; uuencode x < /tree/lines | uudecode -o - | cmp - /tree/lines && echo same

## tee writes to all
echo x | tee a b; cat a b; echo y | tee -a a > /dev/null; cat a; echo z | tee /tree/lines; cat /tree/lines

## xargs gives arguments
ls /tree/many | sort | xargs echo; seq 5 | xargs -n 2 echo; printf 'a b\0c\0' | xargs -0 -n 1 echo; echo x | xargs false; echo $?; seq 3 | xargs -I N echo "<N>"

## test and [
test -f /tree/lines && test -d /tree/dir && test -L /tree/link && ! test -e /tree/dangling && echo right; [ -s /tree/nothing ]; echo $?; [ /tree/hard1 -ef /tree/hard2 ] && echo same; [ 3 -lt 10 -a a = a ] && echo yes; [ -x /tree/script ] && [ -u /tree/setid ] && [ -k /tree/sticky ] && echo bits

## basename, dirname, which
basename /a/b/c.txt .txt; dirname /a/b/c; which busybox; which nonesuch; echo $?

## env, printenv and the environment of programs
env -i A=1 B=2 env | sort; A=5 sh -c 'echo $A'; env -u HOME sh -c 'echo ${HOME-none}'

## date of fixed times
date -u -d @86400 '+%Y-%m-%d %H:%M:%S'; TZ=EST5 date -d @0 +%H:%M; date -r /tree/lines -u +%F

## ed edits
cp /tree/lines f; printf '2s/two/TWO/\n$a\nfour\n.\nw\nq\n' | ed f; cat f

## dc, bc and cal
echo '2 3 ^ p' | dc; echo 'scale=3; 10/7' | bc; cal 2 2024

## vi in a script of keys
cp /tree/lines f; printf 'ddGofour\033:wq\n' > keys; vi -c ':1d' -c ':wq' f > /dev/null 2>&1; cat f

## strings, dos2unix, unix2dos
printf 'a\r\nb\r\n' > f; dos2unix f; od -c f; unix2dos f; od -c f; strings /tree/text | head -1

## cpio -t, -o and -i
cd /tree; find dir | sort | cpio -o -H newc 2> /dev/null > /tmp/a.cpio; cpio -t < /tmp/a.cpio 2> /dev/null; mkdir /tmp/x; cd /tmp/x; cpio -id < /tmp/a.cpio 2> /dev/null; find . | sort; cat dir/deep/file; rm -r /tmp/x /tmp/a.cpio

## timeout ends what takes too long
timeout 1 sleep 10; echo $?; timeout 5 true; echo $?; timeout -s KILL 1 sleep 10; echo $?

## time-free programs: true, false, yes, sleep, usleep
true; echo $?; false; echo $?; sleep 0; echo $?; usleep 1000; echo $?
