"""What the built-in providers add to the start of a command: the same hook with a few of them beside it."""

import os
import subprocess

from .once import interleaved
from .setup import HERE, OUT, say
from .table import difference_row

FEW = "poolflow,pool-brain,pocketsflow,hoopai,slotflow,standard-webhooks,generic"


def few():
    say("building hook with seven providers")
    target = OUT / "few"
    env = {**os.environ, "CARGO_TARGET_DIR": str(target), "HOOK_BUILD_PROVIDERS": FEW}
    subprocess.run(["cargo", "build", "--profile", "dist", "--quiet", "--locked"], cwd=HERE.parent, env=env, check=True)
    return str(target / "dist/hook")


def rows(bench):
    rounds, binaries = bench.scaled(1000) if bench.quick else 200, {"all": bench.hook, "few": bench.installed(few())}
    bench.settle()
    for words, most in (("--version", 0.3), ("send job.paid --to :1 --dry-run", 1)):
        say(f"hook {words}")
        commands = {name: [binary, *words.split()] for name, binary in binaries.items()}
        times = interleaved(bench, commands, rounds)
        yield difference_row(f"`hook {words}`", times["all"], times["few"], most, "with 7 providers")
