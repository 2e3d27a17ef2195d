#!/bin/bash
# Public keys (hex of Discord, `whpk_` of Standard Webhooks and Svix) as HMAC secrets: whoever knows one would sign as GitHub.
. "$(dirname "$0")/../lib.sh"
for p in discord standard-webhooks@ed25519 svix@ed25519; do
  rm -f k k.pub; hook secret new -p $p --out k -q; body='{"a":1}'
  hex=$(printf %s "$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(tr -d '\n' <k.pub | xxd -p -c 500)" | sed 's/.*= //')
  echo "$p public key $(head -c 20 k.pub)...:"; hook verify -s file:k.pub -H "X-Hub-Signature-256: sha256=$hex" -H 'X-GitHub-Event: push' --body "$body" 2>/dev/null && echo "FAULT: a public key served as an HMAC secret"
done
K=$(openssl rand -hex 32); export K; body='{"a":1}'
hook verify -p github -s env:K -H "X-Hub-Signature-256: sha256=$(printf %s "$body" | mac "$K")" -H 'X-GitHub-Event: push' --body "$body" >/dev/null 2>&1 && echo "CONTROL: 64 hex digits are a secret where an HMAC provider is named"
