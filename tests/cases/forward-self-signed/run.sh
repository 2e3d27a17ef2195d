#!/bin/bash
. "$(dirname "$0")/../lib.sh"
openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE 2>/dev/null
p=$(free); python3 - $p <<'E' & PIDS+=($!)
import sys,ssl
from http.server import *
class H(BaseHTTPRequestHandler):
    def do_POST(s):
        s.rfile.read(int(s.headers['content-length'])); s.send_response(200); s.send_header('content-length','0'); s.end_headers()
    def log_message(s,*a): pass
h=HTTPServer(('127.0.0.1',int(sys.argv[1])),H); c=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain('c.pem','k.pem'); h.socket=c.wrap_socket(h.socket,server_side=True); h.serve_forever()
E
up $p; q=$(free); hook listen --port $q --forward-to https://localhost:$p --insecure --count 1 --for 5s 2>&1 & listener=$!; PIDS+=("$listener"); up $q
curl -s -o /dev/null localhost:$q -d '{"a":1}'; wait "$listener"
