## a fifo's two ends, whoever comes first
mkfifo p; (sleep 1; echo late > p) & cat p; (cat p; echo read) & sleep 1; echo first > p; wait

## a fifo for both ways and again
mkfifo a b; (read x < a; echo "answer to $x" > b) & echo question > a; cat b; wait; (read x < a; echo "again $x" > b) & echo more > a; cat b; wait

## one fifo over its copy-up
mkdir t; mount -t tmpfs t t; cd t; mkdir l u w m; mkfifo l/p; mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m || exit 1
(exec 3< m/p; echo opened; cat <&3) & sleep 1; ls u; exec 4<> m/p; chmod 600 m/p; stat -c '%F %a' u/p; echo over the copy-up > m/p; exec 4>&-; wait; cd ..; umount t/m; umount t

## a fifo on the overlay, made, renamed and removed while open
mkfifo /tree/empty/p; exec 3<> /tree/empty/p; mv /tree/empty/p /tree/q; echo renamed > /tree/q; read x <&3; echo "$x"; rm /tree/q; echo removed >&3; read x <&3; echo "$x"; ls /tree/q

## the rights of a fifo
mkfifo -m 620 p; chown 1000:100 p; chmod 755 .; ls -l p | cut -c1-10; su user -c 'cat p < /dev/null & sleep 1; kill $! 2> /dev/null; echo x > p' 2>&1 | head -1 & (timeout 3 cat p); wait; setuidgid 77 sh -c ': > p' 2>&1

## a writer is told that nobody reads
mkfifo p; (sh -c 'while :; do echo x; done > p'; echo $?) & head -n 2 p; wait; (trap '' PIPE; sleep 1; echo x; echo $? >&2) 2>&1 > /dev/null | :

## tee, and readers that take turns
mkfifo a b; (cat a; echo a ends) > out1 & (cat b; echo b ends) > out2 & seq 1 2000 | tee a > b; wait; tail -n 2 out1; tail -n 2 out2; cmp out1 out2 | cut -c1-20

## large data through fifos and filters
mkfifo p q; cat /tree/large > p & tr a-z A-Z < p > q & md5sum < q; wait; dd if=/dev/zero bs=100k count=20 2> /dev/null | tee /dev/null | dd bs=1k 2> /dev/null | wc -c

## dd and short blocks of a pipe
(echo a; sleep 1; echo bc) | dd bs=100 2>&1 | head -n 3; seq 1 100000 | dd bs=7 count=3 2> /dev/null; yes | dd bs=64k count=2 iflag=fullblock 2> /dev/null | wc -c

## shell redirections that keep ends open
mkfifo p; exec 5<> p; echo one >&5; echo two >&5; read a <&5; read b <&5; echo "$b $a"; exec 5>&-; timeout 1 sh -c 'cat p'; echo $?

## a pipe by its number
echo through | cat /dev/stdin; echo late | (sleep 1; cat /dev/stdin); echo again | (cat /proc/self/fd/0); echo out | cat > /dev/stdout; (echo one; echo two) | (read x; cat /dev/fd/0; echo "$x"); readlink /proc/self/fd/0 < /tree/lines; sleep 0 | readlink /proc/self/fd/0 | cut -c1-6
