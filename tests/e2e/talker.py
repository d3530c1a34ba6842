"""A program that talks from wherever it is started; the tests start it in the network namespaces of pods and machines.

What works until it is told to come to its end reads its standard input; whoever starts it closes that.
"""

import os
import random
import select
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 5.0
# How often a new connection is made.
PAUSE_SECONDS = 0.02
ECHO_REQUEST, ECHO_REPLY = 8, 0
# Whoever asks for a name asks again.
NAME_SECONDS = 0.5
PINGS_AT_ONCE, PAUSE_BETWEEN_PINGS_SECONDS = 10, 0.004
# socket(7): as SO_RCVBUF, beyond what others may have.
SO_RCVBUFFORCE = 33
RECEIVE_BYTES = 8 * 1024 * 1024
ANSWERS_IN = "192.0.2.53"


def told_to_end() -> bool:
    """Whether standard input has been closed."""
    readable, _, _ = select.select([0], [], [], 0)
    return bool(readable) and not os.read(0, 1)


def say(line: str) -> None:
    print(line, flush=True)


# --- servers


def serve(port: str) -> None:
    """Tell each client, of TCP and UDP, IPv4 and IPv6, its own address."""
    chooser = selectors.DefaultSelector()
    for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            made = socket.socket(family, kind)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((anywhere, int(port)))
            if kind == socket.SOCK_STREAM:
                made.listen(512)
            chooser.register(made, selectors.EVENT_READ, kind)
    chooser.register(0, selectors.EVENT_READ)
    say("ready")
    while True:
        for key, _ in chooser.select():
            if key.fd == 0:
                return
            assert isinstance(key.fileobj, socket.socket)
            if key.data == socket.SOCK_DGRAM:
                _, peer = key.fileobj.recvfrom(2048)
                key.fileobj.sendto(peer[0].encode(), peer)
            else:
                connection, peer = key.fileobj.accept()
                with connection:
                    connection.sendall(peer[0].encode())


def echo(port: str) -> None:
    """Say every byte of a TCP connection again; one connection."""
    with socket.create_server(("0.0.0.0", int(port))) as listening:
        say("ready")
        connection, _ = listening.accept()
        while data := connection.recv(65536):
            connection.sendall(data)


def names(address: str) -> None:
    """A name server that knows one answer: every name has the same A record, and no other."""
    import dns.flags
    import dns.message
    import dns.rdatatype
    import dns.rrset

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((address, 53))
        say("ready")
        while True:
            readable, _, _ = select.select([0, listening], [], [])
            if 0 in readable:
                return
            asked, peer = listening.recvfrom(2048)
            question = dns.message.from_wire(asked)
            answer = dns.message.make_response(question, recursion_available=True)
            (wanted,) = question.question
            if wanted.rdtype == dns.rdatatype.A:
                answer.answer.append(dns.rrset.from_text(wanted.name, 60, "IN", "A", ANSWERS_IN))
            listening.sendto(answer.to_wire(), peer)


# --- clients


def get(address: str, port: int, seconds: float = SECONDS) -> str:
    """What the server at an address says to a request of HTTP/1.0, or without any."""
    with socket.create_connection((address, port), timeout=seconds) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        heard = b""
        try:
            while data := connection.recv(65536):
                heard += data
        except ConnectionResetError:
            pass  # a server that does not read what it is asked
    return heard.decode()


def ask(address: str, port: str, seconds: str = str(SECONDS)) -> None:
    """Say a server's answer without its head; or why there is none."""
    try:
        say(get(address, int(port), float(seconds)).rpartition("\r\n\r\n")[2].rstrip("\n"))
    except OSError as problem:
        say(f"no answer: {type(problem).__name__}")


