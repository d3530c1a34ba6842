"""What the tests of the documentation share: the pages, their links and their blocks of code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


class Command(NamedTuple):
    """A line after ``$``, and the output that the page shows for it."""

    line: str
    output: str


def links(text: str) -> list[str]:
    """Where the links of a page lead, those in code left out."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text)))


def blocks(text: str) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(text)]


def anchors(text: str) -> set[str]:
    """What ``#...`` of a link may name: headings as the usual renderers write them."""
    plain = (re.sub(r"[^\w\- ]", "", each.lower()) for each in _HEADING.findall(_BLOCK.sub("", text)))
    return {each.replace(" ", "-") for each in plain}


def commands(text: str) -> Iterator[Command]:
    """The commands of a page's sessions (blocks of ``console``), in order."""
    for block in blocks(text):
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                line, _, output = part.partition("\n")
                yield Command(line, output)
