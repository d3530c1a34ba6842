"""Log lines, the status file, telling systemd."""

import json
import logging
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from k3py.base.paths import Paths
from k3py.daemons.process import (
    StatusFile,
    _JsonLines,
    notify,
    only_one,
    set_up_logging,
    start_time,
)
from k3py.daemons.settings import BadSetting


def test_a_log_line_is_one_json_object() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as problem:
        record = logging.LogRecord("k3py.x", logging.ERROR, "", 1, "it %s", ("broke",), (ValueError, problem, None))
    line = _JsonLines().format(record)
    assert "\n" not in line
    body = json.loads(line)
    assert (body["level"], body["logger"], body["message"]) == ("error", "k3py.x", "it broke")
    assert "two\nlines" in body["error"]


def test_a_root_has_one_agent_and_one_server(tmp_path: Path) -> None:
    paths = Paths.below(tmp_path)
    held = only_one(paths, "agent")
    os.close(only_one(paths, "server"))
    with pytest.raises(BadSetting, match="the agent runs already below"):
        only_one(paths, "agent", patience_seconds=0)
    os.close(only_one(Paths.below(tmp_path / "other"), "agent"))
    os.close(held)
    os.close(only_one(paths, "agent"))


def test_one_that_was_killed_is_waited_for_until_it_has_ended(tmp_path: Path) -> None:
    paths = Paths.below(tmp_path)
    ending = threading.Timer(0.1, os.close, [only_one(paths, "vpc")])
    ending.start()
    os.close(only_one(paths, "vpc"))
    ending.join()


def test_one_that_runs_is_not_waited_for(tmp_path: Path) -> None:
    paths = Paths.below(tmp_path)
    held = only_one(paths, "vpc")
    StatusFile(paths.run / "vpc.json").write()
    with pytest.raises(BadSetting, match="the vpc runs already below"):
        only_one(paths, "vpc", patience_seconds=float("inf"))
    os.close(held)


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(BadSetting, match="debug, info, warning, error"):
        set_up_logging("loud")


def test_the_status_file_speaks_only_of_a_process_that_runs(tmp_path: Path) -> None:
    status = StatusFile(tmp_path / "server.json")
    assert status.read() is None
    status.write(url="https://x")
    found = status.read()
    assert found is not None
    assert (found["pid"], found["url"]) == (os.getpid(), "https://x")
    body = json.loads((tmp_path / "server.json").read_text())
    for wrong in (body | {"startTime": 1}, {"pid": 1}, {"pid": "x", "startTime": 1}, []):
        (tmp_path / "server.json").write_text(json.dumps(wrong))
        assert status.read() is None
    (tmp_path / "server.json").write_text("{")
    assert status.read() is None
    status.remove()
    status.remove()


def test_the_status_file_of_another_process_that_runs_stays(tmp_path: Path) -> None:
    path, init = tmp_path / "server.json", 1
    path.write_text(json.dumps({"pid": init, "startTime": start_time(init)}))
    StatusFile(path).remove()
    assert path.exists()
    path.write_text(json.dumps({"pid": init, "startTime": start_time(init) + 1}))
    StatusFile(path).remove()
    assert not path.exists()


def test_a_process_that_ended_but_was_not_waited_for_does_not_run() -> None:
    process = subprocess.Popen(["true"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()  # ends when the process does
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(process.pid) == 0
    process.wait()
    process.stdout.close()
    assert start_time(process.pid) == 0
    assert start_time(os.getpid()) > 0


def test_systemd_is_told_when_it_wants_to_be(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        notify("READY=1", {"NOTIFY_SOCKET": path})
        assert listener.recv(100) == b"READY=1"
    notify("READY=1", {})
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})
