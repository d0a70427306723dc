## unzip lists, prints, unpacks and does not overwrite
echo UEsDBAoAAAAAAKMgQyqfqBf4BAAAAAQAAAABAAAAYW9uZQpQSwMEFAAAAAgAoyBDKubSeKcJAAAADAAAAAEAAABiKynPVyiBYC4AUEsBAh4DCgAAAAAAoyBDKp+oF/gEAAAABAAAAAEAAAAAAAAAAQAAAKSBAAAAAGFQSwECHgMUAAAACACjIEMq5tJ4pwkAAAAMAAAAAQAAAAAAAAABAAAApIEjAAAAYlBLBQYAAAAAAgACAF4AAABLAAAAAAA= | base64 -d > z.zip
unzip -l z.zip; unzip -p z.zip b; unzip -q z.zip; cat a b; stat -c '%n %a' a b; echo mine > a; unzip -qn z.zip; cat a; unzip -qo z.zip -x b -d there; cat a there/a; ls there; unzip -q nothing.zip; unzip -q /tree/lines; echo $?

## xz and lzma are unpacked, by name and by pipe, and broken ones are not
echo /Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4AApACNdADmbyfLnULjF4l2l1S8YUCKxI3dV1GKzQuV0vB+dofq++QAAAABBvnzJUcBYbgABPyrBVuOjH7bzfQEAAAAABFla | base64 -d > t.xz
echo XQAAgAD//////////wA5m8ny51C4xeJdpdUvGFAisSN3VdRis0LldLwfnaH6xE75Mr/9HNqA | base64 -d > u.lzma
xzcat t.xz; xz -dc < t.xz; lzcat u.lzma; unxz -k t.xz; unlzma u.lzma; ls; cat t u; unxz t.xz; echo $?; head -c 40 t.xz > broken.xz; unxz broken.xz; echo $?; ls

## a file packed the old way
echo H52QcMKMWVOGDAg6aMqAeMOGDIg7YfIoAA== | base64 -d > old.Z; uncompress -c old.Z; uncompress old.Z; ls; cat old; zcat old; echo $?

## lzop there and back
lzop -c /tree/large > large.lzo; lzop -dc large.lzo | cmp - /tree/large && echo same; cp /tree/table .; lzop table; ls; rm table; lzop -d table.lzo; cmp table /tree/table && ls; lzop -t large.lzo; echo $?

## gzip and bzip2 keep the mode
cp -p /tree/script s; gzip s; stat -c '%n %a' s.gz; gunzip s.gz; stat -c '%n %a' s; bzip2 s; stat -c '%n %a' s.bz2; bunzip2 s.bz2; stat -c '%n %a' s; cmp s /tree/script; gzip -9 < /tree/large | gunzip | cmp - /tree/large; gunzip missing.gz; gzip -t /tree/lines; echo $?

## an ar archive made by hand
member() { printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' "$1" 981173106 0 0 100644 ${#2}; printf %s "$2"; [ $((${#2} % 2)) = 0 ] || echo; }
{ printf '!<arch>\n'; member one/ 'the first'; member two/ 'second'; } > x.ar
ar t x.ar; ar p x.ar two; ar xo x.ar; cat one two; stat -c '%n %s %a %Y' one two; ar t /tree/lines; echo $?

## a package made by hand, listed, unpacked and removed again
member() { printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' "$1" 0 0 0 100644 $(stat -c %s "$1"); cat "$1"; [ $(($(stat -c %s "$1") % 2)) = 0 ] || echo; }
mkdir -p data/opt/thing control; echo content > data/opt/thing/file; ln -s file data/opt/thing/link
printf 'Package: thing\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody\nDescription: a thing\n' > control/control
echo 2.0 > debian-binary; tar czf control.tar.gz -C control ./control; tar czf data.tar.gz -C data ./opt
{ printf '!<arch>\n'; member debian-binary; member control.tar.gz; member data.tar.gz; } > thing.deb
dpkg-deb -f thing.deb; dpkg-deb -c thing.deb | awk '{ print $1, $6, $7, $8 }' | sort; dpkg-deb -x thing.deb out; find out | sort; dpkg-deb -e thing.deb; cat DEBIAN/control | head -1
mkdir -p /var/lib/dpkg/info; : > /var/lib/dpkg/status; dpkg -i thing.deb; cat /opt/thing/link; dpkg -l | grep thing; ls /var/lib/dpkg/info; dpkg -r thing; ls /opt/thing 2>&1; echo $?

## what is no rpm
rpm2cpio /tree/lines; echo $?; rpm -qpi /tree/lines; echo $?

## cpio there and back, by every way that it knows
cd /tree; find . | sort | cpio -o -H newc 2> /dev/null > /tmp/all.cpio; mkdir /tmp/x; cd /tmp/x; cpio -idm < ../all.cpio 2> /dev/null; listing -laR .; cpio -t < ../all.cpio 2> /dev/null | wc -l; cd /home; find /tree/dir | cpio -pdm copied 2> /dev/null; find copied | sort; cpio -id < /tree/lines; echo $?

## mail parts and uuencoded files
uuencode -m /tree/table name | tee coded | head -1; uudecode -o t coded; cmp t /tree/table && echo same; uuencode x < /tree/lines > c; uudecode -o - c; printf 'Content-Type: text/plain\n\nbody\n' > m; reformime m 2>&1 | head -2; makemime -o made /tree/lines; grep -c Content made

## sums of every kind, made and checked
cd /tree; for sum in md5sum sha1sum sha256sum sha3sum sha512sum; do $sum lines large > /tmp/s; cat /tmp/s; $sum -c /tmp/s; echo "$?"; done; cksum lines; sum lines; crc32 lines; cd /tmp; echo "0  /tree/lines" > bad; md5sum -c bad; echo $?
