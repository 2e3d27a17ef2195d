"""What everything else pays for the service: the size of the binary, the start of a process, the packages to trust."""

import os
import re

from .process import Server
from .service import size
from .setup import HERE, SECRET
from .table import Row

MORE_BYTES = 2.5e6
MORE_FAULTS = 1.05
PACKAGES = 295


def rows(bench):
    """Beside another build where one is given with `--against`."""
    locked = len(re.findall(r"^\[\[package\]\]", (HERE.parent / "Cargo.lock").read_text(), re.MULTILINE))
    yield Row("locked packages", str(locked), goal=f"<= {PACKAGES}", met=locked <= PACKAGES)
    ours, other = size(bench.hook), bench.against and size(bench.against)
    yield compared("size of the binary", ours, other, lambda bytes: f"{bytes / 1e6:.2f} MB", lambda before: before + MORE_BYTES)
    port = next(bench.ports)
    with Server(bench, [bench.limits, "sink", str(port)], port) as sink:
        send = ["send", "job.paid", "--to", sink.url, "--secret", f"literal:{SECRET}", "--ledger"]
        for name, words in (("hook --version", ["--version"]), ("hook send", send)):
            ours, other = (binary and faults(bench, binary, words) for binary in (bench.hook, bench.against))
            yield compared(f"minor page faults of `{name}`", ours, other, str, lambda before: before * MORE_FAULTS)


def compared(what, ours, other, show, limit):
    if not other:
        return Row(what, show(ours), note="compared with --against")
    return Row(what, show(ours), f"other {show(other)}", ours / other, f"<= {show(round(limit(other)))}", ours <= limit(other))


def faults(bench, binary, words):
    """The median of some runs, each in its own ledger."""
    found = []
    for _ in range(21):
        ledger = [str(bench.fresh("faults.db"))] if words[-1] == "--ledger" else []
        nowhere = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, nowhere, fd) for fd in (1, 2)]
        pid = os.posix_spawn(binary, [binary, *words, *ledger], bench.env, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        os.close(nowhere)
        if status != 0:
            raise SystemExit(f"{binary} {words} ended with {os.waitstatus_to_exitcode(status)}")
        found.append(usage.ru_minflt)
    return sorted(found)[len(found) // 2]
