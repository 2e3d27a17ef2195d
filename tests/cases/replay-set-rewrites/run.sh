#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); python3 - $p <<'E' & PIDS+=($!)
import sys
from http.server import *
class H(BaseHTTPRequestHandler):
    def do_POST(s):
        print(s.rfile.read(int(s.headers['content-length'])).decode(),flush=True); s.send_response(200); s.send_header('content-length','0'); s.end_headers()
    def log_message(s,*a): pass
HTTPServer(('127.0.0.1',int(sys.argv[1])),H).serve_forever()
E
up $p
hook send push -p github --body '{"ref":"a", "price":10.00, "big":123456789012345678901234567890, "s":"\u00e9\/"}' --to :$p -q
hook replay last --set ref=b -q
hook send customer.created -p stripe --body '{"id":"evt_1","price":10.00,"big":123456789012345678901234567890}' --to :$p -q
hook replay last --new-id -q
