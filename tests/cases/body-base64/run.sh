#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"action":"opened","n":1}'; sig=$(printf %s "$body" | mac s3cret)
hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: sha256=$sig" --body "$(printf %s "$body" | base64 -w0)" 2>&1
