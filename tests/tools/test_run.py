"""How ``make run`` asks its example."""

import http.server
import importlib.util
import threading
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[2] / "tools/run.py"


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tools_run", FILE)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_: object) -> None:
        return


def test_a_proxy_is_not_asked_for_this_host(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with http.server.HTTPServer(("127.0.0.1", 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert tool.by_address(f"http://127.0.0.1:{server.server_port}/") == "hello"
        finally:
            server.shutdown()
            thread.join()


def test_nobody_there_is_no_answer(tool: ModuleType) -> None:
    assert tool.by_address("http://127.0.0.1:1/") == ""


def test_the_first_answer_counts_and_waiting_has_an_end(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["", "", "hello", "again"]
    assert tool.until_answered("it", lambda: answers.pop(0)) == "hello"
    monkeypatch.setattr(tool, "ANSWER_SECONDS", 0)
    with pytest.raises(SystemExit, match=r"it did not answer within 0 s"):
        tool.until_answered("it", lambda: "")
