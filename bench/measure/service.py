"""Services that take events and deliver them: `hook serve`, the bare durable deliverer, BullMQ with Redis; and their receiver."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from .process import Server, run_json
from .setup import BOTH_CORES, HERE, SECRET, say

EVENT = "job.paid"
CONNECTIONS = 64
KEY = "the-key-of-the-bench"


class Receiver(Server):
    """What events are delivered to; it tells how old they were when they came."""

    def __init__(self, bench, port=None, hangs=False):
        port = port or next(bench.ports)
        super().__init__(bench, [bench.limits, "arrivals", str(port), str(int(hangs))], port, BOTH_CORES)

    def at(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def reset(self):
        get(self.at("reset"))

    def stats(self):
        return json.loads(get(self.at("stats")))

    def wait(self, count, seconds=120):
        """The stats once that many events have come."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            stats = self.stats()
            if stats["count"] >= count:
                return stats
            time.sleep(0.05)
        raise SystemExit(f"of {count} events {stats['count']} have come after {seconds} s")


class Service(Server):
    """Something that takes events at `/events`."""

    def status(self):
        return json.loads(get(f"http://127.0.0.1:{self.port}/status", {"authorization": f"Bearer {KEY}"}))

    def feed(self, bench, count=0, seconds=0, rate=0, event=EVENT):
        """The report of a load; everything must have been acknowledged."""
        url = f"http://127.0.0.1:{self.port}/events"
        done = run_json(bench, [bench.limits, "feed", url, KEY, event, CONNECTIONS, count, seconds, rate], BOTH_CORES)
        if done["wrong"]:
            raise SystemExit(f"{done['wrong']} of {done['count']} events were not answered 202")
        return done


def get(url, headers=None):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=60) as answer:
        return answer.read()


class Home:
    """A home with endpoints in its book, and a ledger."""

    def __init__(self, bench, name):
        self.path = bench.fresh(name)
        self.path.mkdir()
        self.ledger = self.path / "ledger.db"
        self.env = {**bench.env, "HOME": str(self.path), "KEY": KEY}

    def provider(self, name, delays):
        """One that is PoolFlow but for its delays."""
        file = self.path / ".config/hook/providers" / f"{name}.toml"
        file.parent.mkdir(parents=True)
        schedule = f'[retry.schedule]\ndelays = {json.dumps(delays)}\nthen = "fail"\n'
        file.write_text(f'format = 1\nname = "{name}"\ntitle = "{name}"\nextends = "poolflow"\n{schedule}')

    def add(self, bench, name, url, event=EVENT, provider="poolflow"):
        words = ["add", url, "--provider", provider, "--local", "--name", name, "--events", event, "--new-events"]
        self._endpoints(bench, [*words, "--secret", f"literal:{SECRET}"])

    def add_many(self, bench, urls):
        table = '[[endpoint]]\nname = "e{}"\nurl = "{}"\nprovider = "poolflow"\nevents = ["{}"]\n'
        file = self.path / "endpoints.toml"
        file.write_text("".join(table.format(at, url, EVENT) for at, url in enumerate(urls)))
        self._endpoints(bench, ["apply", "--file", str(file), "--local", "--yes"])

    def query(self, sql):
        """The one value of a query to the ledger."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchone()[0]

    def change(self, sql, *values):
        with closing(sqlite3.connect(self.ledger)) as connection, connection:
            connection.execute(sql, values)

    def _endpoints(self, bench, words):
        done = subprocess.run([bench.hook, "endpoints", *words], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"hook endpoints {words} ended with {done.returncode}: {done.stderr}")

    def serve(self, bench, *more):
        port = next(bench.ports)
        words = ["serve", "--port", str(port), "--key", "env:KEY", "--ledger", str(self.ledger), "--quiet", "--rate-limit", "0", *more]
        return Service(bench, [bench.hook, *words], port, BOTH_CORES, self.env)


@contextmanager
def hook(bench, receiver):
    home = Home(bench, "serve")
    home.add(bench, "healthy", receiver.at("ok"))
    with home.serve(bench) as service:
        yield service
    bench.fresh("serve")


@contextmanager
def bare(bench, receiver):
    port = next(bench.ports)
    words = ["deliver", str(port), receiver.at("ok"), str(bench.fresh("deliver.log")), str(CONNECTIONS)]
    with Service(bench, [bench.limits, *words], port, BOTH_CORES) as service:
        yield service
    bench.fresh("deliver.log")


def bullmq(fsync):
    """BullMQ with a Redis that syncs its file then."""

    @contextmanager
    def started(bench, receiver):
        folder, redis, port = bench.fresh("redis"), next(bench.ports), next(bench.ports)
        folder.mkdir()
        keeps = ["--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--dir", str(folder)]
        script = [bench.node, str(HERE / "peers/bullmq.js")]
        with ExitStack() as stack:
            command = ["redis-server", "--port", str(redis), "--bind", "127.0.0.1", *keeps]
            stack.enter_context(Server(bench, command, redis, BOTH_CORES))
            worker = [*script, "worker", receiver.at("ok"), str(redis), str(CONNECTIONS)]
            stack.enter_context(background(bench, worker))
            yield stack.enter_context(Service(bench, [*script, "api", str(port), str(redis)], port, BOTH_CORES))
        bench.fresh("redis")

    return started


@contextmanager
def background(bench, command):
    """A process that listens nowhere."""
    process = subprocess.Popen(["taskset", "-c", BOTH_CORES, *command], env=bench.env)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def redis_is_missing():
    """The reason for which Redis cannot be had; none when it is there."""
    if shutil.which("redis-server"):
        return None
    say("installing redis-server")
    apt = ["apt-get"] if os.geteuid() == 0 else ["sudo", "-n", "apt-get"]
    words = ["install", "--yes", "--quiet", "--no-install-recommends", "redis-server"]
    try:
        done = subprocess.run([*apt, *words], stdout=sys.stderr, check=False).returncode
    except OSError as error:
        return f"redis-server cannot be installed: {error}"
    return None if done == 0 and shutil.which("redis-server") else f"redis-server cannot be installed: apt-get ended with {done}"


def copied(bench, home, name):
    """A copy of a home, for one round."""
    copy = Home(bench, name)
    shutil.rmtree(copy.path)
    subprocess.run(["cp", "-a", "--reflink=auto", str(home.path), str(copy.path)], check=True)
    return copy


def size(path):
    return Path(path).stat().st_size
