#!/bin/bash
. "$(dirname "$0")/../lib.sh"
q=$(free); hook listen --port $q --delay 3s --count 1 >l 2>&1 & PIDS+=($!)
for _ in $(seq 100); do grep -q listening l && break; sleep 0.05; done
curl -s -o /dev/null -w '%{http_code} %{errormsg}\n' --max-time 8 -d '{"a":1}' http://127.0.0.1:$q/; sleep 1.5; cat l
