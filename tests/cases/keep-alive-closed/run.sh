#!/bin/bash
. "$(dirname "$0")/../lib.sh"
p=$(free); python3 - $p <<'E' & PIDS+=($!)
import socket,sys,threading
def one(c):
    b=b''
    while b'\r\n\r\n' not in b:
        d=c.recv(65536)
        if not d: return c.close()
        b+=d
    h,_,r=b.partition(b'\r\n\r\n'); n=[int(l.split(b':')[1]) for l in h.split(b'\r\n') if l.lower().startswith(b'content-length')][0]
    while len(r)<n: r+=c.recv(65536)
    c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'); c.close()
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('127.0.0.1',int(sys.argv[1]))); s.listen(99)
while True: threading.Thread(target=one,args=(s.accept()[0],),daemon=True).start()
E
up $p; hook send job.paid --to :$p --count 200 2>&1
