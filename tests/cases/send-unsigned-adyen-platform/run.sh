#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); hook listen --port $p -s -p adyen@platform --count 1 --for 5s >l 2>&1 & PIDS+=($!); up $p
hook send balancePlatform.transfer.created -p adyen --to :$p 2>&1; echo "rc $?"
hook send balancePlatform.transfer.created -p adyen --to :$p -n 2>&1 | grep -i -E 'hmacsignature|warning|error' || echo 'no signature, no word of it'
hook log show last --why 2>&1 | grep signed
hook sign -p adyen --body '{"type":"balancePlatform.transfer.created"}' 2>&1
