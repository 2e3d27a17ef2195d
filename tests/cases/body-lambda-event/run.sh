#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"n":1}'; sig=$(printf %s "$body" | mac s3cret)
python3 - "$body" "$sig" > event.json <<'E'
import json,sys
print(json.dumps({"version":"2.0","headers":{"x-hub-signature-256":"sha256="+sys.argv[2]},"body":sys.argv[1],"isBase64Encoded":False}))
E
hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: sha256=$sig" --body @event.json 2>&1
