"""`hook serve` over PostgreSQL: one and two processes beside one over SQLite, and what the database does for an event."""

import os
import pwd
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from .service import Home, Receiver, Service, bare, hook
from .setup import BOTH_CORES, say
from .table import Row, per_second, ratio_row

# 32 bytes in base64.
SECRET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def binaries():
    """The folder of the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return found[-1] if found else None


class Cluster:
    """A server of its own, synced to disk as usual, which counts statements."""

    def __init__(self, bench):
        self.bench, self.port, self.databases = bench, next(bench.ports), 0
        self.folder = Path("/tmp") / f"hook-bench-{os.getpid()}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        self.user = None
        if os.geteuid() == 0:
            self.user = pwd.getpwnam("postgres")
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "hook", "-E", "UTF8", "--locale=C")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c shared_preload_libraries=pg_stat_statements"
        self._run("pg_ctl", "-D", self.data, "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    @property
    def data(self):
        return str(self.folder / "data")

    def _run(self, program, *words):
        as_user = {} if self.user is None else {"user": self.user.pw_uid, "group": self.user.pw_gid}
        command = ["taskset", "-c", BOTH_CORES, str(binaries() / program), *words]
        # A server that goes on would hold a pipe open.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder, **as_user)

    def sql(self, database, statement):
        command = [str(binaries() / "psql"), "-XqAt", "-U", "hook", "-h", "127.0.0.1", "-p", str(self.port), "-d", database, "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def database(self):
        self.databases += 1
        name = f"bench{self.databases}"
        self.sql("postgres", f"CREATE DATABASE {name}")
        self.sql(name, "CREATE EXTENSION pg_stat_statements")
        return name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class SharedHome(Home):
    """A home whose ledger and endpoints are in a database."""

    def __init__(self, bench, name, cluster):
        super().__init__(bench, name)
        self.cluster, self.database = cluster, cluster.database()
        (self.path / "key").write_text(SECRET_KEY)
        (self.path / "key").chmod(0o600)
        self.env["HOOK_STORE"] = f"postgres://hook@127.0.0.1:{cluster.port}/{self.database}"
        self.env["HOOK_KEY"] = f"file:{self.path}/key"

    def serve(self, bench, *more):
        port = next(bench.ports)
        words = ["serve", "--port", str(port), "--key", "env:KEY", "--quiet", "--rate-limit", "0", *more]
        return Service(bench, [bench.hook, *words], port, BOTH_CORES, self.env)


def over_postgres(cluster, processes):
    """That many services over one database; events go to the first one."""

    @contextmanager
    def started(bench, receiver):
        home = SharedHome(bench, "shared", cluster)
        home.add(bench, "healthy", receiver.at("ok"))
        with ExitStack() as stack:
            services = [stack.enter_context(home.serve(bench)) for _ in range(processes)]
            services[0].home = home
            yield services[0]
        bench.fresh("shared")

    return started


def rows(bench):
    if binaries() is None:
        yield Row("serve over PostgreSQL", note="skipped: PostgreSQL is not installed")
        return
    with Cluster(bench) as cluster:
        yield from throughput(bench, cluster)
    # Another server: that one still vacuums what the load has left.
    with Cluster(bench) as cluster:
        yield idle(bench, cluster)


def throughput(bench, cluster):
    contenders = {"sqlite": hook, "bare": bare, "one": over_postgres(cluster, 1), "two": over_postgres(cluster, 2)}
    figures, statements, wal = {name: [] for name in contenders}, [], []
    for at in range(bench.rounds):
        for name, start in contenders.items():
            say(f"shared, round {at + 1}, {name}")
            bench.settle()
            with Receiver(bench) as receiver, start(bench, receiver) as service:
                warm = service.feed(bench, seconds=2)["count"]
                receiver.wait(warm)
                receiver.reset()
                home = getattr(service, "home", None)
                before = counters(cluster, home)
                done = service.feed(bench, seconds=bench.seconds)
                arrived = receiver.wait(done["count"])
                figures[name].append(done["count"] / (arrived["last_us"] - done["begun_us"]) * 1e6)
                if name == "one":
                    after = counters(cluster, home)
                    statements.append((after[0] - before[0]) / done["count"])
                    wal.append((after[1] - before[1]) / done["count"])
    what = "serve over PostgreSQL, delivered at 64 connections"
    note = f"{median(wal):.0f} bytes of WAL an event, bare deliverer {per_second(median(figures['bare']))}"
    yield ratio_row(what, figures["one"], figures["sqlite"], least=0.25, show=per_second, other_name="SQLite", note=note)
    calls = median(statements)
    yield Row("serve over PostgreSQL, statements an event", f"{calls:.3f}", goal="<= 0.2", met=calls <= 0.2)
    other = "one process"
    yield ratio_row("serve over PostgreSQL, two processes", figures["two"], figures["one"], least=0.85, show=per_second, other_name=other)


def counters(cluster, home):
    """Statements so far, and bytes of the write-ahead log."""
    if home is None:
        return 0, 0
    sql = "SELECT sum(calls) FROM pg_stat_statements AS s JOIN pg_database AS d ON d.oid = s.dbid WHERE d.datname = current_database()"
    calls = int(cluster.sql(home.database, sql) or 0)
    return calls, int(float(cluster.sql(home.database, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")))


def idle(bench, cluster):
    """Ten services that have nothing to do: what the database does in a minute."""
    home, seconds = SharedHome(bench, "idle", cluster), 5 if bench.quick else 60
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(home.serve(bench))
        say("shared, ten idle services")
        time.sleep(2)
        before = cpu(cluster)
        time.sleep(seconds)
        used = (cpu(cluster) - before) * 60 / seconds
    what = "ten idle services, CPU of PostgreSQL in a minute"
    return Row(what, f"{used:.2f} s", goal="<= 0.6 s", met=used <= 0.6)


def cpu(cluster):
    """Seconds of processor time of all processes of the server, those that ended included."""
    first = int((Path(cluster.data) / "postmaster.pid").read_text().split()[0])
    total, ticks = 0, os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(stat.parent.name) == first:
            total += sum(int(field) for field in fields[11:15])
        elif int(fields[1]) == first:
            total += int(fields[11]) + int(fields[12])
    return total / ticks
