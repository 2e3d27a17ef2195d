#!/bin/bash
# Handshake questions and refused requests neither push verified captures out of the ledger nor fill the disk.
. "$(dirname "$0")/../lib.sh"
export S=topsecret; mkdir -p .config/hook; printf '[ledger]\nmax-size = 200\n' > .config/hook/config.toml
port=$(free); listen --secret env:S -q 2>/dev/null
hook send event.test -p generic -s env:S --to ":$port" --count 20 -q --ledger "$T/other.db" --data '{}'
echo "verified captures: $(hook log --json --limit 1000 | grep -c '"verified"')"
python3 - "$port" <<'P'
import http.client, sys
b = b'a' * 16000; n = 0; c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20)
for i in range(450):
    c.request('POST', '/', b, {'X-Hook-Secret': 'a', 'X-A': 'a' * 45000}); r = c.getresponse(); r.read(); n += r.status == 200
print('handshake questions answered 200:', n, 'sent MB:', 450 * 61 // 1000)
P
kill "$listener"; wait "$listener"; du -sm .local/state/hook | cut -f1 | sed 's/$/ MB in the ledger/'
port=$(free); listen -q --for 4s; wait "$listener"
echo "verified captures afterwards: $(hook log --json --limit 1000 | grep -c '"verified"')"
rm -f .local/state/hook/ledger.db*; port=$(free); listen --secret env:S -q 2>/dev/null
python3 - "$port" <<'P'
import http.client, sys, threading, time
end = time.time() + 6; n = [0]; b = b'x' * 9900000
def f():
    while time.time() < end:
        c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20); c.request('POST', '/', b); c.getresponse().read(); n[0] += 1
ts = [threading.Thread(target=f) for _ in range(2)]; [t.start() for t in ts]; [t.join() for t in ts]; print('refused requests of 9.9 MB in 6 s:', n[0])
P
kill "$listener"; wait "$listener"; m=$(du -sm .local/state/hook | cut -f1); echo "$m MB in the ledger after 6 s of refused requests (quota 100 MiB)"; [ "$m" -gt 150 ] && echo 'FAULT: the quota is not applied when written'
exit 0
