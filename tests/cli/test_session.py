"""Requests over TLS to a small server of this test: answers, refusals, broken and idle connections."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from k3py.base.clock import SystemClock
from k3py.cli.session import Session
from k3py.client.kubeconfig import Access
from k3py.model.errors import NotFound, Unavailable
from k3py.pki.ca import CertificateAuthority, server_names
from k3py.pki.csr import key_pem, new_key


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/gone":
            self.answer(404, b'{"kind":"Status","reason":"NotFound","message":"not here","code":404}')
        elif self.path == "/broken":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.close_connection = True
        elif self.path == "/odd":
            self.answer(200, b"<html>")
        elif self.path.startswith("/silent"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
            self.rfile.read(1)  # until the client goes
            self.close_connection = True
        else:
            self.answer(200, f'"{self.path}"'.encode())

    def answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Warning", '299 - "mind this"')
        self.end_headers()
        self.wfile.write(body)
        # The connection ends without a word: the client may have taken it for one to use again.
        self.close_connection = self.path == "/last"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class says so
        pass


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    authority = CertificateAuthority.create(SystemClock(), x509.random_serial_number)
    key = new_key()
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    pem.write_bytes(authority.sign_server(key.public_key(), server_names(["127.0.0.1"], "10.43.0.1")) + key_pem(key))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = _tls(pem).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    access = Access(f"https://127.0.0.1:{server.server_port}", ca_pem=authority.certificate_pem)
    made = Session(access, access.tls())
    try:
        yield made
    finally:
        made.close()
        server.shutdown()
        thread.join()
        server.server_close()


def _tls(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_an_answer_and_its_warnings(session: Session) -> None:
    answer = session.request("GET", "/a", {"x": "1 2"})
    assert (answer.plain(), answer.warnings) == ("/a?x=1+2", ("mind this",))


def test_a_connection_that_was_closed_while_idle_is_opened_again(session: Session) -> None:
    assert session.request("GET", "/last").plain() == "/last"
    assert session.request("GET", "/b").plain() == "/b"


def test_refusals_and_half_answers(session: Session) -> None:
    with pytest.raises(NotFound, match="not here"):
        session.request("GET", "/gone")
    with pytest.raises(NotFound), session.stream("/gone"):
        pass
    with pytest.raises(Unavailable, match="broke off"):
        session.request("GET", "/broken")
    with pytest.raises(Unavailable, match="cannot use"):
        session.request("GET", "/odd").plain()
    assert session.request("GET", "/c").plain() == "/c"


def test_a_stream_that_falls_silent(session: Session) -> None:
    with session.stream("/silent", silence_seconds=0.2) as pieces:
        assert next(pieces) == b"one"
        with pytest.raises(TimeoutError):
            next(pieces)


def test_a_server_of_another_ca_is_not_trusted(session: Session) -> None:
    other = CertificateAuthority.create(SystemClock(), x509.random_serial_number)
    access = Access(session.access.server, ca_pem=other.certificate_pem)
    with pytest.raises(Unavailable, match="cannot trust"):
        Session(access, access.tls()).request("GET", "/")