def ask_datagram(address: str, port: str) -> None:
    """Say what a server answers to a datagram; or why there is nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(SECONDS)
        try:
            asking.connect((address, int(port)))
            asking.send(b"?")
            say(asking.recv(2048).decode())
        except OSError as problem:
            say(f"no answer: {type(problem).__name__}")


def connect(*places: str) -> None:
    """Make new connections to all places (``address,port``) until told; say how many there were, and what failed."""
    failed: list[str] = []
    made = [0]

    def visit(place: str) -> None:
        address, _, port = place.rpartition(",")
        while not over.is_set():
            try:
                if not get(address, int(port)):
                    failed.append(f"{place}: nothing said")
            except OSError as problem:
                failed.append(f"{place}: {problem!r}")
            made[0] += 1
            over.wait(PAUSE_SECONDS)

    over = threading.Event()
    visitors = [threading.Thread(target=visit, args=(place,)) for place in places]
    for each in visitors:
        each.start()
    say("ready")
    while not told_to_end():
        time.sleep(0.01)
    over.set()
    for each in visitors:
        each.join()
    say(f"{made[0]} connections, {len(failed)} failed {' '.join(failed[:3])}".rstrip())


def stream(address: str, port: str) -> None:
    """One long connection to a server that says all again: until told, then say whether each byte came back."""
    source = random.Random(1)
    with socket.create_connection((address, int(port)), timeout=SECONDS) as connection:
        total, longest = 0, 0.0
        say("ready")
        while not told_to_end():
            sent, since = source.randbytes(32768), time.monotonic()
            connection.sendall(sent)
            heard = b""
            while len(heard) < len(sent):
                data = connection.recv(65536)
                assert data, "the connection was closed"
                heard += data
            assert heard == sent, "other bytes came back"
            total, longest = total + len(heard), max(longest, time.monotonic() - since)
            time.sleep(0.001)
    say(f"{total} bytes, 0 lost, longest wait {longest:.3f} s")


def ping(address: str, count: str) -> None:
    """Send echo requests, 2,500 a second; say how many were answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as pinging:
        pinging.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
        pinging.connect((address, 0))
        pinging.setblocking(False)
        identity, missing = os.getpid() & 0xFFFF, set(range(int(count)))
        say("ready")
        for number in range(int(count)):
            pinging.send(_echo_request(identity, number))
            if number % PINGS_AT_ONCE == 0:
                _hear_pings(pinging, identity, missing, PAUSE_BETWEEN_PINGS_SECONDS)
        deadline = time.monotonic() + SECONDS
        while missing and time.monotonic() < deadline:
            _hear_pings(pinging, identity, missing, 0.05)
    say(f"{count} sent, {len(missing)} lost {sorted(missing)[:5] if missing else ''}".rstrip())


def _hear_pings(pinging: socket.socket, identity: int, missing: set[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([pinging], [], [], left)[0]:
            return
        packet = pinging.recv(2048)
        kind, _, _, heard, number = struct.unpack_from("!BBHHH", packet, (packet[0] & 0xF) * 4)
        if (kind, heard) == (ECHO_REPLY, identity):
            missing.discard(number)


def _echo_request(identity: int, number: int) -> bytes:
    plain = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, identity, number)
    total = sum(struct.unpack("!4H", plain))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBHHH", ECHO_REQUEST, 0, ~(total + (total >> 16)) & 0xFFFF, identity, number)


# --- names and the API


def resolve(server: str, *questions: str) -> None:
    """Ask a name server, of UDP, one question after the other: ``name`` and type. A line for each: code and records."""
    import dns.exception
    import dns.message
    import dns.query
    import dns.rcode

    for name, kind in zip(questions[::2], questions[1::2], strict=True):
        asked = dns.message.make_query(name, kind)
        try:
            heard = dns.query.udp(asked, server, timeout=NAME_SECONDS)
        except (dns.exception.DNSException, OSError) as problem:
            say(f"no answer: {type(problem).__name__}")
            continue
        found = sorted(str(each) for records in heard.answer for each in records)
        say(" ".join([dns.rcode.to_text(heard.rcode()), *found]))


def in_cluster(folder: str, address: str, port: str) -> None:
    """The official client, as it finds its way in a pod: what it is told of the API and of itself."""
    import kubernetes.client
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config.incluster_config import InClusterConfigLoader

    variables = {"KUBERNETES_SERVICE_HOST": address, "KUBERNETES_SERVICE_PORT": port}
    configuration = kubernetes.client.Configuration()
    loader = InClusterConfigLoader(f"{folder}/token", f"{folder}/ca.crt", environ=variables)
    loader.load_and_set(configuration)
    with kubernetes.client.ApiClient(configuration) as client:
        say(kubernetes.client.VersionApi(client).get_code().git_version)
        groups = kubernetes.client.ApisApi(client).get_api_versions().groups
        say(" ".join(sorted(each.name for each in groups)))
        who = kubernetes.client.AuthenticationV1Api(client).create_self_subject_review({})
        say(who.status.user_info.username)
        try:
            kubernetes.client.CoreV1Api(client).list_namespaced_pod(Path(f"{folder}/namespace").read_text())
        except ApiException as problem:
            say(str(problem.status))


COMMANDS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (serve, echo, names, ask, ask_datagram, connect, stream, ping, resolve, in_cluster)
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
