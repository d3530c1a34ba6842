"""The page names every benchmark, and one that fails does not stop the others."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT

BENCH = ROOT / "bench"
PAGE = ROOT / "docs/benchmarks.md"


def names() -> list[str]:
    """What ``bench/run.py`` runs."""
    listed = re.search(r"^BENCHMARKS = \((.*?)\)", (BENCH / "run.py").read_text(), re.MULTILINE | re.DOTALL)
    assert listed is not None
    return re.findall(r'"(\w+)"', listed[1])


def test_the_page_names_every_benchmark() -> None:
    text = PAGE.read_text()
    assert [name for name in names() if f"`bench/{name}.py`" not in text] == []
    assert [name for name in re.findall(r"`bench/(\w+)\.py`", text) if not (BENCH / f"{name}.py").exists()] == []


def test_a_benchmark_that_fails_is_named_and_stops_nothing(tmp_path: Path) -> None:
    for helper in ("run.py", "measure.py"):
        shutil.copy(BENCH / helper, tmp_path)
    (tmp_path / "api.py").write_text("raise SystemExit('cannot find the peer')")
    (tmp_path / "store.py").write_text("print('no JSON')")
    (tmp_path / "up.py").write_text("print('{\"rows\": []}')")
    command = [sys.executable, str(tmp_path / "run.py"), "api", "store", "up"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["benchmarks"]
    assert found["api"]["said"] == ["cannot find the peer"]
    assert "error" in found["store"]
    assert found["up"]["rows"] == []
    assert [json.loads(each.read_text()) for each in (tmp_path / "results").iterdir()] == [json.loads(done.stdout)]


def test_an_unknown_name_is_refused() -> None:
    done = subprocess.run([sys.executable, str(BENCH / "run.py"), "apo"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no benchmark apo" in done.stderr
