"""What has to be there before anything is measured."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
OUT = HERE / "out"

SECRET = "bench-secret"
HEADER = "x-poolflow-signature"

# Server on one core, load on the other.
SERVER_CORE, LOAD_CORE = "0", "1"

# A service stands between its load and its receiver: the three share both.
BOTH_CORES = "0-1"


def say(text):
    print(text, file=sys.stderr, flush=True)


def wait_until_quiet(quick):
    """Other work on the machine spoils every figure; some of it ends soon."""
    for _ in range(0 if quick else 60):
        load = os.getloadavg()[0]
        if load < 1.0:
            return
        say(f"waiting for the machine to become quiet (load {load:.1f})")
        time.sleep(10)


def need(program, package):
    """The program, from the distribution when it is missing."""
    if shutil.which(program) is None:
        say(f"installing {package}")
        apt = ["apt-get"] if os.geteuid() == 0 else ["sudo", "apt-get"]
        subprocess.run([*apt, "install", "--yes", "--quiet", package], check=True, stdout=sys.stderr)
    return program


class Bench:
    """The programs to measure, and how long."""

    def __init__(self, wanted):
        self.quick = wanted.quick
        self.rounds = 1 if wanted.quick else wanted.rounds
        self.seconds = 2 if wanted.quick else 8
        OUT.mkdir(exist_ok=True)
        built = wanted.hook or self._hook(), self._limits()
        self.node = self._peers()
        self.wrk = need("wrk", "wrk")
        need("taskset", "util-linux")
        need("curl", "curl")
        self.scratch = OUT / "scratch"
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        self.hook, self.limits = map(self.installed, built)
        self.against = wanted.against and self.installed(wanted.against, "other-hook")
        self.env = self._env()
        # Below the ports that outgoing connections take.
        self.ports = iter(range(17100, 19900))

    def scaled(self, count):
        """A count, or a small one in a smoke run."""
        return max(count // 100, 10) if self.quick else count

    def settle(self):
        """What was measured before must not be written to disk during what is measured next."""
        os.sync()

    def fresh(self, name):
        """A path in the scratch folder where nothing is."""
        path = self.scratch / name
        for old in self.scratch.glob(f"{name}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        return path

    def installed(self, binary, name=None):
        """A copy, which is what everybody runs: the pages of a file that a linker wrote take longer to map, a fifth of a
        short process's time."""
        copy = self.scratch / (name or "-".join(Path(binary).parts[-3:]))
        shutil.copy(binary, copy)
        return str(copy)

    def _hook(self):
        say("building hook")
        subprocess.run(["cargo", "build", "--profile", "dist", "--quiet"], cwd=HERE.parent, check=True)
        return str(HERE.parent / "target/dist/hook")

    def _limits(self):
        say("building the bare programs")
        target = OUT / "limits"
        env = {**os.environ, "CARGO_TARGET_DIR": str(target)}
        subprocess.run(["cargo", "build", "--release", "--quiet", "--locked"], cwd=HERE / "limits", env=env, check=True)
        return str(target / "release/limits")

    def _peers(self):
        folder = OUT / "peers"
        lock = (HERE / "peers/package-lock.json").read_bytes()
        have = folder / "package-lock.json"
        if not (folder / "node_modules").is_dir() or have.read_bytes() != lock:
            say("installing the peers")
            folder.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / "peers" / name, folder / name)
            subprocess.run([need("npm", "npm"), "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, stdout=sys.stderr)
        return need("node", "nodejs")

    def _env(self):
        """A home of its own, and nothing of the caller's settings."""
        home = self.scratch / "home"
        home.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOOK_", "XDG_"))}
        return {**kept, "HOME": str(home), "NODE_PATH": str(OUT / "peers/node_modules"), "NO_COLOR": "1"}

    def machine(self):
        """What the figures were measured on, and with what."""

        def first_line(*command):
            found = subprocess.run(command, capture_output=True, text=True, check=False)
            return (found.stdout or found.stderr).splitlines()[0].strip()

        model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30
        peers = json.loads((HERE / "peers/package.json").read_text())["dependencies"]
        return [
            f"{os.cpu_count()} cores, {model[0].split(':')[1].strip() if model else platform.machine()}, {pages} GiB",
            f"{platform.system()} {platform.release()}, {first_line('rustc', '--version')}",
            f"node {first_line(self.node, '--version')}, " + ", ".join(f"{name} {peers[name]}" for name in sorted(peers)),
            f"{' '.join(first_line('curl', '--version').split()[:2])}, {' '.join(first_line(self.wrk, '--version').split()[:2])}",
        ]
