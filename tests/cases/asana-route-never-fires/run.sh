#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); hook listen --port $p -s -p asana --on 'task.changed=echo FIRED' --count 1 --for 5s 2>&1 & listener=$!; PIDS+=("$listener"); up $p
hook send task.changed -p asana --to :$p -q; wait "$listener"
