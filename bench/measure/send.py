"""`hook send --count`: every event new, signed and recorded."""

import json
import os
import sqlite3
import subprocess
import threading
import time

from .process import Server, on_load_core, run_json
from .setup import HERE, SECRET, say
from .table import limit_row, per_second, ratio_row

CONCURRENCY = 64
SIZE = 1024


def hook(bench, ledger, url, count):
    """A body of the same size as the others'."""
    data = {"id": "job_${new.hex12}", "total_cents": 4200, "currency": "usd", "note": ""}
    envelope = {"event": "job.paid", "timestamp": "2030-01-02T03:04:05Z", "data": data}
    bare = len(json.dumps(envelope, separators=(",", ":"))) - len("${new.hex12}") + 12
    data["note"] = "x" * (SIZE - bare)
    fixed = ["--provider", "poolflow", "--secret", f"literal:{SECRET}", "--data", json.dumps(data), "--json"]
    bulk = ["--count", count, "--concurrency", CONCURRENCY, "--ledger", ledger]
    return [bench.hook, "send", "job.paid", "--to", url, *fixed, *bulk]


def run_hook(bench, url, count):
    """The report of a run, and its largest resident set in MiB."""
    ledger = bench.fresh("send.db")
    command = on_load_core(hook(bench, ledger, url, count))
    process = subprocess.Popen(command, env=bench.env, stdout=subprocess.PIPE, text=True)
    said = []
    reader = threading.Thread(target=lambda: said.append(process.stdout.read()))
    reader.start()
    begun = time.perf_counter()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    reader.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    done = json.loads(said[0].splitlines()[-1])
    with sqlite3.connect(ledger) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM attempt WHERE status = 200").fetchone()
        (bodies,) = connection.execute("SELECT count(DISTINCT body) FROM message").fetchone()
    if (done["delivered"], kept, bodies) != (count, count, count):
        raise SystemExit(f"of {count} events {done['delivered']} were delivered, {kept} recorded, {bodies} were new")
    return count / seconds, usage.ru_maxrss / 1024, (usage.ru_utime + usage.ru_stime) / count * 1e6


def rows(bench):
    count = bench.scaled(200_000)
    figures = {"hook": [], "bare": [], "undici": []}
    peaks, cpu = [], []
    port = next(bench.ports)
    with Server(bench, [bench.limits, "sink", str(port)], port) as sink:
        for at in range(bench.rounds):
            say(f"send, round {at + 1}")
            bench.settle()
            rate, peak, us = run_hook(bench, sink.url, count)
            figures["hook"].append(rate)
            peaks.append(peak)
            cpu.append(us)
            bare = run_json(bench, [bench.limits, "send", sink.url, count, CONCURRENCY])
            undici = run_json(bench, [bench.node, HERE / "peers/send.js", sink.url, count // 2, CONCURRENCY])
            for name, done in (("bare", bare), ("undici", undici)):
                if done["wrong"]:
                    raise SystemExit(f"{name}: {done['wrong']} requests failed")
                figures[name].append(done["per_second"])
    bench.fresh("send.db")
    what = f"send --count {count} --concurrency {CONCURRENCY}, all recorded"
    note = f"{sorted(cpu)[len(cpu) // 2]:.1f} us of CPU an event"
    ours, bare, undici = figures["hook"], figures["bare"], figures["undici"]
    yield ratio_row(what, ours, bare, least=0.5, show=per_second, other_name="reqwest loop", note=note)
    yield ratio_row(what, ours, undici, least=1.0, show=per_second, other_name="undici")
    yield limit_row("send, largest RSS of that run", max(peaks), 40, "MiB")
