"""tools/build_bpf.py compiles what has changed, and says what has."""

import os
from pathlib import Path

import pytest

from tools import build_bpf

PROGRAM = '#include "lib/a.h"\nint {name}(void) {{ return ONE; }}\n'


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two programs; one of them includes a header by way of another."""
    (tmp_path / "bpf/lib").mkdir(parents=True)
    (tmp_path / "bpf/first.bpf.c").write_text(PROGRAM.format(name="first"))
    (tmp_path / "bpf/second.bpf.c").write_text("int second(void) { return 2; }\n")
    (tmp_path / "bpf/lib/a.h").write_text('#pragma once\n#include "b.h"\n')
    (tmp_path / "bpf/lib/b.h").write_text("#define ONE 1\n")
    monkeypatch.setattr(build_bpf, "ROOT", tmp_path)
    monkeypatch.setattr(build_bpf, "SOURCES", tmp_path / "bpf")
    monkeypatch.setattr(build_bpf, "OBJECTS", tmp_path / "objects")
    return tmp_path


def compiled() -> list[str]:
    return [each.name for each in build_bpf.build()]


def test_what_includes_a_changed_header_is_compiled_again(tree: Path) -> None:
    assert compiled() == ["first.o", "second.o"]
    assert compiled() == []
    (tree / "bpf/lib/b.h").write_text("#define ONE 11\n")
    assert [each.name for _, each, _ in build_bpf.outdated()] == ["first.o"]
    assert compiled() == ["first.o"]


def test_an_older_source_that_is_another_counts_too(tree: Path) -> None:
    compiled()
    source = tree / "bpf/second.bpf.c"
    source.write_text("int second(void) { return 3; }\n")
    os.utime(source, (0, 0))
    assert compiled() == ["second.o"]


def test_what_does_not_compile_leaves_the_object_that_was_there(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    compiled()
    before = (tree / "objects/second.o").read_bytes()
    (tree / "bpf/second.bpf.c").write_text("int second(void) { return unknown; }\n")
    with pytest.raises(build_bpf.subprocess.CalledProcessError):
        compiled()
    assert "unknown" in capfd.readouterr().err
    assert (tree / "objects/second.o").read_bytes() == before
    assert [each.name for _, each, _ in build_bpf.outdated()] == ["second.o"]
    assert sorted(each.suffix for each in (tree / "objects").iterdir()) == [".o", ".o", ".sha256", ".sha256"]


def test_without_any_compiler_the_message_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_bpf, "has_ziglang", lambda: False)
    monkeypatch.setattr(build_bpf, "clang_works", lambda: False)
    with pytest.raises(SystemExit, match="neither ziglang"):
        build_bpf.compiler()
