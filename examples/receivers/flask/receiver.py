"""Receives webhooks with Flask. `hook check` audits it:

    pip install -r requirements.txt
    hook check :3000/webhooks -p standard-webhooks --app 'python3 receiver.py' --effects :3000/effects

SCHEME is `standard-webhooks`, `stripe` or `github`. MISTAKE plants one of the usual mistakes, to see what the audit says.
"""

import base64
import hashlib
import hmac
import json
import logging
import os
import threading
import time

from flask import Flask, Response, request

SCHEME = os.environ.get("SCHEME", "standard-webhooks")
MISTAKE = os.environ.get("MISTAKE", "")
# [secret]
# A receiver without a secret must not start: HMAC takes an empty key, and then anyone can sign.
SECRETS = [os.environ[name] for name in ("WEBHOOK_SECRET", "WEBHOOK_SECRET_2") if os.environ.get(name)]
if not SECRETS:
    raise SystemExit("WEBHOOK_SECRET is not set")
# [/secret]


def read(headers):
    """What the provider signs before the body, its timestamp, and the signatures that it sent."""
    # [read]
    if SCHEME == "standard-webhooks":
        # Headers are found whatever their case. Id and time are those that are signed, and all signatures count.
        message, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signatures = [part[3:] for part in headers.get("webhook-signature", "").split(" ") if part.startswith("v1,")]
        return f"{message}.{timestamp}.", timestamp, signatures
    # [/read]
    if SCHEME == "stripe":
        pairs = [pair.partition("=") for pair in headers.get("stripe-signature", "").split(",")]
        timestamp = next((value for name, _, value in pairs if name == "t"), "")
        return f"{timestamp}.", timestamp, [value for name, _, value in pairs if name == "v1"]
    header = headers.get("x-hub-signature-256", "")
    return "", None, [header[7:]] if header.startswith("sha256=") else []


def event_of(headers, data):
    if SCHEME == "standard-webhooks":
        return headers.get("webhook-id"), data.get("type")
    if SCHEME == "stripe":
        return data.get("id"), data.get("type")
    return headers.get("x-github-delivery"), headers.get("x-github-event")


def encode(digest):
    return base64.b64encode(digest).decode() if SCHEME == "standard-webhooks" else digest.hex()


def key_of(secret):
    return base64.b64decode(secret.removeprefix("whsec_")) if SCHEME == "standard-webhooks" else secret.encode()


# [expected]
def expected(secret, prefix, body):
    # The raw bytes, exactly as they came: no strip(), no decode(), no json.loads() before this.
    return encode(hmac.new(key_of(secret), prefix.encode() + body, hashlib.sha256).digest())
# [/expected]


# [compare]
def same(sent, wanted):
    # All of it, in constant time. Text outside of ASCII would be an error instead of a mismatch.
    return hmac.compare_digest(sent.encode(), wanted.encode())
# [/compare]


# [verify]
def verified(headers, body):
    prefix, _, signatures = read(headers)
    # No signature means no match: `any` of nothing is false. Every secret is tried, so that secrets can be rotated.
    return any(same(sent, expected(secret, prefix, body)) for secret in SECRETS for sent in signatures)
# [/verify]


# [clock]
TOLERANCE_SECONDS = 300


def is_fresh(timestamp):
    # The time that is signed, not the one in the body; too far ahead is as wrong as too old.
    return timestamp.isascii() and timestamp.isdigit() and abs(time.time() - int(timestamp)) <= TOLERANCE_SECONDS
# [/clock]


claimed = set()
lock = threading.Lock()
effects = 0


# [claim]
def claim(event_id, _type):
    # One step, so that two requests at the same moment cannot both win. With several processes: a table with a unique index,
    # `INSERT ... ON CONFLICT DO NOTHING`, and the claim is won when one row was inserted.
    with lock:
        if event_id in claimed:
            return False
        claimed.add(event_id)
        return True
# [/claim]


# [work]
def work(event_type):
    global effects
    # Providers add types: a type without a handler of its own is no error.
    with lock:
        effects += 1
# [/work]


# [refuse]
def refuse():
    return Response(status=401)
# [/refuse]


# [answer]
def answer(event_type):
    # First the answer, then the work: the provider waits for a few seconds only. Use a queue that survives a restart.
    threading.Thread(target=work, args=(event_type,)).start()
    return Response(status=200)
# [/answer]


def same_body(body):
    return body


step = {"body": same_body, "verified": verified, "is_fresh": is_fresh, "claim": claim, "refuse": refuse, "answer": answer}


def missing_header_ok(headers, body):
    return not read(headers)[2] or verified(headers, body)


def prefix_compare(headers, body):
    prefix, _, signatures = read(headers)
    return any(sent and expected(secret, prefix, body).startswith(sent) for secret in SECRETS for sent in signatures)


def racing_dedupe(event_id, _type):
    if event_id in claimed:
        return False
    time.sleep(0.02)
    claimed.add(event_id)
    return True


def leaks_signature():
    right = expected(SECRETS[0], read(request.headers)[0], request.get_data())
    return Response(json.dumps({"error": "wrong signature", "expected": right}), status=401)


def works_before_answering(event_type):
    time.sleep(0.4)
    work(event_type)
    return Response(status=200)


def unknown_event_500(event_id, event_type):
    if event_type.endswith("added_later"):
        raise KeyError(event_type)
    return claim(event_id, event_type)


# Each replaces one step of the receiver by a mistake that is often made.
step |= {
    "reserialises": {
        "body": lambda body: json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
    },
    "no-check": {"verified": lambda headers, body: True},
    "missing-header-ok": {"verified": missing_header_ok},
    "prefix-compare": {"verified": prefix_compare},
    "no-clock": {"is_fresh": lambda timestamp: True},
    "no-dedupe": {"claim": lambda event_id, event_type: True},
    "racing-dedupe": {"claim": racing_dedupe},
    "leaks-signature": {"refuse": leaks_signature},
    "works-before-answering": {"answer": works_before_answering},
    "unknown-event-500": {"claim": unknown_event_500},
}.get(MISTAKE, {})

app = Flask(__name__)


@app.post("/webhooks")
def receive():
    # [raw]
    # The raw bytes, whatever the content type says. `request.json` would have parsed them.
    body = request.get_data()
    # [/raw]
    _, timestamp, _ = read(request.headers)
    if not step["verified"](request.headers, step["body"](body)):
        return step["refuse"]()
    if timestamp is not None and not step["is_fresh"](timestamp):
        return step["refuse"]()
    # [parse]
    try:
        data = json.loads(body.decode("utf-8-sig"))
    except ValueError:
        return Response(status=400)
    # [/parse]
    event_id, event_type = event_of(request.headers, data)
    # [duplicate]
    # A duplicate is a success: the provider must not send it again.
    if not step["claim"](event_id, event_type):
        return Response(status=200)
    # [/duplicate]
    return step["answer"](event_type)


@app.get("/effects")
def count():
    return str(effects)


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app.run("127.0.0.1", int(os.environ.get("PORT", "3000")), threaded=True)
