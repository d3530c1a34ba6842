#!/bin/bash
# watching.sh COMMAND [PATTERN ACTION]...
# Shows what a command says that does not end by itself (a watch); runs each action at the first line with its pattern,
# one after the other, and ends the command after the last.
exec 3< <(exec $1 2>&1)
pid=$!
shift
while [ $# -gt 0 ] && IFS= read -r -t 20 -u 3 line; do
    echo "$line"
    if [[ $line == *"$1"* ]]; then
        eval "$2" >/dev/null
        shift 2
    fi
done
kill "$pid"
[ $# -eq 0 ]
