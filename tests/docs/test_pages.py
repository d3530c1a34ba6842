"""The pages are true where a machine can tell: links, diagrams, lists of kinds, settings."""

import dataclasses
import re
from pathlib import Path

import pytest

from k3py.agent.pod_states import CONTAINER_MOVES, POD_MOVES, diagram
from k3py.daemons.settings import AgentSettings, ServerSettings, VpcSettings, key_of
from k3py.model.kinds import KINDS
from tests.docs.pages import PAGES, ROOT, anchors, blocks, links


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    wrong = []
    for link in links(text):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or not target.exists():
            wrong.append(link)
        elif anchor and anchor not in anchors(target.read_text()):
            wrong.append(f"{link}: no such heading")
    assert not wrong


@pytest.mark.parametrize("page", [each for each in PAGES if each.parent == ROOT / "docs"], ids=name)
def test_every_page_is_in_the_index(page: Path) -> None:
    index = ROOT / "docs/README.md"
    assert page == index or page.name in links(index.read_text())


def test_the_diagrams_are_those_of_the_tables() -> None:
    drawn = [each.text for each in blocks((ROOT / "docs/life-of-a-pod.md").read_text()) if each.language == "mermaid"]
    assert drawn == [diagram(POD_MOVES), diagram(CONTAINER_MOVES)]


def test_the_readme_names_every_kind_and_no_other() -> None:
    row = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| Namespace, "))
    assert sorted(row.split("|")[1].strip().split(", ")) == sorted({kind.name for kind in KINDS})


def test_settings_that_the_pages_name_exist() -> None:
    kinds = (ServerSettings, AgentSettings, VpcSettings)
    known = {f"--{key_of(each.name)}" for kind in kinds for each in dataclasses.fields(kind)}
    known |= {"--print-config", "--help", "--pods"}
    text = (ROOT / "docs/operations.md").read_text()
    assert set(re.findall(r"--[a-z][a-z-]+", text)) <= known


def test_no_command_of_the_readme_escapes_its_test() -> None:
    assert {each.language for each in blocks((ROOT / "README.md").read_text())} <= {"console", "text"}
