"""Replays recorded suites against the server of this tree.

    python -m tests.golden [--diff] [--lines N] [--case ID]... [--write-scores] [SUITE]...

``--write-scores`` keeps the scores in scores.json, unless one of them fell.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from k3py.runtime import kernel
from k3py.runtime.sandbox import bring_up_loopback
from tests.golden import scores
from tests.golden.recording import SUITES, load_cases
from tests.golden.serving import Served, serving


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--diff", action="store_true", help="show what differs")
    parser.add_argument("--lines", type=int, default=8, help="lines of each case (default: %(default)s)")
    parser.add_argument("--case", action="append", help="only this case (repeatable)")
    parser.add_argument("--write-scores", action="store_true", help="keep the scores, unless one fell")
    asked = parser.parse_args()
    if asked.write_scores and asked.case:
        parser.error("scores are those of whole suites: leave out --case")
    kernel.unshare(kernel.CLONE_NEWNET)
    bring_up_loopback()
    found: dict[str, scores.Score] = {}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as served:
        for suite in asked.suites or SUITES:
            found[suite] = _suite(suite, served, asked)
            print(f"{suite}: {found[suite]}", flush=True)
        for line in served.complaints():
            print(f"the server failed: {line}")
    print(f"all: {scores.total(found.values())}")
    return _keep(found) if asked.write_scores else 0


def _suite(suite: str, served: Served, asked: argparse.Namespace) -> scores.Score:
    score = scores.Score()
    for case in load_cases(suite):
        if asked.case and case["id"] not in asked.case:
            continue
        judgements = served.judged(case)
        score.count(case["id"], [each for _, each in judgements])
        if asked.diff and case["id"] in score.different:
            print(f"  {case['id']}: {case['about']}")
            lines = [
                f"step {number} {case['steps'][number]['request']['method']}: {line}"
                for number, each in judgements
                for line in each.differences
            ]
            for line in lines[: asked.lines]:
                print(f"      {line}")
    return score


def _keep(found: dict[str, scores.Score]) -> int:
    kept = scores.load()
    lost = [
        f"{suite}: {line}" for suite, each in found.items() if suite in kept for line in scores.worse(kept[suite], each)
    ]
    if lost:
        print("not kept, since it fell:", *lost, sep="\n  ", file=sys.stderr)
        return 1
    scores.save({**kept, **found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
