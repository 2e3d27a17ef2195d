#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"ref":"x"}'; sig=$(printf %s "$body" | mac topsecret)
hook verify -s literal:topsecret -H 'X-Acme-Event: push' -H "X-Acme-Signature: $sig" --body "$body" 2>&1
hook verify -p generic -s literal:topsecret -H 'X-Acme-Event: push' -H "X-Acme-Signature: $sig" --body "$body" 2>&1
