"""HMAC of the raw body with the webhook secret, in `X-PoolFlow-Signature`."""

import hashlib
import hmac


def verify(headers, body, secret):
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers.get("X-PoolFlow-Signature", ""))
