#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"a":1}'; sig=$(printf %s "$body" | mac s3cret)
for b in '[object Object]' '{}' "b'{\"a\":1}'" '{"type":"Buffer","data":[123,34,97,34,58,49,125]}' '{\"a\":1}'; do
  hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: sha256=$sig" -H 'Content-Type: application/json' -H 'Content-Length: 7' --body "$b" 2>&1 | grep -E '^caused' || echo "no cause: $b"
done
