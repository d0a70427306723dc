# Control of jobs by script: stopped, going on, ended, waited for; groups of processes and who is in them.
exec 2>&1
export PATH=/usr/bin:/bin LC_ALL=C
state() { until [[ $(jobs "$1" 2> /dev/null) == *"$2"* ]]; do sleep 0.01; done; }
group() { cut -d' ' -f5 "/proc/$1/stat"; }
set -m
sleep 100 & sleep 200 | cat &
jobs
kill -STOP %1; state %1 Stopped; jobs
bg %1; state %1 Running; jobs; jobs -s; jobs -r
kill %1; wait %1; echo "$?"; jobs
kill -INT %2; wait %2; echo "$?"; jobs
(sleep 0.05; exit 4) & fg; echo "$?"
(kill -STOP "$BASHPID"; exit 6); echo "stopped $?"; jobs; fg; echo "$?"
(trap 'echo going on' CONT; kill -STOP "$BASHPID"; exit 9); bg; wait %1; echo "$?"
fg %7; bg %7; kill %7
sleep 0.01 & wait -n; echo "$?"; jobs
sleep 100 & [ "$(group $!)" = $! ] && echo "a group of its own"; kill %%; wait %%; echo "$?"
sleep 100 | sleep 100 & [ "$(group $!)" = "$(jobs -p %%)" ] && echo "the first's"; kill %%; wait %% 2> /dev/null; echo "$?"
trap 'echo child' CHLD; (exit 3); sleep 0.01 & wait; trap - CHLD
set +m
sleep 100 & [ "$(group $!)" = "$(group $$)" ] && echo "the shell's"; kill $!; wait $!; echo "$?"
coproc cat; echo to and fro >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; kill $!; wait $!; echo "$?"
