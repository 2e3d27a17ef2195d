#!/bin/bash
. "$(dirname "$0")/../lib.sh"
key=$(printf 'twenty-four bytes of key' | base64); now=$(date +%s); body='{"n":1}'
sig=$(printf %s "msg_1.$now.$body" | openssl dgst -sha256 -hmac 'twenty-four bytes of key' -binary | base64)
v() { SECRET=$1 hook verify -p standard-webhooks -s env:SECRET -H 'webhook-id: msg_1' -H "webhook-timestamp: $now" -H "webhook-signature: v1,$sig" --body "$body" 2>&1; }
v "whsec_$key" | head -1          # control: verified
for s in "\"whsec_$key\"" "whsec_$key;" "Bearer whsec_$key"; do v "$s"; done
