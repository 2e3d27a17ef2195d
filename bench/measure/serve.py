"""`hook serve`: what it delivers in a second, how long that takes, and what it holds, beside the least that must be done."""

import http.client
import json
import socket
import time
from statistics import median

from . import cost
from .service import EVENT, KEY, Home, Receiver, bare, bullmq, copied, hook, redis_is_missing
from .setup import say
from .table import Row, limit_row, milliseconds, per_second, ratio_row

# Retries that are due at each of the endpoints that take none.
BACKLOG = 100_000


def rows(bench):
    rates = yield from throughput(bench)
    yield from latency(bench, median(rates) / 2)
    yield from memory(bench)
    yield from fan_out(bench)
    yield from beside_dead_ones(bench)
    yield from cost.rows(bench)


def throughput(bench):
    """As fast as each takes events, until the last one has arrived."""
    contenders = {"hook": hook, "bare": bare}
    reason = redis_is_missing()
    if reason:
        say(f"without BullMQ: {reason}")
    else:
        contenders |= {"everysec": bullmq("everysec"), "always": bullmq("always")}
    figures, peaks, cpu = {name: [] for name in contenders}, [], []
    for at in range(bench.rounds):
        for name, start in contenders.items():
            say(f"serve, round {at + 1}, {name}")
            bench.settle()
            with Receiver(bench) as receiver, start(bench, receiver) as service:
                warm = service.feed(bench, seconds=1)["count"]
                receiver.wait(warm)
                receiver.reset()
                before = service.cpu()
                done = service.feed(bench, seconds=bench.seconds)
                arrived = receiver.wait(done["count"])
                if arrived["count"] != done["count"]:
                    raise SystemExit(f"{name}: {done['count']} events, {arrived['count']} deliveries")
                figures[name].append(done["count"] / (arrived["last_us"] - done["begun_us"]) * 1e6)
                if name == "hook":
                    peaks.append(service.peak_mib())
                    cpu.append((service.cpu() - before) / done["count"] * 1e6)
    what, ours = "serve, delivered at 64 connections", figures["hook"]
    note = f"{median(cpu):.1f} us of CPU an event"
    yield ratio_row(what, ours, figures["bare"], least=0.4, show=per_second, other_name="bare deliverer", note=note)
    for fsync, least in (("everysec", None), ("always", 3)):
        if fsync in figures:
            other = f"BullMQ, {fsync}"
            yield ratio_row(what, ours, figures[fsync], least=least, show=per_second, other_name=other)
        else:
            yield Row(what, per_second(median(ours)), f"BullMQ, {fsync}", note=f"skipped: {reason}")
    yield limit_row("serve, largest RSS of these runs", max(peaks), 64, "MiB")
    return ours


def latency(bench, rate):
    """At that rate whatever the service does: how old an event is when it arrives."""
    figures = {(name, part): [] for name in ("hook", "bare") for part in ("p50_us", "p99_us")}
    for at in range(bench.rounds):
        for name, start in (("hook", hook), ("bare", bare)):
            say(f"serve, round {at + 1}, {name} at {rate:,.0f}/s")
            bench.settle()
            with Receiver(bench) as receiver, start(bench, receiver) as service:
                receiver.wait(service.feed(bench, seconds=1, rate=rate)["count"])
                arrived = paced(bench, receiver, service, rate)
                for part in ("p50_us", "p99_us"):
                    figures[name, part].append(arrived[part] / 1000)
    for part, most in (("p50_us", 3), ("p99_us", 4)):
        what = f"serve at {rate:,.0f}/s, made to arrived, {part[:3]}"
        ours, other = figures["hook", part], figures["bare", part]
        yield ratio_row(what, ours, other, most=most, show=milliseconds, other_name="bare deliverer")


def paced(bench, receiver, service, rate):
    """What arrived of a load at a fixed rate."""
    receiver.reset()
    return receiver.wait(service.feed(bench, seconds=bench.seconds, rate=rate)["count"])


def memory(bench):
    """One process, a million events."""
    few, many = bench.scaled(100_000), bench.scaled(1_000_000)
    say(f"serve, {many:,} events")
    with Receiver(bench) as receiver, hook(bench, receiver) as service:
        service.feed(bench, count=few)
        receiver.wait(few)
        before = service.peak_mib()
        service.feed(bench, count=many - few)
        receiver.wait(many, 600)
        after = service.peak_mib()
    yield limit_row(f"serve, largest RSS over {many:,} events", after, 64, "MiB")
    more = after - before
    yield limit_row(f"serve, RSS at {many:,} events above that at {few:,}", more, 8, "MiB", strict=False)


