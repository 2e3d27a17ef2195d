#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"a":1}'; sig=$(printf %s "$body" | mac s3cret)
printf '\xef\xbb\xbf%s' "$body" > b
hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: sha256=$sig" --body @b --json 2>/dev/null
printf '%s ' "$body" > b
hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: sha256=$sig" --body @b --json 2>/dev/null
