"""`X-Slotflow-Signature: t=UNIX,v1=HEX`: HMAC-SHA256 of `UNIX.BODY`, not older than five minutes."""

import hashlib
import hmac
import time


def verify(headers, body, secret):
    parts = dict(part.split("=", 1) for part in headers.get("X-Slotflow-Signature", "").split(",") if "=" in part)
    if "t" not in parts or "v1" not in parts or abs(time.time() - int(parts["t"])) > 300:
        return False
    signed = parts["t"].encode() + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"])
