#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); hook listen --port $p -s --json >cap 2>/dev/null & PIDS+=($!); up $p
printf '{"id":"evt_123","object":"event","type":"customer.created","data":{"object":{}}}' > e.json
hook send -p stripe --body @e.json --to :$p --json
hook send payment_intent.succeeded -p stripe --to :$p -q; until_true grep -q payment_intent cap
hook log report last | head -1; grep '"hook.capture' cap | tail -1 | grep -o '"event_id":"[^"]*"'
hook log --event 'customer.*' --kind delivery 2>&1 | head -3
