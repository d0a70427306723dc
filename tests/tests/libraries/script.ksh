# What a shell asks of its C library and of the kernel. $1 is the library; nothing here depends on time or numbers of processes.
me=/bin/$1
print "arguments: $# $1; flags: ${-//[!e]/}"
set -A list one two three
print "${list[*]} ${#list[*]} $((0x10 + 3 * 7)) ${1%%l*} ${1#?}"

print "# files"
print -n "first line
second line
" > $1.text
print "appended" >> $1.text
while read -r line; do print "<$line>"; done < $1.text
cat $1.text
[[ -f $1.text && -s $1.text && ! -d $1.text ]]; print "is a file: $?"
print over >| $1.text; set -C; print over > $1.text; print "noclobber: $?"; set +C
: > $1.b; : > $1.a; print $1.*; print /dev/nul[l]
rename $1.a $1.c; print $1.*
rename $1.missing x; print "missing: $?"
print text > /tmp/none/file; print "no directory: $?"
cat < $1.missing; print "no file: $?"
cd /tmp/none; print "cd: $? $PWD"
realpath /bin/../bin/./$1
umask 077; umask; umask 022
cat <<END
here: $1 $((6 * 7))
END

print "# processes"
print "substitution: $(print inner; exit 3) $?"
print "pipeline: $(print -n abc | while read -rN1 c; do print -n "[$c]"; done | cat)"
( exit 5 ); print "subshell: $?"
$me -c 'exit 6'; print "program: $?"
$me -c 'kill -TERM $$'; print "killed: $?"
$me -c 'kill -SEGV $$' 2> /dev/null; print "killed: $?"
/tmp; print "a directory: $?"
./$1.text; print "not executable: $?"
/bin/missing; print "not there: $?"
print 'print "by itself: $1"' > $1.program; 
$me $1.program with; print "status $?"
sleep 0.05 & first=$!; $me -c 'exit 9' & second=$!
wait $second; print "second: $?"; wait $first; print "first: $?"; wait; print "all: $?"
(sleep 10) & kill -9 $!; wait $! 2> /dev/null; print "killed while it slept: $?"

print "# signals"
trap 'print "caught USR1"' USR1; kill -USR1 $$; print "after"
trap '' USR2; kill -USR2 $$; print "ignored"
$me -c 'kill -USR2 $$; print "ignored by children too"'
trap - USR1 USR2
( trap 'print "subshell ends"' EXIT; exit 0 )
$me -c 'trap "print interrupted; exit 4" TERM; (sleep 0.05; kill -TERM $$) & while :; do sleep 0.01; done'; print "status $?"

print "# descriptors"
exec 3> $1.three; print -u3 "to three"; exec 3>&-; cat $1.three
exec 4< $1.three; read -u4 line; print "from four: $line"; exec 4<&-
{ print out; print -u2 err; } 2>&1 > $1.out | while read -r line; do print "piped: $line"; done; cat $1.out
cat |& print -p "through a co-process"; read -p line; print "$line"; exec 5>&p; exec 5>&-; wait
print broken | :; print "a pipe that nobody reads: $?"

print "# options"
while getopts ab:c option -a -b value -c rest; do print "$option ${OPTARG-}"; done
typeset -i16 hexadecimal=255; print $hexadecimal
typeset -Z5 padded=42; print $padded
print "${list[1]/w/W}" "${#1}" "$(( RANDOM >= 0 ))"
function recurse { (( $1 == 0 )) && return 0; recurse $(( $1 - 1 )); print -n "$1 "; }
recurse 20; print
exit 7
