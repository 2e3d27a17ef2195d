#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); python3 - $p <<'E' & PIDS+=($!)
import sys
from http.server import *
class H(BaseHTTPRequestHandler):
    def do_POST(s):
        s.rfile.read(int(s.headers['content-length'])); print('\n'.join(f'{k.lower()}: {v}' for k,v in s.headers.items() if 'forwarded' in k.lower()),flush=True); s.send_response(200); s.send_header('content-length','0'); s.end_headers()
    def log_message(s,*a): pass
HTTPServer(('127.0.0.1',int(sys.argv[1])),H).serve_forever()
E
up $p; q=$(free); hook listen --port $q --forward-to http://127.0.0.1:$p >/dev/null 2>&1 & PIDS+=($!); up $q
curl -s -o /dev/null localhost:$q/sms -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-Host: abc.tunnel.example' -d a=b; sleep 0.5
