"""Starting, watching and ending what is measured."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from .setup import LOAD_CORE, SERVER_CORE

TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A receiver on its own core, until the block ends."""

    def __init__(self, bench, command, port, core=SERVER_CORE, env=None, terminal=None):
        self.port = port
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            ["taskset", "-c", core, *command],
            env=env or bench.env,
            stdin=terminal,
            stdout=terminal or subprocess.DEVNULL,
            stderr=terminal or subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self):
        """Until somebody accepts connections; how long that took is in `ready_ms`."""
        while time.perf_counter() - self.began < 20:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"{self.process.args} ended with {self.process.returncode}") from None
                time.sleep(0.0002)
            else:
                return
        raise SystemExit(f"{self.process.args} does not listen")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/h"

    def cpu(self):
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mib(self):
        """The largest resident set so far."""
        return peak_mib(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def peak_mib(pid):
    """The largest resident set that a process has had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def on_load_core(command):
    return ["taskset", "-c", LOAD_CORE, *map(str, command)]


def run_json(bench, command, core=LOAD_CORE):
    """Runs a program and reads the JSON that it prints."""
    pinned = ["taskset", "-c", core, *map(str, command)]
    done = subprocess.run(pinned, env=bench.env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def timed(bench, command, codes=(0,)):
    """Milliseconds from start to exit of a program on the load core, and its largest resident set in MiB."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, nowhere, fd) for fd in (1, 2)]
    begun = time.perf_counter()
    pid = os.posix_spawnp(command[0], [str(part) for part in command], bench.env, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    took = (time.perf_counter() - begun) * 1000
    os.close(nowhere)
    if os.waitstatus_to_exitcode(status) not in codes:
        raise SystemExit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return took, usage.ru_maxrss / 1024
