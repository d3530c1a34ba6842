"""What hostile or broken clients do to a server, for ``abuse.py``. An attack runs in a process of its own."""

import contextlib
import resource
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Event

from http_client import Target

NAMESPACE = "bench"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
SOCKET_BYTES = 4096
READ_BYTES = 1 << 18
MIB = 1 << 20


@dataclass(frozen=True)
class Attack:
    """``run`` says when it has begun and goes on until it is told to stop."""

    name: str
    load: str
    run: Callable[[Target, Event, Event], None]


def head(method: str, path: str, *fields: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: k3py", *fields, "", "")).encode()


def connect(target: Target, slow: bool = False) -> ssl.SSLSocket:
    """``slow``: with a receive buffer as small as the kernel allows."""
    plain = socket.socket()
    if slow:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
    plain.settimeout(30)
    plain.connect((target.host, target.port))
    return target.tls.wrap_socket(plain, server_hostname=target.host)


def more_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Held:
    """Many connections that send something once, then ``each`` every second."""

    def __init__(self, count: int, first: bytes, each: Callable[[ssl.SSLSocket], None] | None = None,
                 slow: bool = False) -> None:  # fmt: skip
        self._count = count
        self._first = first
        self._each = each
        self._slow = slow

    def __call__(self, target: Target, ready: Event, stop: Event) -> None:
        more_descriptors()
        held = []
        for _ in range(self._count):
            with contextlib.suppress(OSError):
                made = connect(target, self._slow)
                if self._first:
                    made.sendall(self._first)
                held.append(made)
        ready.set()
        while not stop.wait(1.0):
            for made in held if self._each is not None else ():
                with contextlib.suppress(OSError):
                    self._each(made)
        for made in held:
            made.close()


class Again:
    """Some connections that send a request, take all of its answer, and begin again."""

    def __init__(self, count: int, request: bytes) -> None:
        self._count = count
        self._request = request

    def __call__(self, target: Target, ready: Event, stop: Event) -> None:
        in_threads(self._count, lambda: self._go_on(target, stop), ready)

    def _go_on(self, target: Target, stop: Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError, EOFError), connect(target) as made:
                while not stop.is_set():
                    made.sendall(self._request)
                    take_answer(made, stop)


def take_answer(made: ssl.SSLSocket, stop: Event) -> None:
    """Read one answer and keep nothing of it."""
    begin = made.recv(READ_BYTES)
    while begin and b"\r\n\r\n" not in begin:
        begin += made.recv(READ_BYTES)
    fields, _, body = begin.lower().partition(b"\r\n\r\n")
    at = fields.find(b"content-length:")
    missing = int(fields[at + 15 :].split(b"\r\n", 1)[0]) - len(body) if at >= 0 else -1
    tail = body[-5:]
    while not stop.is_set() and (missing > 0 if at >= 0 else tail != b"0\r\n\r\n"):
        data = made.recv(READ_BYTES)
        if not data:
            raise EOFError
        missing -= len(data)
        tail = (tail + data)[-5:]


def half_open(target: Target, ready: Event, stop: Event) -> None:
    """TCP connections that never say hello to TLS; new ones when they are closed."""
    more_descriptors()
    held: dict[int, socket.socket] = {}
    poller = select.poll()

    def more() -> None:
        with contextlib.suppress(OSError):
            made = socket.create_connection((target.host, target.port), 5)
            held[made.fileno()] = made
            poller.register(made, select.POLLIN)

    for _ in range(2000):
        more()
    ready.set()
    while not stop.is_set():
        for descriptor, _ in poller.poll(200):
            poller.unregister(descriptor)
            held.pop(descriptor).close()
            more()
    for each in held.values():
        each.close()


def endless(target: Target, ready: Event, stop: Event) -> None:
    """Chunked bodies without an end, as fast as they are taken."""
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    request = head("POST", CONFIG_MAPS, "Transfer-Encoding: chunked", "Content-Type: application/json")

    def go_on() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError), connect(target) as made:
                made.sendall(request)
                while not stop.is_set():
                    made.sendall(chunk)

    in_threads(8, go_on, ready)


def pipelined(target: Target, ready: Event, stop: Event) -> None:
    """Requests without waiting for answers, which are read."""
    request = head("GET", f"{CONFIG_MAPS}/map-00001") * 50

    def go_on() -> None:
        with contextlib.suppress(OSError), connect(target) as made:
            while not stop.is_set():
                made.sendall(request)
                made.settimeout(0.001)
                with contextlib.suppress(TimeoutError, ssl.SSLWantReadError):
                    while made.recv(READ_BYTES):
                        pass
                made.settimeout(30)

    in_threads(16, go_on, ready)


def handshakes(target: Target, ready: Event, stop: Event) -> None:
    """Connections that are closed as soon as TLS stands."""

    def go_on() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                connect(target).close()

    in_threads(4, go_on, ready)


def in_threads(count: int, work: Callable[[], None], ready: Event) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for each in threads:
        each.start()
    time.sleep(1)
    ready.set()
    for each in threads:
        each.join()


def a_little(made: ssl.SSLSocket) -> None:
    made.recv(1024)


def one_byte(made: ssl.SSLSocket) -> None:
    made.sendall(b"a")


def one_chunk(made: ssl.SSLSocket) -> None:
    made.sendall(b"1\r\n \r\n")


def posted(path: str, body: bytes, content_type: str = "application/json", method: str = "POST") -> bytes:
    return head(method, path, f"Content-Type: {content_type}", f"Content-Length: {len(body)}") + body


