#!/bin/bash
. "$(dirname "$0")/../lib.sh"
body='{"type":"order.updated"}'; u=https://shop.example/h
b64() { openssl dgst -sha256 -hmac key -binary | base64; }
for s in "$body" "$body$u"; do hook verify -p square -s literal:key -H "x-square-hmacsha256-signature: $(printf %s "$s" | b64)" --url $u --body "$body" 2>&1; done
