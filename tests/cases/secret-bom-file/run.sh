#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"n":1}'; sig=$(printf %s "$body" | mac s3cret)
printf '\xef\xbb\xbfs3cret\n' > secret.txt
hook verify -p github -s file:secret.txt -H "X-Hub-Signature-256: sha256=$sig" --body "$body" 2>&1
