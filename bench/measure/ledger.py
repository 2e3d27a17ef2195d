"""Commands on a ledger of a million records."""

import shutil
import sqlite3
import subprocess
from statistics import median

from .once import interleaved
from .process import Server, on_load_core
from .receive import hook as listen
from .receive import load
from .send import hook as send
from .setup import say
from .table import Row, limit_row


def filled(bench):
    """A ledger of a million captures, 1 in 100 refused, and deliveries after them, 1 in 100 failed."""
    path, captures, deliveries = bench.scratch / "million.db", bench.scaled(1_000_000), bench.scaled(50_000)
    if not path.exists():
        port = next(bench.ports)
        with Server(bench, listen(bench, path, port), port) as server:
            load(bench, server, count=captures, forge_every=100)
    port = next(bench.ports)
    with Server(bench, [bench.limits, "sink", str(port), "100"], port) as sink:
        command = on_load_core(send(bench, path, sink.url, deliveries))
        subprocess.run(command, env=bench.env, stdout=subprocess.DEVNULL, check=False)
    with sqlite3.connect(path) as connection:
        (records,) = connection.execute("SELECT (SELECT count(*) FROM capture) + (SELECT count(*) FROM delivery)").fetchone()
    # The starts that are measured on the same ledger add a few.
    if records < captures + deliveries:
        raise SystemExit(f"the ledger has {records} records instead of {captures + deliveries}")
    return path, records


def copied(bench, path):
    """A copy of a ledger, with its log."""
    copy = bench.fresh(f"copy-{path.name}")
    for end in ("", "-wal"):
        part = path.with_name(path.name + end)
        if part.exists():
            shutil.copy(part, copy.with_name(copy.name + end))
    return copy


def has(bench, *command):
    done = subprocess.run([bench.hook, *command, "--help"], env=bench.env, capture_output=True, check=False)
    return done.returncode == 0


def rows(bench):
    say("filling a ledger")
    path, records = filled(bench)
    middle, newest = records // 2, records
    commands = {
        "log --failed": ["log", "--failed"],
        f"log show {middle}": ["log", "show", str(middle)],
        f"log show {newest}": ["log", "show", str(newest)],
        "replay last --dry-run": ["replay", "last", "--dry-run"],
    }
    there = {}
    for name, command in commands.items():
        if has(bench, command[0]):
            there[name] = [bench.hook, *command, "--ledger", str(path)]
        else:
            yield Row(f"`hook {name}`", "skipped", note=f"this build has no `hook {command[0]}`")
    times = interleaved(bench, there, bench.scaled(1000) if bench.quick else 40)
    for name in there:
        what = f"`hook {name}`, {records:,} records"
        yield limit_row(what, median(times[name]), 15, "ms", strict=False)
