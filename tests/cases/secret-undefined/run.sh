#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"n":1}'
for s in undefined null None ''; do
  sig=$(printf %s "$body" | python3 -c 'import sys,hmac;print(hmac.new(sys.argv[1].encode(),sys.stdin.buffer.read(),"sha256").hexdigest())' "$s")
  hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: sha256=$sig" --body "$body" 2>&1
done
