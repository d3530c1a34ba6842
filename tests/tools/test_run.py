"""What ``make run`` does before and after it has a cluster."""

import http.server
import importlib.util
import socket
import threading
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[2] / "tools/run.py"


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with a ``k3py`` that knows of no deployment."""
    spec = importlib.util.spec_from_file_location("tools_run", FILE)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    stub = tmp_path / "k3py"
    stub.write_text("#!/bin/sh\nexit 3\n")
    stub.chmod(0o755)
    monkeypatch.setattr(made, "K3PY", stub)
    return made


def test_the_answer_of_another_program_is_not_taken_for_the_examples(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(tool, "PORT", other.getsockname()[1])
        with pytest.raises(SystemExit, match=r"cannot run the example on port .*Address already in use"):
            tool.check_port()
        tool.K3PY.write_text("#!/bin/sh\nexit 0\n")
        tool.check_port()  # it is the example that runs there


def test_a_free_port_is_fine(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "PORT", 0)
    tool.check_port()


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_: object) -> None:
        return


def test_a_proxy_is_not_asked_for_this_host(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(tool, "ANSWER_SECONDS", 0)
    with http.server.HTTPServer(("127.0.0.1", 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            monkeypatch.setattr(tool, "URL", f"http://127.0.0.1:{server.server_port}/")
            assert tool.answer() == "hello"
        finally:
            server.shutdown()
            thread.join()
