#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"a":1}'; sig=$(printf %s "$body" | mac s3cret)
hook verify -p github -s literal:s3cret -H 'X-Hub-Signature-256: sha256=00' -H "X-Hub-Signature-256: sha256=$sig" --body "$body" 2>&1
