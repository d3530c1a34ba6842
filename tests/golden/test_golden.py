"""Recorded answers of a real API server, replayed against ours. Scores are kept in scores.json and only rise.

``python -m tests.golden --diff patch`` shows what differs, ``python -m tests.golden --write-scores`` keeps what rose.
"""

from collections.abc import Iterator

import pytest

from tests.golden import scores
from tests.golden.recording import SUITES, load_cases
from tests.golden.serving import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("golden")) as running:
        yield running


@pytest.fixture(scope="module")
def reached() -> dict[str, scores.Score]:
    return {}


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_is_answered_no_worse_than_before(
    suite: str, served: Served, reached: dict[str, scores.Score], capfd: pytest.CaptureFixture[str]
) -> None:
    score, lines = scores.Score(), {}
    for case in load_cases(suite):
        judgements = served.judged(case)
        score.count(case["id"], [each for _, each in judgements])
        lines[case["id"]] = [f"step {number}: {line}" for number, each in judgements for line in each.differences]
    reached[suite] = score
    with capfd.disabled():
        print(f"\n{suite}: {score}", end="")
    kept = scores.load()[suite]
    lost = scores.worse(kept, score)
    news = [f"{case}: {line}" for case in score.different if case not in kept.different for line in lines[case][:5]]
    assert not lost, "\n".join([*lost, *news])


def test_the_sum_of_all_suites(
    served: Served, reached: dict[str, scores.Score], capfd: pytest.CaptureFixture[str]
) -> None:
    del served
    if set(reached) == set(SUITES):
        with capfd.disabled():
            print(f"\nall suites: {scores.total(reached.values())}")
        assert not scores.worse(scores.total(scores.load().values()), scores.total(reached.values()))


def test_the_server_failed_at_nothing(served: Served) -> None:
    assert not served.complaints()
