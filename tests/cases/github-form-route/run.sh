#!/bin/bash
. "$(dirname "$0")/../lib.sh"
cat > hook.toml <<'E'
[[route]]
event = "push"
where = { "ref" = "refs/heads/main" }
run = "echo DEPLOYED"
E
hook config trust >/dev/null 2>&1
p=$(free); hook listen --port $p -s literal:k -p github --count 1 --for 4s 2>&1 & listener=$!; PIDS+=("$listener"); up $p
hook send push -p github -s literal:k --body 'payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D' -H 'Content-Type: application/x-www-form-urlencoded' --to :$p -q; wait "$listener"
