#!/bin/bash
. "$(dirname "$0")/../lib.sh"
openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=localhost 2>/dev/null
p=$(free); python3 - $p <<'E' & PIDS+=($!)
import sys,ssl,socket
c=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain('c.pem','k.pem')
s=socket.socket(); s.bind(('127.0.0.1',int(sys.argv[1]))); s.listen(9)
while True:
    x,_=s.accept()
    try: c.wrap_socket(x,server_side=True).close()
    except Exception: x.close()
E
up $p; hook send job.paid --to http://127.0.0.1:$p 2>&1
q=$(free); hook listen --port $q --count 1 --for 3s 2>&1 & listener=$!; PIDS+=("$listener"); up $q; curl -sk -o /dev/null --max-time 2 https://127.0.0.1:$q -d a; wait "$listener"
