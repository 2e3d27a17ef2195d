#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); python3 - $p <<'E' & PIDS+=($!)
import sys
from http.server import *
class H(BaseHTTPRequestHandler):
    def do_POST(s):
        s.rfile.read(int(s.headers['content-length'])); s.send_response(410); s.send_header('content-length','0'); s.end_headers()
    def log_message(s,*a): pass
HTTPServer(('127.0.0.1',int(sys.argv[1])),H).serve_forever()
E
up $p; hook send example.user.created -p standard-webhooks --to :$p --retry 200ms,200ms 2>&1
