"""`hook listen`: verified and on disk before the answer."""

import hashlib
import hmac
import re
import socket
import sqlite3
import subprocess
import time
from statistics import median

from .process import Server, on_load_core, run_json
from .setup import HEADER, HERE, OUT, SECRET, say
from .table import limit_row, milliseconds, per_second, ratio_row

CONNECTIONS = 64


def hook(bench, ledger, port):
    return [bench.hook, "listen", "--secret", f"literal:{SECRET}", "--port", str(port), "--ledger", str(ledger)]


def rows(bench):
    yield from compared(bench)
    yield from memory(bench)
    yield from starts(bench)


def sample_body():
    """The constant body for wrk."""
    text = '{"event":"job.paid","timestamp":"2030-01-02T03:04:05Z","data":{"id":"job_1","note":""}}'
    return text.replace('""', '"' + "x" * (1024 - len(text)) + '"').encode()


def wrk_script():
    body = sample_body()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    script = OUT / "post.lua"
    script.write_text(
        "wrk.method = 'POST'\n"
        f"wrk.body = '{body.decode()}'\n"
        "wrk.headers['content-type'] = 'application/json'\n"
        f"wrk.headers['{HEADER}'] = '{signature}'\n"
    )
    return script


def wrk(bench, server, seconds):
    """Requests a second with one body over and over."""
    command = [bench.wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", wrk_script(), server.url]
    said = subprocess.run(on_load_core(command), capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"not every request was answered 200:\n{said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def load(bench, server, seconds=0, count=0, forge_every=0):
    """The report of a run in which every body is new."""
    done = run_json(bench, [bench.limits, "load", server.url, CONNECTIONS, count, seconds, forge_every])
    if done["wrong"]:
        raise SystemExit(f"{done['wrong']} requests got another answer than they should")
    return done


def measured(bench, server, kind):
    """Requests a second, and microseconds of processor time for each."""
    if kind == "wrk":
        wrk(bench, server, 1)
    else:
        load(bench, server, seconds=1)
    cpu, begun = server.cpu(), time.perf_counter()
    if kind == "wrk":
        rate = wrk(bench, server, bench.seconds)
    else:
        rate = load(bench, server, seconds=bench.seconds)["per_second"]
    busy = (server.cpu() - cpu) / (time.perf_counter() - begun)
    return rate, busy / rate * 1e6


def compared(bench):
    """The same load on hook, on the bare receiver and on a warm Express, round by round."""
    kinds, names = ("wrk", "new"), ("hook", "bare", "express")
    figures = {(kind, name): [] for kind in kinds for name in names}
    port = next(bench.ports)
    with Server(bench, [bench.node, str(HERE / "peers/receive.js"), str(port)], port) as express:
        wrk(bench, express, 1 if bench.quick else 6)
        for at in range(bench.rounds):
            for kind in kinds:
                say(f"receive, round {at + 1}, {kind}")
                bench.settle()
                figures[kind, "express"].append(measured(bench, express, kind))
                port, file = next(bench.ports), bench.fresh("bare.log")
                with Server(bench, [bench.limits, "receive", str(port), str(file)], port) as bare:
                    figures[kind, "bare"].append(measured(bench, bare, kind))
                port, file = next(bench.ports), bench.fresh("listen.db")
                with Server(bench, hook(bench, file, port), port) as ours:
                    figures[kind, "hook"].append(measured(bench, ours, kind))
    bench.fresh("bare.log")
    bench.fresh("listen.db")
    for kind, words in (("new", "every body new"), ("wrk", "wrk, one body")):
        rates = {name: [rate for rate, _ in figures[kind, name]] for name in names}
        cpu = {name: median(us for _, us in figures[kind, name]) for name in names}
        note = ", ".join(f"{name} {cpu[name]:.1f}" for name in names) + " us of CPU a request"
        what = f"listen, verified and durable: {words}"
        yield ratio_row(what, rates["hook"], rates["bare"], least=0.5, show=per_second, other_name="bare", note=note)
        yield ratio_row(what, rates["hook"], rates["express"], least=3, show=per_second, other_name="express")


def memory(bench):
    """A million requests, every hundredth of them forged; then everything that was answered is looked for on disk."""
    say("receive, a million requests")
    ledger, port, count = bench.fresh("million.db"), next(bench.ports), bench.scaled(1_000_000)
    with Server(bench, hook(bench, ledger, port), port) as server:
        load(bench, server, count=count, forge_every=100)
        peak = server.peak_mib()
    with sqlite3.connect(ledger) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM capture").fetchone()
    if kept != count:
        raise SystemExit(f"{count} requests were answered, {kept} are in the ledger")
    yield limit_row(f"listen, largest RSS over {count:,} requests", peak, 32, "MiB", "1 in 100 forged; all in the ledger")


def first_answer(bench, ledger):
    """Milliseconds from hook's start to its first 200."""
    port = next(bench.ports)
    return first_answer_of(bench, hook(bench, ledger, port), port)


def bare_first_answer(bench):
    """Milliseconds from the bare receiver's start to its first 200."""
    port = next(bench.ports)
    return first_answer_of(bench, [bench.limits, "receive", str(port), str(bench.fresh("start.log"))], port)


def first_answer_of(bench, command, port):
    body = sample_body()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = f"POST /h HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{HEADER}: {signature}\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    with Server(bench, command, port) as server:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(request)
            answer = connection.recv(4096)
            took = (time.perf_counter() - server.began) * 1000
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the first answer is {answer[:60]}")
    return took


def starts(bench):
    count = bench.scaled(2000) if bench.quick else 20
    times = {"new": [], "million": [], "bare": []}
    # One after the other in every round, so that a busy moment of the machine falls on all of them.
    for _ in range(count):
        times["bare"].append(bare_first_answer(bench))
        times["new"].append(first_answer(bench, bench.fresh("start.db")))
        times["million"].append(first_answer(bench, bench.scratch / "million.db"))
    what = "listen, start to first answer"
    yield limit_row(f"{what}, a million records", median(times["million"]), 15, "ms", strict=False)
    yield ratio_row(f"{what}, new ledger", times["new"], times["bare"], show=milliseconds, other_name="bare receiver")
