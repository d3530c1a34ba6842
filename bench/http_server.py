"""How fast the HTTP server core answers: GETs of 1.3 KB over TLS, beside the floor.

The floor is a bare ``asyncio.Protocol`` on the same event loop with the same TLS that answers every read with the same
bytes, unparsed. Server on core 0, ``wrk`` (one thread) on core 1. Prints one JSON object.

    python bench/http_server.py [--seconds 5] [--connections 64] [--plain]
"""

import argparse
import asyncio
import datetime
import ipaddress
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import cast

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from k3py.api.http.messages import Request, Response
from k3py.api.http.server import HttpServer
from k3py.pki.contexts import server_context

BODY = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","labels":{"a":"' + b"x" * 1200 + b'"}}}'
PATH = "/api/v1/namespaces/default/pods/web"


class Floor(asyncio.Protocol):
    """Answers whatever is read."""

    answer = Response(200, BODY).encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(self.answer)


def ours(request: Request) -> Response:
    """A handler that looks at what every real one looks at."""
    if request.path == PATH and request.headers.get(b"authorization"):
        return Response(200, BODY)
    return Response(401)


def issue(folder: Path) -> None:
    """A self-signed P-256 certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


async def serve(what: str, folder: Path, plain: bool) -> None:
    """Serve until SIGTERM; the port is the first line of output."""
    context: ssl.SSLContext | None = None
    if not plain:
        context = server_context(*(Path(folder / each).read_bytes() for each in ("tls.crt", "tls.key", "tls.crt")))
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    if what == "floor":
        listener = await loop.create_server(Floor, "127.0.0.1", 0, ssl=context, backlog=4096)
        print(listener.sockets[0].getsockname()[1], flush=True)
        await stopped.wait()
        listener.close()
        return
    server = HttpServer(ours)
    print(await server.start("127.0.0.1", 0, context), flush=True)
    await stopped.wait()
    await server.stop(1)


def measure(what: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Requests per second and milliseconds of one server under ``wrk``."""
    command = [sys.executable, __file__, "--serve", what, "--folder", str(folder)]
    server = subprocess.Popen(
        ["taskset", "-c", "0", *command, *(["--plain"] if options.plain else [])], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        scheme = "http" if options.plain else "https"
        wrk = ["taskset", "-c", "1", "wrk", "-t1", f"-c{options.connections}", "--latency", "-H"]
        wrk += ["Authorization: Bearer token", f"{scheme}://127.0.0.1:{port}{PATH}"]
        subprocess.run([*wrk, "-d1s"], check=True, capture_output=True)  # warm up: handshakes, caches
        before = cpu_seconds(server.pid)
        out = subprocess.run([*wrk, f"-d{options.seconds}s"], check=True, capture_output=True, text=True).stdout
        busy = cpu_seconds(server.pid) - before
        memory = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())[1])  # type: ignore[index]
    finally:
        server.terminate()
        server.wait()
    assert "Non-2xx" not in out, out
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]
    done = int(re.search(r"(\d+) requests in", out)[1])  # type: ignore[index]
    return {
        "requests_per_second": rate,
        "p50_ms": milliseconds(out, "50%"),
        "p99_ms": milliseconds(out, "99%"),
        "cpu_us_per_request": round(busy / done * 1e6, 1),
        "rss_mb": round(memory / 1024, 1),
    }


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def milliseconds(out: str, percentile: str) -> float:
    number, unit = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)", out).groups()  # type: ignore[union-attr]
    return round(float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit], 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--serve", choices=["ours", "floor"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(options.serve, options.folder, options.plain))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        issue(folder)
        result: dict[str, object] = {
            "what": f"GET of {len(BODY)} bytes" + ("" if options.plain else " over TLS"),
            "connections": options.connections,
            "load_before": os.getloadavg()[0],
            **{what: measure(what, folder, options) for what in ("ours", "floor")},
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
