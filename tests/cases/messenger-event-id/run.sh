#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); hook listen --port $p --json >c 2>/dev/null & PIDS+=($!); up $p
for m in m_1 m_2; do curl -s -o /dev/null localhost:$p -H 'X-Hub-Signature-256: sha256=00' -H 'Content-Type: application/json' -d '{"object":"page","entry":[{"id":"PAGE","time":1,"messaging":[{"sender":{"id":"1"},"message":{"mid":"'$m'","text":"hi"}}]}]}'; done
both() { [ "$(grep -c event_id c)" -ge 2 ]; }; until_true both; grep -o '"event":[^,]*,"event_id":[^,]*' c