def fan_out(bench):
    """From the request to its 202, which says that all deliveries are on disk."""
    endpoints, times = bench.scaled(1000), []
    with Receiver(bench) as receiver:
        home = Home(bench, "fan-out")
        home.add_many(bench, [receiver.at(f"ok/{at}") for at in range(endpoints)])
        with home.serve(bench) as service:
            say(f"serve, one event to {endpoints} endpoints")
            # The first one opens the connections.
            for at in range(21):
                took = accepted(service.port, endpoints)
                receiver.wait((at + 1) * endpoints)
                if at > 0:
                    times.append(took)
    bench.fresh("fan-out")
    yield limit_row(f"serve, one event to {endpoints:,} endpoints committed", median(times), 30, "ms")


def accepted(port, deliveries):
    """Milliseconds of one call with an event."""
    body = json.dumps({"event": EVENT, "data": {"note": "x" * 900}})
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    begun = time.perf_counter()
    connection.request("POST", "/events", body, headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    took = (time.perf_counter() - begun) * 1000
    connection.close()
    if answer.status != 202 or said["deliveries"] != deliveries:
        raise SystemExit(f"the event was answered {answer.status}: {said}")
    return took


def beside_dead_ones(bench):
    """One endpoint refuses connections, another takes them and never answers, and many retries are due for each."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        refusing = f"http://127.0.0.1:{nobody.getsockname()[1]}/refuse"
    port = next(bench.ports)
    healthy = f"http://127.0.0.1:{port}/ok"
    alone = Home(bench, "alone")
    alone.add(bench, "healthy", healthy)
    dead = with_backlog(bench, refusing, port)
    dead.add(bench, "healthy", healthy)
    rates, ages = {"alone": [], "beside": []}, {"alone": [], "beside": []}
    for at in range(bench.rounds):
        for name, prepared in (("alone", alone), ("beside", dead)):
            say(f"serve, round {at + 1}, healthy endpoint {name}")
            home = copied(bench, prepared, "round")
            bench.settle()
            with Receiver(bench, port, hangs=True) as receiver, home.serve(bench) as service:
                receiver.wait(service.feed(bench, seconds=1)["count"])
                receiver.reset()
                done = service.feed(bench, seconds=bench.seconds)
                arrived = receiver.wait(done["count"])
                rates[name].append(done["count"] / (arrived["last_us"] - done["begun_us"]) * 1e6)
                # The same load for both, which overloads neither.
                ages[name].append(paced(bench, receiver, service, rates["alone"][at] / 2)["p99_us"] / 1000)
    for name in ("alone", "dead", "round"):
        bench.fresh(name)
    what = "serve beside two dead endpoints"
    beside, own = rates["beside"], rates["alone"]
    yield ratio_row(f"{what}: delivered", beside, own, least=0.8, show=per_second, other_name="alone")
    good = sum(slow <= 2 * base + 10 for slow, base in zip(ages["beside"], ages["alone"], strict=True))
    needed = max(bench.rounds - 1, 1)
    yield Row(
        f"{what}: made to arrived, p99",
        milliseconds(median(ages["beside"])),
        f"alone {milliseconds(median(ages['alone']))}",
        goal=f"<= 2x + 10 ms in {needed} of {bench.rounds}",
        met=good >= needed,
        note=f"in {good} of {bench.rounds}",
    )


def with_backlog(bench, refusing, port):
    """A home whose ledger has retries for two endpoints that are due: their first attempts have failed, with no connection at
    one and a 500 at the other. Their delays are then declared to be over."""
    count = bench.scaled(BACKLOG)
    say(f"serve, {count:,} retries at each of two endpoints")
    home = Home(bench, "dead")
    home.provider("slow", ["10000h"] * 2)
    home.add(bench, "refuses", refusing, "backlog", "slow")
    home.add(bench, "hangs", f"http://127.0.0.1:{port}/hang", "backlog", "slow")
    # An endpoint that keeps failing is tried ten times a second: that wait is divided too.
    with Receiver(bench, port), home.serve(bench, "--time-scale", "1000x") as service:
        service.feed(bench, count=count, event="backlog")
        begun = time.perf_counter()
        while home.query("SELECT count(*) FROM delivery WHERE attempts = 0") > 0:
            if time.perf_counter() - begun > 600:
                raise SystemExit(f"the first attempts do not end: {service.status()}")
            time.sleep(0.5)
    now = time.time_ns() // 1000
    home.change("UPDATE queue SET due = ? WHERE state = 0", now)
    home.change("UPDATE delivery SET next_due = ? WHERE next_due IS NOT NULL", now)
    due = home.query("SELECT count(*) FROM queue WHERE state = 0 AND class = 1")
    if due != 2 * count:
        raise SystemExit(f"of {2 * count} retries {due} wait")
    return home
