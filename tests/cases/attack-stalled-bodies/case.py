"""200 stalled bodies of 9.9 MB, then 1,100 dripping ones: how much memory, and does an honest request get its 200?"""

import os
import socket
import subprocess
import tempfile
import threading
import time

home = tempfile.mkdtemp()
ready = os.path.join(home, "ready")
listener = subprocess.Popen(
    ["hook", "listen", "--port", "0", "-q", "--ready-file", ready], env=dict(os.environ, HOME=home)
)
deadline = time.time() + 10
while not (os.path.exists(ready) and os.path.getsize(ready)) and time.time() < deadline:
    time.sleep(0.02)
port = int(open(ready).read().strip().rstrip("/").rsplit(":", 1)[1])


def resident():
    with open(f"/proc/{listener.pid}/status") as status:
        return [int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")][0]


def open_body(length, sent):
    connection = socket.create_connection(("127.0.0.1", port))
    try:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length + sent)
    except OSError:
        pass
    return connection


def honest(title):
    begun = time.time()
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=15)
        connection.sendall(b"POST /honest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
        answer = connection.recv(12)
    except OSError as error:
        answer = str(error).encode()
    took = time.time() - begun
    print(f"{title}: {'answered 200' if b'200' in answer else answer} after {took:.2f} s")
    if b"200" not in answer or took > 2:
        print("FAULT: an honest request has no 200 within 2 s")


print("RSS before", resident(), "MB")
held = []
threads = [
    threading.Thread(target=lambda: held.append(open_body(9_900_000, b"q" * 9_899_999))) for _ in range(200)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
honest("an honest request beside 200 stalled bodies")
print("200 stalled bodies: RSS", resident(), "MB")
if resident() > 300:
    print("FAULT: memory grows with connections")
for connection in held:
    connection.close()
held = [open_body(1000, b"a") for _ in range(1100)]
honest("an honest request while 1,100 bodies drip")
for connection in held:
    connection.close()
listener.terminate()
listener.wait()
