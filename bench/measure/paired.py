"""Two builds of hook beside each other: every figure of the other groups that a change could make worse, in the same rounds."""

import subprocess
import time
from contextlib import contextmanager

from . import ledger, receive, send
from .once import interleaved
from .process import Server, on_load_core
from .setup import SECRET, say
from .table import milliseconds, per_second, ratio_row

# Seconds of load on a listener in each round: the rounds are many.
SECONDS = 3

# A change may cost this much of a row; more needs a reason.
LEAST = 0.85


@contextmanager
def using(bench, binary):
    """Lets the other groups' functions measure that binary."""
    before, bench.hook = bench.hook, binary
    try:
        yield
    finally:
        bench.hook = before


def rows(bench):
    yield from throughput(bench)
    yield from processes(bench)


def throughput(bench):
    """Requests and events a second."""
    bench.seconds = min(bench.seconds, SECONDS)
    kinds = {
        "listen, verified and durable: every body new": lambda: listened(bench, "new"),
        "listen, verified and durable: wrk, one body": lambda: listened(bench, "wrk"),
        "listen --forward-to, received and forwarded": lambda: forwarded(bench, bench.scaled(5000)),
        "send --count, concurrency 64, all recorded": lambda: sent(bench, bench.scaled(50_000)),
        "listen, starts a second to the first answer": lambda: 1000 / receive.first_answer(bench, bench.fresh("start.db")),
    }
    figures = {(name, build): [] for name in kinds for build in (0, 1)}
    for at in range(bench.rounds):
        for name, measure in kinds.items():
            say(f"paired, round {at + 1}, {name}")
            # Whoever comes first in a round has no advantage over all rounds.
            for build in (0, 1) if at % 2 == 0 else (1, 0):
                bench.settle()
                with using(bench, (bench.hook, bench.against)[build]):
                    figures[name, build].append(measure())
    for name in kinds:
        yield ratio_row(name, figures[name, 0], figures[name, 1], least=LEAST, show=per_second, other_name="other")


def listened(bench, kind):
    port = next(bench.ports)
    with Server(bench, receive.hook(bench, bench.fresh("paired.db"), port), port) as server:
        return receive.measured(bench, server, kind)[0]


def forwarded(bench, count):
    """Events a second from the first request until the last one is forwarded, when the listener ends."""
    port, target = next(bench.ports), next(bench.ports)
    with Server(bench, [bench.limits, "sink", str(target)], target) as sink:
        to = ["--forward-to", sink.url, "--count", str(count), "--quiet"]
        with Server(bench, [*receive.hook(bench, bench.fresh("forward.db"), port), *to], port) as server:
            begun = time.perf_counter()
            # The listener ends once it has its count, which may be before the load has read the last answer.
            load = [bench.limits, "load", server.url, receive.CONNECTIONS, count, 0, 0]
            subprocess.run(on_load_core(load), env=bench.env, capture_output=True, check=False)
            server.process.wait(120)
            return count / (time.perf_counter() - begun)


def sent(bench, count):
    port = next(bench.ports)
    with Server(bench, [bench.limits, "sink", str(port)], port) as sink:
        return send.run_hook(bench, sink.url, count)[0]


def processes(bench):
    """Milliseconds from start to exit."""
    say("paired, a ledger of many records")
    with using(bench, bench.against):
        path, records = ledger.filled(bench)
    port = next(bench.ports)
    with Server(bench, [bench.limits, "sink", str(port)], port) as sink:
        commands = {
            "hook --version": ["--version"],
            "hook send": ["send", "job.paid", "--to", sink.url, "--secret", f"literal:{SECRET}", "--ledger"],
            "hook send --dry-run": ["send", "job.paid", "--to", sink.url, "--dry-run"],
            "hook log --failed": ["log", "--failed", "--ledger"],
            "hook log show": ["log", "show", str(records // 2), "--ledger"],
            "hook replay last --dry-run": ["replay", "last", "--dry-run", "--secret", f"literal:{SECRET}", "--ledger"],
        }
        # Each build has a ledger of its own: a newer one changes the format, which the older one cannot read.
        ledgers = {bench.against: path, bench.hook: ledger.copied(bench, path)}
        pairs = {
            (name, binary): [binary, *command, *([str(ledgers[binary])] if command[-1] == "--ledger" else [])]
            for name, command in commands.items()
            for binary in (bench.hook, bench.against)
        }
        times = interleaved(bench, pairs, bench.rounds * 5)
    for name in commands:
        ours, other = times[name, bench.hook], times[name, bench.against]
        # As speed, so that every ratio of this table reads the same way.
        row = ratio_row(f"`{name}`", other, ours, least=LEAST, show=milliseconds)
        row.ours, row.other = row.other, f"other {row.ours}"
        yield row
