"""The reference pages are up to date and leave nothing out."""

import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from k3py.cli import COMMANDS
from k3py.daemons.settings import AgentSettings, ServerSettings, VpcSettings, key_of
from k3py.model.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools/reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["commands.md", "settings.md", "kinds.md"])
def test_the_page_is_up_to_date(reference: ModuleType, page: str) -> None:
    written = (ROOT / "docs/reference" / page).read_text()
    assert written == reference.pages()[page], "run 'python tools/reference.py'"


def test_every_command_and_flag_says_what_it_is_for(reference: ModuleType) -> None:
    page = reference.pages()["commands.md"]
    for words, command in reference.leaves():
        assert f"## {' '.join(words)}\n" in page
        assert command.help, words
        for each in command.params:
            assert getattr(each, "help", None), f"{' '.join(words)}: {each.name} has no help"


def test_every_command_file_is_found_by_its_word(reference: ModuleType) -> None:
    assert {words[1] for words, _ in reference.leaves()} == set(COMMANDS)


def test_every_setting_and_kind_is_there(reference: ModuleType) -> None:
    pages = reference.pages()
    for kind in (ServerSettings, AgentSettings, VpcSettings):
        for each in dataclasses.fields(kind):
            assert f"`{key_of(each.name)}`" in pages["settings.md"]
    for kind in KINDS:
        assert f"`{kind.name}`" in pages["kinds.md"]
