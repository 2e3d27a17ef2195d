"""hook's own functions in one process: what criterion measured."""

import json
import os
import subprocess

from .setup import HERE, OUT, say
from .table import Row, limit_row

AUTOPSIES = {"16k": ("16 KiB", 10), "1m": ("1 MiB", 250), "10m": ("10 MiB", 250)}


def figures(quick):
    """The median of each benchmark, in nanoseconds."""
    say("running the benchmarks of the library")
    target = OUT / "library"
    env = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    brief = ["--warm-up-time", "0.1", "--measurement-time", "0.2"] if quick else []
    command = ["cargo", "bench", "--quiet", "--locked", "--bench", "library", "--", "--noplot", *brief]
    subprocess.run(command, cwd=HERE / "library", env=env, check=True, stdout=subprocess.DEVNULL)
    found = {}
    for path in (target / "criterion").glob("**/new/estimates.json"):
        name = "/".join(path.relative_to(target / "criterion").parts[:-2])
        found[name] = json.loads(path.read_text())["median"]["point_estimate"]
    return found


def rows(bench):
    found = figures(bench.quick)
    bare = found["hash"]
    yield Row("HMAC-SHA-256 of 1 KiB", f"{bare / 1e3:.2f} us")
    for form, provider in (("a bare digest", "pool-brain"), ("time and digest in pairs", "slotflow")):
        for act, verb in (("sign", "signing"), ("verify", "verifying")):
            above = (found[f"{act}-{provider}"] - bare) / 1e3
            yield limit_row(f"{verb} 1 KiB above that, {form}", above, 3, "us", strict=False)
    for size, (said, most) in AUTOPSIES.items():
        slowest = max(found[f"autopsy/{kind}-{size}"] for kind in ("bare", "pairs"))
        yield limit_row(f"reason of a refusal sought in vain, {said}", slowest / 1e6, most, "ms", strict=False)
