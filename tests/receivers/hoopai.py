"""HMAC-SHA256 of the raw body with the secret that the user chose, in `X-Hmac-Signature`."""

import hashlib
import hmac


def verify(headers, body, secret):
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers.get("X-Hmac-Signature", ""))
