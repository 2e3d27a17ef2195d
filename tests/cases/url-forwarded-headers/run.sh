#!/bin/bash
. "$(dirname "$0")/../lib.sh"
sig=$(printf %s 'https://shop.example/api/smsBodyHi' | openssl dgst -sha1 -hmac tok -binary | base64)
T=(-p twilio -s literal:tok -H "X-Twilio-Signature: $sig" -H 'Content-Type: application/x-www-form-urlencoded' --body Body=Hi)
hook verify "${T[@]}" -H 'Forwarded: for=1.2.3.4;host=shop.example;proto=https' --url http://127.0.0.1:3000/api/sms 2>&1
hook verify "${T[@]}" -H 'X-Forwarded-Host: shop.example' -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-Prefix: /api' --url http://127.0.0.1:3000/sms 2>&1
