"""Runs all benchmarks, or those named, and prints one JSON document; it is written to ``bench/results/`` too.

``python bench/run.py [api store ...]``. A benchmark that fails, or a peer that is missing, is named in the document
and does not stop the others.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measure import host

from k3py import __version__

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
# Each within minutes; the order is from what users notice first.
BENCHMARKS = (
    "api", "many", "pod_ready", "pod_start", "image_pull", "up", "memory", "network_path", "network_attach",
    "services_connect", "dns_answers", "http_server", "store", "abuse",
)  # fmt: skip
SECONDS_MAX = 900
ERROR_LINES = 15


def run(name: str) -> dict[str, Any]:
    """The document that a benchmark prints, or why there is none."""
    begin = time.monotonic()
    command = [sys.executable, str(HERE / f"{name}.py")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return {"error": f"it did not end within {SECONDS_MAX} s"}
    seconds = round(time.monotonic() - begin, 1)
    try:
        if done.returncode == 0:
            return {"seconds": seconds, **json.loads(done.stdout)}
    except ValueError:
        pass
    last = (done.stderr or done.stdout).splitlines()[-ERROR_LINES:]
    return {"error": f"it ended with exit code {done.returncode}", "said": last, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} [default: all]")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    document: dict[str, Any] = {"k3py": __version__, "host": host(), "benchmarks": {}}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        document["benchmarks"][name] = run(name)
    text = json.dumps(document, indent=1)
    RESULTS.mkdir(exist_ok=True)
    stamp = document["host"]["time"].replace(":", "").replace("-", "")
    (RESULTS / f"{stamp}.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
