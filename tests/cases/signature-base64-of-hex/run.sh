#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"id":1}'; hex=$(printf %s "$body" | mac s3cret)
hook verify -p shopify -s literal:s3cret -H "X-Shopify-Hmac-Sha256: $(printf %s "$hex" | base64 -w0)" -H 'X-Shopify-Topic: orders/create' --body "$body" 2>&1
b64=$(printf %s "$body" | openssl dgst -sha256 -hmac s3cret -binary | base64)
hook verify -p shopify -s literal:s3cret -H "X-Shopify-Hmac-Sha256: $(printf %s "$b64" | sed 's/+/%2B/g;s/\//%2F/g;s/=/%3D/g')" -H 'X-Shopify-Topic: orders/create' --body "$body" 2>&1
