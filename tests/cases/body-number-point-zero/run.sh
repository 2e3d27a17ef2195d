#!/bin/bash
. "$(dirname "$0")/../lib.sh"
sig=$(printf %s '{"id":7,"cvss":{"score":0.0}}' | mac s3cret)
hook verify -p github -s literal:s3cret -H "X-Hub-Signature-256: sha256=$sig" --body '{"id":7,"cvss":{"score":0}}' 2>&1
