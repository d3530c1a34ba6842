"""What a replay scored: shares of steps, and the cases that differ. Kept in scores.json, where they only rise."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.golden.comparison import Judgement

FILE = Path(__file__).with_name("scores.json")
_COUNTS = ("cases_same", "status_and_reason", "body", "message")


@dataclass
class Score:
    """One suite's, or the sum of several.

    ``status_and_reason`` and ``body`` (status, headers and body alike) count among ``steps``, ``message`` among
    ``errors``: the answers of 400 and more whose words are compared. ``different`` are ids of cases.
    """

    cases: int = 0
    cases_same: int = 0
    steps: int = 0
    status_and_reason: int = 0
    body: int = 0
    errors: int = 0
    message: int = 0
    different: list[str] = field(default_factory=list)

    def count(self, case: str, judgements: Iterable[Judgement]) -> None:
        """Add one case."""
        self.cases += 1
        same = True
        for each in judgements:
            self.steps += 1
            self.status_and_reason += each.status_and_reason
            self.body += not each.differences
            self.errors += each.message is not None
            self.message += each.message is True
            same = same and not each.differences
        self.cases_same += same
        if not same:
            self.different.append(case)

    def __str__(self) -> str:
        return (
            f"{self.cases_same} of {self.cases} cases are the same; of {self.steps} steps "
            f"{_share(self.status_and_reason, self.steps)} status and reason, {_share(self.body, self.steps)} body; "
            f"of {self.errors} errors {_share(self.message, self.errors)} message"
        )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def total(scores: Iterable[Score]) -> Score:
    """The sum of several suites' scores."""
    result = Score()
    for each in scores:
        for name, value in asdict(each).items():
            setattr(result, name, getattr(result, name) + value)
    return result


def worse(kept: Score, now: Score) -> list[str]:
    """What a score lost against the kept one: lines for people, none when it lost nothing."""
    lines = [f"case {case} is no longer the same" for case in now.different if case not in kept.different]
    for name in _COUNTS:
        before, after = getattr(kept, name), getattr(now, name)
        if after < before:
            lines.append(f"{name.replace('_', ' ')}: {after}, was {before}")
    return lines


def load(path: Path = FILE) -> dict[str, Score]:
    """Suite -> kept score; empty when nothing is kept yet."""
    if not path.exists():
        return {}
    return {suite: Score(**kept) for suite, kept in json.loads(path.read_text()).items()}


def save(scores: Mapping[str, Score], path: Path = FILE) -> None:
    """Keep scores, sorted, so that changes are easy to read."""
    plain = {suite: {**asdict(each), "different": sorted(each.different)} for suite, each in sorted(scores.items())}
    path.write_text(json.dumps(plain, indent=1) + "\n")
