"""HMAC-SHA256 of the raw body, hex, in `X-Pocketsflow-Signature`."""

import hashlib
import hmac


def verify(headers, body, secret):
    digest = hmac.new(secret.encode(), msg=body, digestmod=hashlib.sha256)
    return hmac.compare_digest(digest.hexdigest(), headers.get("X-Pocketsflow-Signature", ""))
