"""Audits every receiver of this folder, as it is and with each planted mistake, and prints the causes that the audit finds.

    python3 table.py HOOK PEERS [FRAMEWORK...]

HOOK is the program; PEERS a folder with `node_modules`, a `venv`, `go-receiver` and `axum-receiver`. Fails unless each mistake, of the
receivers' own and of `planted.toml`, has exactly one cause, and none is found in a receiver without a mistake, for providers of three schemes.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
MISTAKES = [
    "reserialises", "no-check", "missing-header-ok", "prefix-compare", "no-clock", "no-dedupe", "racing-dedupe",
    "leaks-signature", "works-before-answering", "unknown-event-500",
]
SCHEMES = ["standard-webhooks", "stripe", "github"]
SOURCES = {
    "express": "receiver.mjs", "flask": "receiver.py", "fastapi": "receiver.py", "go": "receiver.go", "axum": "src/main.rs",
}


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


def planted(framework, peers, folder):
    """The receivers with a later mistake: name, cause and command of each."""
    for row in tomllib.loads((HERE / "planted.toml").read_text())["planted"]:
        if row["framework"] == framework:
            copy = Path(folder, f"{framework}-{row['name']}")
            shutil.copytree(HERE / framework, copy, ignore=shutil.ignore_patterns("node_modules", "target"))
            change(copy / SOURCES[framework], row["changes"])
            yield row["name"], row["cause"], build(framework, copy, peers)


def change(source, changes):
    text = source.read_text()
    for before, after in changes:
        if text.count(before) != 1:
            raise SystemExit(f"`{before}` is not once in `{source.name}`")
        text = text.replace(before, after)
    source.write_text(text)


def build(framework, copy, peers):
    """Builds a receiver where that is needed, and gives the command that starts it."""
    source = copy / SOURCES[framework]
    if framework == "express":
        # Modules are looked for beside the program.
        (copy / "node_modules").symlink_to(f"{peers}/node_modules")
        return f"node '{source}'"
    if framework in ("flask", "fastapi"):
        return f"'{peers}/venv/bin/python3' -B '{source}'"
    if framework == "go":
        subprocess.run(["go", "build", "-o", "receiver", "."], cwd=copy, check=True)
        return f"'{copy}/receiver'"
    target = f"{peers}/axum-example"
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--target-dir", target], cwd=copy, check=True)
    return f"'{shutil.copy(f'{target}/debug/receiver', copy / 'receiver')}'"


def rows(framework, command, peers, folder):
    """What is audited: scheme, mistake, cause and command."""
    if framework == "express":
        copy = Path(folder, "express")
        shutil.copytree(HERE / framework, copy, ignore=shutil.ignore_patterns("node_modules"))
        command = build(framework, copy, peers)
    for mistake in ["", *MISTAKES]:
        yield "standard-webhooks", mistake, mistake, command
    for scheme in SCHEMES[1:]:
        yield scheme, "", "", command
    for name, cause, planted_command in planted(framework, peers, folder):
        yield "standard-webhooks", name, cause, planted_command


def audit_framework(hook, framework, command, peers):
    """Audits all receivers of a framework; how many results are wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as home:
        for scheme, mistake, cause, command in rows(framework, command, peers, home):
            junit = f"{home}/{framework}-{scheme}-{mistake or 'none'}.xml"
            code, summary, cases, took = audit(hook, home, command, scheme, mistake, junit)
            causes = [found["cause"] for found in summary["causes"]]
            expected = [cause] if cause else []
            is_right = causes == expected and (code in (0, 8) if cause else code == 0)
            wrong += not is_right
            score = "{passed}/{of}".format(**summary["required"]) + " + {passed}/{of}".format(**summary["advised"])
            word, found = "ok" if is_right else "WRONG", ", ".join(causes) or "none"
            lines = [f"{word:6}{framework:9}{scheme:19}{mistake or '-':24}{found:24}{score:16}exit {code}  {took:5.1f} s"]
            if not is_right:
                wrong_cases = (case for case in cases if case["outcome"] in ("failed", "advice"))
                lines += [f"        {case['case']}: {case['message']}" for case in wrong_cases]
                lines += [f"        {summary['unjudged']}"] if summary.get("unjudged") else []
            print("\n".join(lines), flush=True)
    return wrong


def main():
    hook, peers, *wanted = sys.argv[1:]
    peers = str(Path(peers).resolve())
    chosen = [(name, command) for name, command in commands(peers).items() if not wanted or name in wanted]
    # An audit mostly waits.
    with ThreadPoolExecutor(max_workers=3) as pool:
        wrong = pool.map(lambda one: audit_framework(hook, *one, peers), chosen)
        sys.exit(1 if sum(wrong) else 0)


main()
