#!/bin/bash
# The README's command of "Act on events" against the answer to an unsigned question.
. "$(dirname "$0")/../lib.sh"
export WEBHOOK_SECRET=whsec_only_pocketsflow_knows
printf '#!/bin/sh\necho granted for $WEBHOOK_EVENT, verified=$WEBHOOK_VERIFIED >> %s/pwned\n' "$T" > grant-access.sh; chmod +x grant-access.sh
attack() {
  answer=$(curl -s "http://127.0.0.1:$port/?crc_token=123"); hex=$(sed 's/.*sha256=\([^"]*\)".*/\1/' <<<"$answer" | base64 -d 2>/dev/null | xxd -p -c 100)
  curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/" -H "X-Pocketsflow-Signature: $hex" -H 'X-Pocketsflow-Event: order.completed' --data-binary 123
}
port=$(free); hook listen --port "$port" --secret env:WEBHOOK_SECRET --on order.completed=./grant-access.sh --count 1 --for 4s & listener=$!; PIDS+=($listener); until_true bash -c "! kill -0 $listener 2>/dev/null || (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null"
attack; wait "$listener"; cat pwned 2>/dev/null && echo "FAULT: without a provider named"; rm -f pwned
port=$(free); listen -p pocketsflow --secret env:WEBHOOK_SECRET --on order.completed=./grant-access.sh --for 3s
attack; wait "$listener"; cat pwned 2>/dev/null && echo "FAULT: with the provider named"; rm -f pwned
port=$(free); listen -p pocketsflow --secret env:WEBHOOK_SECRET --on order.completed=./grant-access.sh --count 1 --for 6s >/dev/null 2>&1
hook send order.completed -p pocketsflow --secret env:WEBHOOK_SECRET --to ":$port" -q; wait "$listener"; cat pwned && echo "CONTROL: a real event runs the command"
