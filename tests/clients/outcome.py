"""What came of a call, as the line that a client program prints for it."""

import hashlib
import json
import sys


def told(base, body):
    """Length and digest of a body that the client has decoded, with ORIGIN in the place of the origin that it used."""
    origin = base.encode()
    links = body.count(origin)
    body = body.replace(origin, b"ORIGIN")
    return {"length": len(body), "links": links, "sha256": hashlib.sha256(body).hexdigest()}


def run(ask):
    """Asks each call of the file in the second argument at the origin in the first, and prints an outcome a line."""
    base, calls = sys.argv[1:3]
    with open(calls, encoding="utf-8") as file:
        calls = json.load(file)
    for call in calls:
        try:
            status, body, fields = ask(base + call["target"], call)
            outcome = {"status": status, **told(base, body), "fields": fields}
        except Exception as error:  # whatever stops a client is what is to be told
            outcome = {"error": repr(error)}
        print(json.dumps({"target": call["target"], **outcome}), flush=True)
