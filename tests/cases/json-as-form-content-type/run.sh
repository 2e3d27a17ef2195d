#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); hook listen --port $p --json >c 2>/dev/null & PIDS+=($!); up $p
curl -s -o /dev/null localhost:$p -H 'Stripe-Signature: t=1,v1=00' -d '{"id":"evt_1","type":"customer.created","object":"event"}'
printf '\xef\xbb\xbf{"id":"evt_1","type":"customer.created"}' | curl -s -o /dev/null localhost:$p -H 'Stripe-Signature: t=1,v1=00' -H 'Content-Type: application/json' --data-binary @-
both() { [ "$(grep -c event_id c)" -ge 2 ]; }; until_true both; grep -o '"event":[^,]*,"event_id":[^,]*' c
