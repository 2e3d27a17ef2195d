"""`hook listen` while a page of the inspector, or its terminal view, is open: what watching costs the requests."""

import fcntl
import http.client
import json
import os
import struct
import termios
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


class Terminal(threading.Thread):
    """A terminal of 120 by 40, of which everything is read."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ours, self.its = os.openpty()
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.drawn = 0

    def run(self):
        try:
            while data := os.read(self.ours, 65536):
                self.drawn += len(data)
        except OSError:
            # The other end is closed.
            return

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        os.close(self.its)
        self.join(10)
        os.close(self.ours)
        if self.drawn < 10_000:
            raise SystemExit(f"the view drew {self.drawn} bytes")


def with_page(bench):
    port, page = next(bench.ports), next(bench.ports)
    command = [*hook(bench, bench.fresh("watched.db"), port), f"--ui={page}"]
    with Server(bench, command, port) as server, Page(bench, page):
        return measured(bench, server, "new")


def with_view(bench):
    port = next(bench.ports)
    command = [*hook(bench, bench.fresh("watched.db"), port), "--tui"]
    env = {**bench.env, "TERM": "xterm-256color"}
    with Terminal() as terminal, Server(bench, command, port, env=env, terminal=terminal.its) as server:
        return measured(bench, server, "new")


def without(bench):
    port = next(bench.ports)
    with Server(bench, hook(bench, bench.fresh("plain.db"), port), port) as server:
        return measured(bench, server, "new")


def rows(bench):
    """The same load without a view, with an open page and with the terminal view, round by round."""
    figures = {without: [], with_page: [], with_view: []}
    for at in range(1 if bench.quick else 9):
        say(f"watched, round {at + 1}")
        for kind, found in figures.items():
            bench.settle()
            found.append(kind(bench))
    bench.fresh("plain.db")
    bench.fresh("watched.db")

    def part(kind, at):
        return [figure[at] for figure in figures[kind]]

    micros = "{:.1f} us of CPU a request".format
    for kind, what in ((with_page, "an open page of the inspector"), (with_view, "the terminal view")):
        rate = part(kind, 0), part(without, 0)
        yield ratio_row(f"listen with {what}, rate", *rate, least=0.93, show=per_second, other_name="without")
        cpu = part(kind, 1), part(without, 1)
        yield ratio_row(f"listen with {what}, CPU", *cpu, most=1.05, show=micros, other_name="without")
