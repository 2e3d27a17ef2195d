"""`hook listen` while a page of the inspector is open: what watching costs the requests."""

import http.client
import json
import threading
from pathlib import Path

from .process import Server
from .receive import hook, measured
from .setup import say
from .table import per_second, ratio_row

# Between two looks of the page, in seconds.
PAUSE = 0.15


class Page(threading.Thread):
    """Does what the page does: it reads the stream of events, and asks for the rows that came."""

    def __init__(self, bench, port):
        super().__init__(daemon=True)
        self.port, self.done, self.looks, self.failure = port, threading.Event(), 0, None
        token = (Path(bench.env["HOME"]) / ".local/state/hook/inspector-token").read_text()
        connection = self._connection()
        connection.request("POST", "/api/session", token)
        reply = connection.getresponse()
        self.headers = {"x-hook-key": json.load(reply)["key"], "cookie": reply.headers["set-cookie"].split(";")[0]}

    def _connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def run(self):
        stream, rows, seen = self._connection(), self._connection(), 0
        stream.request("GET", "/api/events", headers=self.headers)
        for line in stream.getresponse():
            if self.done.is_set():
                return
            if not line.startswith(b'data: {"newest"'):
                continue
            rows.request("GET", f"/api/records?after={seen}&limit=200", headers=self.headers)
            reply = rows.getresponse()
            answer = json.load(reply)
            if reply.status != 200:
                # The listener may be stopping already.
                self.failure = None if self.done.is_set() else f"{reply.status}: {answer}"
                return
            seen = answer["newest"]
            self.looks += 1
            self.done.wait(PAUSE)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        if self.failure or self.looks < 3:
            raise SystemExit(f"the page looked {self.looks} times: {self.failure}")


def rows(bench):
    """The same load without and with an open page, round by round."""
    plain, watched = [], []
    for at in range(1 if bench.quick else 9):
        say(f"watched, round {at + 1}")
        bench.settle()
        port = next(bench.ports)
        with Server(bench, hook(bench, bench.fresh("plain.db"), port), port) as server:
            plain.append(measured(bench, server, "new"))
        port, page = next(bench.ports), next(bench.ports)
        command = [*hook(bench, bench.fresh("watched.db"), port), f"--ui={page}"]
        with Server(bench, command, port) as server, Page(bench, page):
            watched.append(measured(bench, server, "new"))
    bench.fresh("plain.db")
    bench.fresh("watched.db")

    def part(figures, at):
        return [figure[at] for figure in figures]

    what = "listen with an open page of the inspector"
    yield ratio_row(f"{what}, rate", part(watched, 0), part(plain, 0), least=0.93, show=per_second, other_name="without")
    micros = "{:.1f} us of CPU a request".format
    yield ratio_row(f"{what}, CPU", part(watched, 1), part(plain, 1), most=1.05, show=micros, other_name="without")
