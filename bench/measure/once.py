"""Processes from start to exit."""

import hashlib
import hmac
import os
import sqlite3

from .process import Server, timed
from .receive import sample_body
from .setup import HEADER, LOAD_CORE, SECRET, say
from .table import Row, milliseconds, ratio_row


def interleaved(bench, commands, rounds):
    """Milliseconds of each command, round by round; the first two rounds warm the caches."""
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    times = {name: [] for name in commands}
    for at in range(rounds + 2):
        for name, command in commands.items():
            took, _ = timed(bench, command)
            if at >= 2:
                times[name].append(took)
    os.sched_setaffinity(0, range(os.cpu_count()))
    return times


def curl(url):
    body = sample_body()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    lines = ["-H", f"{HEADER}: {signature}", "-H", "content-type: application/json"]
    return ["curl", "-sS", "-o", os.devnull, *lines, "--data-binary", body.decode(), url]


def rows(bench):
    rounds = bench.scaled(1000) if bench.quick else 100
    ledger, port = bench.fresh("once.db"), next(bench.ports)
    with Server(bench, [bench.limits, "sink", str(port)], port) as sink:
        say("one-shot processes")
        bench.settle()
        commands = {
            "hook": [bench.hook, "send", "job.paid", "--to", sink.url, "--ledger", ledger],
            "curl": curl(sink.url),
            "true": ["/bin/true"],
            "version": [bench.hook, "--version"],
            "providers": [bench.hook, "providers", "list"],
        }
        times = interleaved(bench, commands, rounds)
    with sqlite3.connect(ledger) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM attempt WHERE status = 200").fetchone()
    if kept != rounds + 2:
        raise SystemExit(f"{rounds + 2} events were sent, {kept} are in the ledger")
    what = "one `hook send`, start to exit, ledger written"
    yield ratio_row(what, times["hook"], times["curl"], most=0.65, show=milliseconds, other_name="curl")
    for name, words in (("version", "`hook --version`"), ("providers", "`hook providers list`")):
        yield ratio_row(words, times[name], times["true"], show=milliseconds, other_name="/bin/true")
