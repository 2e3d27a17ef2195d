"""Receives at a port, appends each raw request to a file, answers 200: `recv.py PORT FILE`."""

import socket
import sys
import threading


def answer(connection, path):
    connection.settimeout(5)
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return connection.close()
            data += more
        with open(path, "ab") as file:
            file.write(data + b"\n---\n")
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    except OSError:
        pass
    connection.close()


server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(64)
while True:
    threading.Thread(target=answer, args=(server.accept()[0], sys.argv[2]), daemon=True).start()
