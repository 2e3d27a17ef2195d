"""Audits every receiver of this folder, as it is and with each planted mistake, and prints the causes that the audit finds.

    python3 table.py HOOK PEERS [FRAMEWORK...]

HOOK is the program; PEERS a folder with `node_modules`, a `venv`, `go-receiver` and `axum-receiver`. Fails unless each mistake has
exactly one cause, the planted one, and none is found in a receiver without a mistake, for providers of three schemes.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
MISTAKES = [
    "reserialises", "no-check", "missing-header-ok", "prefix-compare", "no-clock", "no-dedupe", "racing-dedupe",
    "leaks-signature", "works-before-answering", "unknown-event-500",
]
SCHEMES = ["standard-webhooks", "stripe", "github"]


def commands(peers):
    return {
        "express": f"node '{HERE}/express/receiver.mjs'",
        "flask": f"'{peers}/venv/bin/python3' -B '{HERE}/flask/receiver.py'",
        "fastapi": f"'{peers}/venv/bin/python3' -B '{HERE}/fastapi/receiver.py'",
        "go": f"'{peers}/go-receiver'",
        "axum": f"'{peers}/axum-receiver'",
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def audit(hook, home, command, scheme, mistake, junit):
    port = free_port()
    environment = {
        "HOME": home, "PATH": os.environ["PATH"], "SCHEME": scheme, "MISTAKE": mistake,
    }
    arguments = [
        hook, "check", f"127.0.0.1:{port}/webhooks", "-p", scheme, "--app", command, "--effects",
        f"http://127.0.0.1:{port}/effects", "--json", "--report", f"junit={junit}",
    ]
    started = time.monotonic()
    ran = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    if not lines:
        raise SystemExit(f"no result: {ran.stderr}")
    check_report(junit, lines[:-1])
    return ran.returncode, lines[-1], lines[:-1], time.monotonic() - started


def check_report(junit, cases):
    """Reads the JUnit report as other programs do, where their library is installed."""
    try:
        from junitparser import JUnitXml
    except ImportError:
        return
    read = JUnitXml.fromfile(junit)
    if cases and (read.tests, read.failures) != (len(cases), sum(case["outcome"] == "failed" for case in cases)):
        raise SystemExit(f"`{junit}` has other counts than the audit")


def main():
    hook, peers, *wanted = sys.argv[1:]
    peers = str(Path(peers).resolve())
    rows = [("standard-webhooks", mistake) for mistake in ["", *MISTAKES]] + [(scheme, "") for scheme in SCHEMES[1:]]
    wrong = 0
    with tempfile.TemporaryDirectory() as home:
        for framework, command in commands(peers).items():
            if wanted and framework not in wanted:
                continue
            if framework == "express" and not (HERE / "express/node_modules").exists():
                # Modules are looked for beside the program.
                copy = Path(home, "express")
                copy.mkdir()
                (copy / "receiver.mjs").write_text((HERE / "express/receiver.mjs").read_text())
                (copy / "node_modules").symlink_to(f"{peers}/node_modules")
                command = f"node '{copy}/receiver.mjs'"
            for scheme, mistake in rows:
                junit = f"{home}/{framework}-{scheme}-{mistake or 'none'}.xml"
                code, summary, cases, took = audit(hook, home, command, scheme, mistake, junit)
                causes = [found["cause"] for found in summary["causes"]]
                expected = [mistake] if mistake else []
                is_right = causes == expected and (code in (0, 8) if mistake else code == 0)
                wrong += not is_right
                score = "{passed}/{of}".format(**summary["required"]) + " + {passed}/{of}".format(**summary["advised"])
                found = ", ".join(causes) or "none"
                print(f"{'ok' if is_right else 'WRONG':6}{framework:9}{scheme:19}{mistake or '-':24}{found:24}{score:16}exit {code}  {took:5.1f} s", flush=True)
                if not is_right:
                    for case in cases:
                        if case["outcome"] in ("failed", "advice"):
                            print(f"        {case['case']}: {case['message']}")
                    if summary.get("unjudged"):
                        print(f"        {summary['unjudged']}")
    sys.exit(1 if wrong else 0)


main()
