#!/bin/bash
# GitHub's delivery header is not signed: whoever has one signed request could run the command again by counting it up.
. "$(dirname "$0")/../lib.sh"
export S=topsecret; body='{"ref":"main"}' port=$(free); hex=$(printf %s "$body" | mac $S); touch n
listen --secret env:S -p github --exec "echo ran >> $T/n" --count 5 --for 8s -q 2>/dev/null
for i in 1 2 3 4 5; do curl -s -o /dev/null "http://127.0.0.1:$port/" -H "X-Hub-Signature-256: sha256=$hex" -H 'X-GitHub-Event: push' -H "X-GitHub-Delivery: $i" -d "$body"; done
wait "$listener"; ran=$(wc -l < n); echo "one signed request sent five times: the command ran $ran times"
[ "$ran" -gt 1 ] && echo "FAULT: one signed request is five events"; [ "$ran" = 1 ] && echo "CONTROL: it ran once"
