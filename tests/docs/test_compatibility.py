"""The page on compatibility names every recorded case that differs, no other, and every suite."""

import re

from tests.docs.pages import ROOT
from tests.golden import scores
from tests.golden.recording import SUITES

TEXT = (ROOT / "docs/compatibility.md").read_text()


def section(heading: str) -> str:
    """What stands below a heading, up to the next one of its rank."""
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def words(cell: str) -> list[str]:
    """What a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_case_that_differs_stands_on_the_page_and_no_other() -> None:
    told = [case for row in rows(section("Recorded cases that differ")) for case in words(row[-1])]
    assert sorted(told) == sorted(case for score in scores.load().values() for case in score.different)


def test_the_page_names_all_suites_and_how_many_cases_they_have() -> None:
    kept, named = scores.load(), []
    for suites, cases, _ in rows(section("How it is measured")):
        named += words(suites)
        assert int(cases) == sum(kept[each].cases for each in words(suites))
    assert sorted(named) == sorted(SUITES)


def test_the_goals_on_the_page_are_reached() -> None:
    goals = [int(each) for each in re.findall(r"in (\d+)", section("How it is measured").partition("The goal is")[2])]
    of_all = scores.total(scores.load().values())
    reached = [of_all.status_and_reason / of_all.steps, of_all.body / of_all.steps, of_all.message / of_all.errors]
    assert all(100 * share >= goal for share, goal in zip(reached, goals[:3], strict=True))
