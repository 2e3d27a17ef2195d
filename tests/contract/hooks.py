"""Lets generated endpoints lead to the receiver of the check, and nowhere else."""

import os
from urllib.parse import quote

import schemathesis

RECEIVER = os.environ["CONTRACT_RECEIVER"]


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and isinstance(body.get("url"), str) and "://" in body["url"]:
        return {**body, "url": f"{RECEIVER}/{quote(body['url'].split('://', 1)[1], safe='')[:100]}"}
    return body
