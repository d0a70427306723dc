#!/bin/sh
# Lists as ls does, without what has to differ: how large a directory is, and times of now.
ls --full-time "$@" | grep -v '^total' | awk '{
    if ($1 ~ /^d/) $5 = "-"
    if (NF > 8 && $6 !~ /^(2024-02-03|2001-02-03)$/) $6 = $7 = $8 = "now"
    print
}'
