"""Transcripts: what is read from them, and what they take for the same."""

import pytest

from tests.e2e.clients.transcript import Step, matches, parse

TEXT = """# A remark.

# from 1.32
$ kubectl create cm a
configmap/a created

$ kubectl apply -f - <<END
data: |

# no remark
$ no command
END
first

last
[3]
# before 1.30
$ one \\
  two
"""


def test_commands_outputs_codes_and_releases_are_read() -> None:
    assert list(parse(TEXT)) == [
        Step(4, "kubectl create cm a", ["configmap/a created"], since=(1, 32)),
        Step(7, "kubectl apply -f - <<END\ndata: |\n\n# no remark\n$ no command\nEND", ["first", "last"], 3),
        Step(18, "one \\\n  two", before=(1, 30)),
    ]


def test_a_step_is_for_the_releases_that_it_names() -> None:
    newer, _, older = parse(TEXT)
    assert [newer.is_for((1, 31)), newer.is_for((1, 32))] == [False, True]
    assert [older.is_for((1, 29)), older.is_for((1, 30))] == [True, False]


@pytest.mark.parametrize("text", ["output\n", "$ cat <<END\nnever ends\n"])
def test_a_broken_transcript_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"before the first command|no end"):
        list(parse(text))


@pytest.mark.parametrize(
    ("expected", "said", "same"),
    [
        ([], "", True),
        ([], "something", False),
        (["a b"], "a    b\n\n", True),
        (["a b"], "a b\nc", False),
        (["a ... c"], "a b c", True),
        (["a ... c"], "a b\nc", False),
        (["a", "..."], "a\nb\nc", True),
        (["...", "c"], "a\nb\nc", True),
        (["a", "...", "b"], "a\nb", True),
        (["a.b"], "axb", False),
    ],
)
def test_what_is_the_same(expected: list[str], said: str, same: bool) -> None:
    assert matches(expected, said) is same
