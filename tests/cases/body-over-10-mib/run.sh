#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); hook listen --port $p --count 1 --for 8s 2>&1 & PIDS+=($!); up $p
head -c 20000000 /dev/zero | tr '\0' a > big; curl -s -o /dev/null -w '%{http_code}\n' -H 'Content-Type: text/plain' --data-binary @big localhost:$p; hook log 2>&1