CHUNKED = head("POST", CONFIG_MAPS, "Transfer-Encoding: chunked", "Content-Type: application/json")
LARGE = head("POST", CONFIG_MAPS, f"Content-Length: {3 * MIB}", "Content-Type: application/json") + b" " * 1000
EMPTY_CONTAINERS = (
    b'{"metadata":{"name":"a"},"spec":{"containers":[' + b",".join([b"{}"] * MIB)[: 3 * MIB - 999] + b"]}}"
)
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(12)
)
DENSE_YAML = b"a: [" + b"x," * (3 * MIB // 2 - 999) + b"x]"
OPERATIONS = b",".join([b'{"op":"add","path":"/metadata/annotations/a%d","value":"x"}' % n for n in range(10_000)])
PATCH = b'[{"op":"add","path":"/metadata/annotations","value":{}},' + OPERATIONS[: OPERATIONS.rfind(b",{")] + b"]"
CONTAINERS = b",".join([b'{"name":"c%d","image":"a"}' % n for n in range(29_000)])
MANY_CONTAINERS = b'{"metadata":{"name":"a"},"spec":{"containers":[%b]}}' % CONTAINERS
MANY_KEYS = b'{"data":{%b}}' % b",".join([b'"k%05d":"x"' % n for n in range(49_000)])
APPLIED = b'{"apiVersion":"v1","kind":"ConfigMap",' + MANY_KEYS[1:]
MATCHES_NOTHING = "labelSelector=app%3Dbench%2Cbucket%3Dnone"

ATTACKS = (
    Attack(
        "head trickle", "500 connections, a byte of a head each second", Held(500, b"GET / HTTP/1.1\r\nX: ", one_byte)
    ),
    Attack("body trickle", "300 connections, a byte each second of 3 MiB", Held(300, LARGE, one_byte)),
    Attack("chunk trickle", "300 connections, a chunk of a byte each second", Held(300, CHUNKED, one_chunk)),
    Attack("endless bodies", "8 connections", endless),
    Attack("pipelined", "16 connections, GETs without a pause", pipelined),
    Attack("half-open", "2,000 connections without TLS' first message", half_open),
    Attack("handshakes", "4 clients that connect and leave", handshakes),
    Attack("idle", "2,000 connections", Held(2000, b"")),
    Attack("mute watcher", "1 watcher that never reads", Held(1, head("GET", f"{CONFIG_MAPS}?watch=1"), slow=True)),
    Attack(
        "mute watchers", "100 watchers that never read", Held(100, head("GET", f"{CONFIG_MAPS}?watch=1"), slow=True)
    ),
    Attack(
        "idle watchers",
        "1,000 watchers whose selectors match nothing",
        Held(1000, head("GET", f"{CONFIG_MAPS}?watch=1&{MATCHES_NOTHING}")),
    ),
    Attack("slow lists", "50 readers of all objects, 1 kB/s each", Held(50, head("GET", CONFIG_MAPS), a_little, True)),
    Attack(
        "slow lists with gzip",
        "50 readers of all objects, 1 kB/s each",
        Held(50, head("GET", CONFIG_MAPS, "Accept-Encoding: gzip"), a_little, True),
    ),
    Attack(
        "slow tables",
        "50 readers of all objects, 1 kB/s each",
        Held(50, head("GET", CONFIG_MAPS, f"Accept: {TABLE}"), a_little, True),
    ),
    Attack("lists", "4 readers of all objects", Again(4, head("GET", CONFIG_MAPS))),
    Attack("lists with gzip", "4 readers of all objects", Again(4, head("GET", CONFIG_MAPS, "Accept-Encoding: gzip"))),
    Attack("tables", "4 readers of all objects", Again(4, head("GET", CONFIG_MAPS, f"Accept: {TABLE}"))),
    Attack("metadata lists", "4 readers of all objects", Again(4, head("GET", CONFIG_MAPS, f"Accept: {METADATA}"))),
    Attack("selectors", "4 lists that select nothing", Again(4, head("GET", f"{CONFIG_MAPS}?{MATCHES_NOTHING}"))),
    Attack("pages of one", "4 readers, limit=1", Again(4, head("GET", f"{CONFIG_MAPS}?limit=1"))),
    Attack(
        "initial events",
        "4 watchers that begin with all objects and match none",
        Again(
            4,
            head(
                "GET",
                f"{CONFIG_MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"
                f"&{MATCHES_NOTHING}",
            ),
        ),
    ),
    Attack("empty containers", "2 writers of a pod with a million", Again(2, posted(PODS, EMPTY_CONTAINERS))),
    Attack("YAML bombs", "2 writers", Again(2, posted(CONFIG_MAPS, BOMB, "application/yaml"))),
    Attack(
        "dense YAML", "2 writers of 1.5 million values", Again(2, posted(CONFIG_MAPS, DENSE_YAML, "application/yaml"))
    ),
    Attack(
        "deep JSON", "2 writers of 3 MB of brackets", Again(2, posted(CONFIG_MAPS, b'{"a":' + b"[" * (3 * MIB - 99)))
    ),
    Attack(
        "JSON patches",
        "2 writers of 10,000 operations",
        Again(2, posted(f"{CONFIG_MAPS}/map-00002", PATCH, "application/json-patch+json", "PATCH")),
    ),
    Attack("containers", "2 writers of a pod with 29,000", Again(2, posted(PODS, MANY_CONTAINERS))),
    Attack(
        "merges",
        "2 writers of 49,000 keys",
        Again(2, posted(f"{CONFIG_MAPS}/map-00003", MANY_KEYS, "application/merge-patch+json", "PATCH")),
    ),
    Attack(
        "applies",
        "2 writers of 49,000 keys",
        Again(
            2,
            posted(
                f"{CONFIG_MAPS}/map-00004?fieldManager=bench&force=true",
                APPLIED,
                "application/apply-patch+yaml",
                "PATCH",
            ),
        ),
    ),
)
