#!/bin/bash
. "$(dirname "$0")/../lib.sh"
now=$(date +%s); body='token=x&command=%2Fdeploy&text=hello+there&n='
sig=$(printf %s "v0:$now:$body" | mac s3cret)
hook verify -p slack -s literal:s3cret -H "X-Slack-Request-Timestamp: $now" -H "X-Slack-Signature: v0=$sig" -H 'Content-Type: application/x-www-form-urlencoded' --body '{"token":"x","command":"/deploy","text":"hello there","n":""}' 2>&1
