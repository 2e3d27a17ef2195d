#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); hook listen --port $p --count 1 --for 5s 2>&1 & listener=$!; PIDS+=("$listener"); up $p
curl -s -o /dev/null localhost:$p -H 'webhook-id: m1' -H 'webhook-timestamp: 1' -H 'webhook-signature: v1,00' -H 'Content-Type: application/json' -d '{"type":"order.created","data":{}}'; wait "$listener"
