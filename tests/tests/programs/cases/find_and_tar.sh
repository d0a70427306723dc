## find by name, type and size
cd /tree; find . -name 'file*' | sort; find . -type l | sort; find . -type d -empty; find . -size +100k; find . -type f -links 2 | sort

## find by mode, owner and time
cd /tree; find . -perm 600; find . -perm -4000; find . -user 1000 | sort; find . -newer script; find . -mtime +10000

## find with depth, pruning and actions
cd /tree; find . -maxdepth 1 -type d | sort; find dir/deep/deeper -depth; find . -path ./many -prune -o -type f -print | sort | head -5; find many -name 'file1?' -exec echo '<{}>' \; | sort; find dir -type f -exec cat {} + | sort

## find follows links with -L only
cd /tree; find linkdir; find linkdir/ | sort; find -L linkdir | sort

## find removes a merged tree
find /tree/many -name 'file1*' -exec rm {} \; ; ls /tree/many; find /tree/dir -depth -type f -exec rm {} + ; find /tree/dir -depth -type d -exec rmdir {} \; ; ls /tree/dir

## find sees what changed, and once each
rm /tree/many/file3; touch /tree/many/file3 /tree/many/new; mv /tree/many/file5 /tree/many/moved; find /tree/many | sort

## tar round trip of the whole tree
tar cf t.tar -C / tree; mkdir x; tar xf t.tar -C x; cd x; listing -laR tree; test tree/hard1 -ef tree/hard2 && echo one file

## tar t lists as it is
tar cf t.tar -C /tree dir link hard1 hard2 script; tar tvf t.tar | sort

## tar with gzip, bzip2 and by pipe
tar czf t.gz -C /tree dir; tar tzf t.gz | sort; tar cf - -C /tree many | tar xf -; ls many; gunzip -c t.gz | tar tf - | wc -l

## tar over what is there
tar cf t.tar -C /tree dir lines; mkdir dir; echo old > dir/file; echo old > lines; tar xf t.tar; cat dir/file lines; find . | sort

## tar of changed files of lower layers
echo changed >> /tree/dir/deep/file; rm /tree/dir/file; tar cf - -C /tree dir | tar xOf - dir/deep/file; tar cf - -C /tree dir | tar tf - | sort

## tar of names that are not ASCII and long ones
d=$(printf '%090d' 0); mkdir -p n/$d/$d; echo x > n/$d/$d/Ω; tar cf t.tar n; tar tf t.tar | wc -c; mkdir y; tar xf t.tar -C y; cat y/n/$d/$d/Ω

## tar of a link and a fifo
mkdir d; ln -s target d/l; mkfifo d/p; tar cf t.tar d; rm -r d; tar xf t.tar; ls -l d | cut -c1-10; readlink d/l

## gzip, gunzip and zcat
cp /tree/large f; gzip f; ls; zcat f.gz | cmp - /tree/large && echo same; gunzip f.gz; ls; gzip -c f | gzip -d | cmp - f && echo same

## bzip2 and bunzip2
cp /tree/large f; bzip2 f; ls; bzcat f.bz2 | cmp - /tree/large && echo same; bunzip2 f.bz2; ls; cmp f /tree/large && echo same

## unxz says what is no archive
unxz < /tree/lines; echo $?; gunzip -c /tree/lines; echo $?

## tar of what does not exist
tar cf t.tar nope; echo $?; tar xf nope.tar; echo $?
