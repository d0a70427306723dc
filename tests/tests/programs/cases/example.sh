## the script from the documents, whose last line BusyBox refuses: its rm has no -d
cd /tmp
mkdir todel
cd todel
mkdir base diff overlay workdir
echo "test data" > base/test1
mount \
-t overlay \
-o lowerdir=base,upperdir=diff,workdir=workdir \
overlay \
overlay
touch overlay/test2
ls overlay/
ls diff/
echo "modified test data" >> overlay/test1
cat diff/test1
cat base/test1
umount overlay
cd ..
rm -dr todel
