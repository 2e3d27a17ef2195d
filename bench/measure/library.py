"""hook's own functions in one process: what criterion measured."""

import json
import os
import subprocess

from .setup import HERE, OUT, say
from .table import Row, limit_row

# Prefix of the benchmarks' names, what they time, and the limit of the slowest of them in milliseconds.
DIAGNOSES = (
    ("one-", "one mistake named, 16 KiB", 10),
    ("two-", "two mistakes named, 16 KiB", 50),
    ("none-16k-", "nothing fits, 16 KiB", 250),
    ("none-1m-", "nothing fits, 1 MiB", 250),
    ("none-10m-", "nothing fits, 10 MiB", 250),
)


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
    for what, name in (("one comparison of data", "expectation"), ("a loop over 12 items", "expectation-loop")):
        above = (found[name] - found["expectation-parsing"]) / 1e3
        yield limit_row(f"an expectation above parsing 1 KiB, {what}", above, 10, "us", strict=False)
    for prefix, what, most in DIAGNOSES:
        times = {name: time for name, time in found.items() if name.startswith(f"diagnosis/{prefix}")}
        slowest = max(times, key=times.get)
        note = slowest.removeprefix("diagnosis/")
        yield limit_row(f"diagnosis, {what}: the slowest of {len(times)}", times[slowest] / 1e6, most, "ms", note, strict=False)
