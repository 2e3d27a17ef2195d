#!/bin/bash
# What was acknowledged with 200 and waits for the app, or is in flight, is delivered after a kill by `replay --resume`.
. "$(dirname "$0")/../lib.sh"
app=$(free); port=$(free)
python3 - "$app" >app.out <<'P' & appid=$!; PIDS+=($appid); up "$app"
import signal, socket, sys, threading, time
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); server.bind(('127.0.0.1', int(sys.argv[1]))); server.listen(64)
seen = set()
def end(*_):
    print('the app got', len(seen), 'different events')
    print('FAULT: acknowledged events never reached the app' if len(seen) < 50 else 'all there', flush=True); sys.exit()
signal.signal(signal.SIGTERM, end)
def one(c):
    try:
        d = b''
        while b'}' not in d.split(b'\r\n\r\n')[-1]:
            more = c.recv(65536)
            if not more: return
            d += more
        seen.add(d.split(b'\r\n\r\n')[-1]); time.sleep(.1); c.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    except OSError: pass
    finally: c.close()
while True: threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()
P
listen --forward-to ":$app/in" --retry 1s,1s,1s -q; n=0
for i in $(seq 50); do [ "$(curl -s -o /dev/null -w '%{http_code}' -d "{\"id\":$i}" "http://127.0.0.1:$port/")" = 200 ] && n=$((n+1)); done
echo "acknowledged: $n"; kill -9 "$listener"; wait "$listener" 2>/dev/null
echo "resume:"; hook replay --resume -q; echo "exit $?"
echo "captures in the ledger: $(hook log --json --kind capture --limit 1000 | wc -l), deliveries: $(hook log --json --kind delivery --limit 1000 | wc -l)"
kill "$appid"; wait "$appid"; cat app.out
