#!/usr/bin/env python3
"""Checks that `hook serve` keeps its contract, docs/openapi.json: `check.py HOOK SCHEMATHESIS`.

A service is started with an empty home and called as the contract allows, and as it does not, by schemathesis. Then the same is
done through a proxy that changes one status: that must be found, or the check proves nothing.
"""

import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEY = "the-key-of-the-contract"

# The longest that the check of everything may take.
MOST_SECONDS = 120


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes every delivery."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class WrongStatus(http.server.BaseHTTPRequestHandler):
    """Hands calls on to the service, and answers `GET /status` with 207 in place of 200."""

    protocol_version = "HTTP/1.1"
    service = ""

    def hand_on(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        connection = http.client.HTTPConnection(self.service)
        connection.request(self.command, self.path, body or None, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        is_planted = (self.command, self.path, answer.status) == ("GET", "/status", 200)
        self.send_response(207 if is_planted else answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_TRACE = hand_on

    def log_message(self, *_):
        pass


def serve(handler):
    """The host and port of a server on this machine, which ends with the program."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}"


def start(hook, home, receiver):
    """A service with an endpoint, and where it is."""
    environment = {"HOME": home, "PATH": os.environ["PATH"], "KEY": KEY}
    add = ["endpoints", "add", f"http://{receiver}/", "-p", "generic", "--events", "all", "--name", "first", "--local"]
    subprocess.run([hook, *add], env=environment, check=True, capture_output=True)
    words = [hook, "serve", "--port", "0", "--json", "--key", "env:KEY", "--rate-limit", "0"]
    service = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    ready = json.loads(service.stdout.readline())
    # The lines about calls are not used, but the pipe must not fill up.
    threading.Thread(target=service.stdout.read, daemon=True).start()
    return service, ready["origin"].removeprefix("http://")


def schemathesis(program, service, receiver, *more):
    """A run of schemathesis: its exit code and its output."""
    words = [program, "--config-file", HERE / "schemathesis.toml", "run", f"http://{service}/openapi.json"]
    words += ["--checks", "all", "--header", f"Authorization: Bearer {KEY}", "--no-color", *more]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "CONTRACT_RECEIVER": f"http://{receiver}"}
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(words, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return run.returncode, run.stdout


def check(hook, program, home):
    receiver = serve(Receiver)
    service, place = start(hook, home, receiver)
    try:
        connection = http.client.HTTPConnection(place)
        connection.request("GET", "/openapi.json")
        served = connection.getresponse().read()
        if served != (HERE / "../../docs/openapi.json").read_bytes():
            return "the contract that is served is not docs/openapi.json"
        begun = time.monotonic()
        code, output = schemathesis(program, place, receiver)
        took = time.monotonic() - begun
        print(output)
        if code != 0:
            return "the service does not keep its contract"
        counts = [re.search(pattern, output) for pattern in (r"Selected: (\d+)/(\d+)", r"Tested: (\d+)")]
        if not all(counts) or len({*counts[0].groups(), *counts[1].groups()}) != 1:
            return "an operation was skipped"
        if took > MOST_SECONDS:
            return f"the check took {took:.0f} s, more than {MOST_SECONDS}"
        WrongStatus.service = place
        code, output = schemathesis(program, serve(WrongStatus), receiver, "--include-operation-id", "readStatus")
        if code != 1 or "207" not in output:
            print(output)
            return "a planted wrong status is not found"
        print(f"The contract is kept: checked in {took:.0f} s. A planted wrong status (207) is found.")
        return None
    finally:
        service.terminate()
        service.wait()


def main():
    hook, program = (str(Path(path).resolve()) for path in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as home:
        problem = check(hook, program, home)
    if problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main()
