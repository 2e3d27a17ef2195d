#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"a":1}'; sig=$(printf %s "$body" | mac s3cret)
for h in "sha256=$sig, sha256=$sig" "\"sha256=$sig\"" "sha256=$sig;" "sha256= $sig"; do hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: $h" --body "$body" 2>&1; done
