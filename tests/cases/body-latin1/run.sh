#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"name":"José","x":1}'; sig=$(printf %s "$body" | mac s3cret)
printf %s "$body" | iconv -f utf-8 -t latin1 > b
hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: sha256=$sig" -H 'Content-Length: 22' --body @b 2>&1
