# Large programs of a developer's day: version control, a database, another language.
exec 2>&1
export PATH=/usr/bin:/bin LC_ALL=C TZ=UTC0 HOME=/tmp GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=one GIT_AUTHOR_EMAIL=one@example.org GIT_COMMITTER_NAME=one GIT_COMMITTER_EMAIL=one@example.org
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000' GIT_PAGER=cat

echo "## git"
mkdir repository && cd repository
git init -q -b main --template= .
for i in {1..40}; do mkdir -p "d$((i % 7))"; seq "$i" $((i + 30)) > "d$((i % 7))/f$i"; done
ln -s d1/f1 link; chmod 755 d1/f8
git add . && git commit -q -m first && git log --stat --oneline | tail -n 3
git checkout -q -b side; seq 100 > d1/f1; git mv d2/f2 d2/renamed; git commit -q -am second
git checkout -q main; echo changed >> d3/f3; rm d4/f4; git status --short; git commit -q -am third
git merge -q -m merged side; git log --graph --oneline; git diff HEAD~1 --stat; git ls-files -s | sha1sum
git checkout -q -b clash HEAD~1; echo other > d1/f1; git commit -q -am clash; git merge side; git status --short | head -n 2; git merge --abort
git rebase -q main; git rebase --abort
git stash list; echo dirty >> d5/f5; git stash -q; git stash pop -q; git diff --shortstat; git checkout -q d5/f5
git gc -q; git fsck --strict; git count-objects; git clone -q . ../clone; git -C ../clone log --oneline | wc -l
git -C ../clone fetch -q ../repository side; git worktree add -q ../tree side; ls ../tree; git grep -c 30 | head -n 3; git archive main | sha1sum
git bisect start main main~2 > /dev/null; git bisect run test ! -e d2/renamed | tail -n 1; git bisect reset -q 2> /dev/null
cd ..

echo "## sqlite3"
sqlite3 base << 'END'
PRAGMA journal_mode=WAL;
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i, 'row ' || i FROM n;
BEGIN; DELETE FROM t WHERE a % 2 = 0; ROLLBACK;
SELECT count(*), sum(a), max(b) FROM t;
CREATE INDEX i ON t(b); SELECT a FROM t WHERE b = 'row 77';
PRAGMA wal_checkpoint; PRAGMA integrity_check; PRAGMA journal_mode=DELETE; VACUUM;
END
(printf "BEGIN EXCLUSIVE;\n"; sleep 0.3; printf "INSERT INTO t VALUES(9999, 'late');\nCOMMIT;\n") | sqlite3 base &
sleep 0.1; sqlite3 base "INSERT INTO t VALUES(9998, 'now');"; sqlite3 -cmd '.timeout 5000' base "INSERT INTO t VALUES(9998, 'waited');"; wait
sqlite3 base 'SELECT * FROM t WHERE a > 9000' '.dump t' | sha1sum; ls

echo "## perl"
perl -e 'open F, ">", "f" or die; print F "$_\n" for 1..100; close F; open F, "+<", "f"; flock F, 2; seek F, 10, 0; print scalar <F>; truncate F, 20; print -s F, "\n"'
perl -e '$SIG{CHLD} = sub { $n++ }; for (1..5) { if (!fork) { exit $_ } } $s += $? >> 8 while wait > 0; print $s, $n > 0 ? " some" : " none", "\n"'
perl -e 'pipe R, W; if (!fork) { close R; print W "from the child\n"; exit } close W; print <R>; wait; print $?, "\n"; eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; select undef, undef, undef, 5 }; print $@'
perl -e 'socketpair A, B, 1, 1, 0 or die; syswrite A, "over a socket\n"; print scalar <B>; opendir D, "repository/d1"; print join(" ", sort readdir D), "\n"; @s = stat "f"; print "$s[2] $s[7]\n"; $! = 2; print "$!\n"; print `echo backticks`; system "exit 3;"; print $? >> 8, "\n"'
