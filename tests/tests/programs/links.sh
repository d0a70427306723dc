#!/bin/sh
# The mounts below the current directory: what of its file system each shows, and what it is to others. The numbers of
# groups are counted as they come.
awk -v top="${PWD%/}/" '
{
    path = $5
    if (index(path, top) != 1) next
    text = substr(path, length(top) + 1) " " $4
    for (i = 7; $i != "-"; i++) {
        split($i, part, ":")
        text = text " " part[1]
        if (part[2]) {
            if (!(part[2] in seen)) seen[part[2]] = ++count
            text = text ":" seen[part[2]]
        }
    }
    print text
}' /proc/self/mountinfo | sort
echo .
