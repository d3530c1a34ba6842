"""Shell transcripts: commands, what they have to say, and how they have to end.

    # from 1.32
    $ kubectl create configmap words --from-literal=a=1
    configmap/words created

    $ kubectl get configmap missing
    Error from server (NotFound): configmaps "missing" not found
    [1]

A command goes on over the lines of its here-documents and after a backslash at the end of a line. Its output is that of
both streams, standard output first. ``...`` stands for any text within a line, a line of its own for any lines; runs of
blanks count as one, blank lines not at all, and ``$NS`` is the namespace. The exit code is 0 unless told. Lines that
begin with ``#`` are remarks, but ``# from X`` and ``# before X`` choose the releases of kubectl for the next command.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE_DOCUMENT = re.compile(r"<<-?\s*'?(\w+)'?")
CODE = re.compile(r"\[(\d+)\]")
RELEASES = re.compile(r"# (from|before) (\d+)\.(\d+)")
ANYTHING = "..."
Release = tuple[int, int]
ALWAYS: Release = (0, 0)
NEVER: Release = (99, 0)


@dataclass
class Step:
    """A command of a transcript."""

    line: int
    """Where the command stands, from 1."""
    command: str
    expected: list[str] = field(default_factory=list)
    code: int = 0
    since: Release = ALWAYS
    before: Release = NEVER

    def is_for(self, release: Release) -> bool:
        return self.since <= release < self.before


def read(path: Path) -> list[Step]:
    """The steps of a transcript."""
    return list(parse(path.read_text()))


def parse(text: str) -> Iterator[Step]:
    """The steps of a transcript.

    Raises:
        ValueError: there is output before the first command, or a here-document without an end.
    """
    lines = enumerate(text.splitlines(), 1)
    step: Step | None = None
    since, before = ALWAYS, NEVER
    for number, line in lines:
        if line.startswith("$ "):
            if step is not None:
                yield step
            step = Step(number, _command(line[2:], lines), since=since, before=before)
            since, before = ALWAYS, NEVER
        elif line.startswith("#"):
            if told := RELEASES.fullmatch(line):
                release = (int(told[2]), int(told[3]))
                since, before = (release, before) if told[1] == "from" else (since, release)
        elif line.strip():
            if step is None:
                raise ValueError(f"line {number}: output before the first command")
            if code := CODE.fullmatch(line):
                step.code = int(code[1])
            else:
                step.expected.append(line)
    if step is not None:
        yield step


def _command(first: str, lines: Iterator[tuple[int, str]]) -> str:
    command = [first]
    while command[-1].endswith("\\"):
        command.append(next(lines)[1])
    if begun := HERE_DOCUMENT.search("\n".join(command)):
        for _, line in lines:
            command.append(line)
            if line == begun[1]:
                return "\n".join(command)
        raise ValueError(f"the here-document of {first!r} has no end")
    return "\n".join(command)


def matches(expected: list[str], said: str) -> bool:
    """Whether a command said what it has to."""
    lines = [tidy(line) for line in said.splitlines() if line.strip()]
    pattern = "".join(_pattern(tidy(line)) for line in expected)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def _pattern(line: str) -> str:
    if line == ANYTHING:
        return r"(?:.*\n)*?"
    return "[^\n]*?".join(re.escape(part) for part in line.split(ANYTHING)) + "\n"


def tidy(line: str) -> str:
    """A line with its runs of blanks made one."""
    return " ".join(line.split())
