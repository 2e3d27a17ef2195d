"""A webhook receiver made of nothing but Python's standard library.

`python3 serve.py PROVIDER` takes requests on a free port of 127.0.0.1, prints its URL, and answers 200 to those whose
signature `PROVIDER.verify` accepts, 401 to all others. The secret is in WEBHOOK_SECRET.
"""

import importlib
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROVIDER = importlib.import_module(sys.argv[1])
SECRET = os.environ["WEBHOOK_SECRET"]


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        accepted = PROVIDER.verify(self.headers, body, SECRET)
        self.send_response(200 if accepted else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
