"""HMAC-SHA256 of the raw bytes with the UTF-8 secret, lower-case hex, in `X-Webhook-Signature`."""

import hashlib
import hmac


def verify(headers, body, secret):
    expected = hmac.new(secret.encode("utf-8"), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers.get("X-Webhook-Signature", ""))
