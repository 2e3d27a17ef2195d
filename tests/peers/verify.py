"""Verifies requests with the libraries that the providers publish. Reads one case a line on stdin, as JSON: `provider`, `url`,
`headers` (lower-case names), `body` (base64), `secret`. Prints a line for each that a library refuses; nothing means that all of
them verified."""

import base64
import json
import sys
from types import SimpleNamespace
from urllib.parse import parse_qsl


def standard_webhooks(case, body):
    from standardwebhooks.webhooks import Webhook

    Webhook(case["secret"]).verify(body, case["headers"])


def svix(case, body):
    from svix.webhooks import Webhook

    Webhook(case["secret"]).verify(body, case["headers"])


def openai(case, body):
    from openai import OpenAI

    OpenAI(api_key="none").webhooks.verify_signature(body, case["headers"], secret=case["secret"])


def stripe(case, body):
    import stripe

    stripe.WebhookSignature.verify_header(
        body.decode(), case["headers"]["stripe-signature"], case["secret"], tolerance=300
    )


def slack(case, body):
    from slack_sdk.signature import SignatureVerifier

    headers = case["headers"]
    verifier = SignatureVerifier(case["secret"])
    assert verifier.is_valid(body, headers["x-slack-request-timestamp"], headers["x-slack-signature"])


def twilio(case, body):
    from twilio.request_validator import RequestValidator
    from werkzeug.datastructures import MultiDict

    form = MultiDict(parse_qsl(body.decode(), keep_blank_values=True))
    signature = case["headers"]["x-twilio-signature"]
    assert RequestValidator(case["secret"]).validate(case["url"], form, signature)


def square(case, body):
    from square.utils.webhooks_helper import verify_signature

    assert verify_signature(
        request_body=body.decode(),
        signature_header=case["headers"]["x-square-hmacsha256-signature"],
        signature_key=case["secret"],
        notification_url=case["url"],
    )


def paddle(case, body):
    from paddle_billing.Notifications import Secret, Verifier

    headers = {"Paddle-Signature": case["headers"]["paddle-signature"]}
    request = SimpleNamespace(headers=headers, body=body, content=body, data=body)
    # As long as the others: its default of 5 s is less than a busy machine may take from the signature to this line.
    assert Verifier(maximum_variance=300).verify(request, Secret(case["secret"]))


LIBRARIES = {
    "standard-webhooks": standard_webhooks,
    "svix": svix,
    "openai": openai,
    "stripe": stripe,
    "slack": slack,
    "twilio": twilio,
    "square": square,
    "paddle": paddle,
}

for line in sys.stdin:
    case = json.loads(line)
    body = base64.b64decode(case["body"])
    try:
        LIBRARIES[case["provider"]](case, body)
    except Exception as error:  # What a library raises is its own business: any of it is a refusal.
        print(f"{case['provider']} refuses {case['about']}: {type(error).__name__}: {error}")
