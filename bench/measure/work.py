"""`hook listen` with targets behind it: one that hangs costs neither the intake nor the others their rate."""

import socket
import sqlite3
import time

from .process import Server
from .receive import hook, load
from .setup import say
from .table import per_second, ratio_row


def rows(bench):
    """The same load with one target, and with another one beside it that never answers."""
    figures = {(what, which): [] for what in ("intake", "forwards") for which in ("alone", "beside")}
    port = next(bench.ports)
    with Server(bench, [bench.limits, "sink", str(port)], port) as app, Hanging() as hanging:
        for at in range(bench.rounds):
            for which in ("alone", "beside"):
                say(f"work, round {at + 1}, {which}")
                bench.settle()
                more = ["--on", f"*={hanging.url}", "--timeout", "10m"] if which == "beside" else []
                intake, forwards = measured(bench, app.url, more)
                figures["intake", which].append(intake)
                figures["forwards", which].append(forwards)
    bench.fresh("work.db")
    for what in ("intake", "forwards"):
        yield ratio_row(
            f"listen beside a target that hangs: {what}",
            figures[what, "beside"],
            figures[what, "alone"],
            least=0.9,
            show=per_second,
            other_name="alone",
        )


def measured(bench, url, more):
    """Requests answered, and forwards delivered, in a second."""
    ledger, port = bench.fresh("work.db"), next(bench.ports)
    command = [*hook(bench, ledger, port), "--forward-to", url, "--concurrency", "16", "-q", *more]
    with Server(bench, command, port) as server:
        load(bench, server, seconds=1)
        before, begun = delivered(ledger), time.perf_counter()
        intake = load(bench, server, seconds=bench.seconds)["per_second"]
        return intake, (delivered(ledger) - before) / (time.perf_counter() - begun)


def delivered(ledger):
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM delivery WHERE state = 'delivered'").fetchone()
    return count


class Hanging:
    """A target that takes connections and never answers: the system accepts them, nobody reads."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/h"
        return self

    def __exit__(self, *_):
        self.socket.close()
