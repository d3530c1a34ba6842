"""What runs in a live pod, and in the world outside: it answers, and does what it is told line by line.

Run by ``live.py`` with the standard library alone. A line is ``kind target size count``, an answer is a line too. The
target's address says which version is spoken.
"""

import socket
import struct
import sys
import threading

ECHO, SWALLOW, NOBODY, UNSUMMED = 7, 8, 9, 17
TIMEOUT_SECONDS = 5
# Options that the module socket does not know (linux/in.h, linux/in6.h, linux/udp.h, asm-generic/socket.h).
IP_MTU_DISCOVER, IP_RECVERR, IP_MTU = 10, 11, 14
IPV6_MTU_DISCOVER, IPV6_MTU, IPV6_RECVERR = 23, 24, 25
DISCOVER_WANT, DISCOVER_DO = 1, 2
SO_NO_CHECK, UDP_SEGMENT = 11, 103
MTU_OF_LINK = 1472


def family(target: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in target else socket.AF_INET


def datagrams(target: str, port: int = ECHO) -> socket.socket:
    """A connected UDP socket."""
    made = socket.socket(family(target), socket.SOCK_DGRAM)
    made.settimeout(TIMEOUT_SECONDS)
    made.connect((target, port))
    return made


def ask(asking: socket.socket, size: int, count: int) -> str:
    for index in range(count):
        asked = index.to_bytes(4, "big") * (size // 4)
        asking.send(asked)
        if asking.recv(65536) != asked:
            return "another answer"
    return f"answered {count}"


def udp(target: str, size: int, count: int) -> str:
    return ask(datagrams(target), size, count)


def unsummed(target: str, size: int, count: int) -> str:
    """Without checksum where the version allows it; the answers have none in IPv4 either."""
    asking = datagrams(target, UNSUMMED)
    if family(target) == socket.AF_INET:
        asking.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    return ask(asking, size, count)


def segmented(target: str, size: int, count: int) -> str:
    """Several datagrams that the kernel takes as one and cuts as late as it can."""
    asking = datagrams(target)
    asking.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    pieces = [index.to_bytes(4, "big") * (size // 4) for index in range(count)]
    asking.send(b"".join(pieces))
    return f"answered {len({asking.recv(65536) for _ in pieces} & set(pieces))}"


def refused(target: str, size: int, count: int) -> str:
    asking = datagrams(target, NOBODY)
    asking.send(b"anybody?")
    try:
        asking.recv(10)
    except ConnectionRefusedError:
        return "refused"
    return "answered"


def told(target: str, size: int, hops: int) -> str:
    """Send once and say which error came back, and what the way's MTU is then."""
    asking, discover = datagrams(target), DISCOVER_DO if size < MTU_OF_LINK else DISCOVER_WANT
    if asking.family == socket.AF_INET:
        level, told_mtu = socket.IPPROTO_IP, IP_MTU
        options = {IP_RECVERR: 1, IP_MTU_DISCOVER: discover, socket.IP_TTL: hops}
    else:
        level, told_mtu = socket.IPPROTO_IPV6, IPV6_MTU
        options = {IPV6_RECVERR: 1, IPV6_MTU_DISCOVER: discover, socket.IPV6_UNICAST_HOPS: hops}
    for name, value in options.items():
        asking.setsockopt(level, name, value)
    asking.send(bytes(size))
    try:
        asking.recv(65536)
    except OSError as error:
        return f"{error.strerror} {asking.getsockopt(level, told_mtu)}"
    return "answered"


def tcp(target: str, size: int, count: int) -> str:
    with socket.create_connection((target, SWALLOW), timeout=TIMEOUT_SECONDS) as stream:
        for _ in range(count):
            stream.sendall(bytes(size))
        stream.shutdown(socket.SHUT_WR)
        return f"swallowed {stream.recv(100).decode()}"


def checksum(data: bytes) -> int:
    words = sum(struct.unpack(f">{len(data) // 2}H", data))
    while words >> 16:
        words = (words & 0xFFFF) + (words >> 16)
    return ~words & 0xFFFF


def echo(target: str, size: int, count: int) -> str:
    """As `ping -s`: an even number of bytes behind the header."""
    six = family(target) == socket.AF_INET6
    kind, answer, protocol = (128, 129, socket.IPPROTO_ICMPV6) if six else (8, 0, socket.IPPROTO_ICMP)
    with socket.socket(family(target), socket.SOCK_RAW, protocol) as asking:
        asking.settimeout(TIMEOUT_SECONDS)
        for index in range(count):
            rest = struct.pack(">HH", 4711, index) + bytes(each % 251 for each in range(size))
            summed = 0 if six else checksum(bytes([kind, 0, 0, 0]) + rest)  # of IPv6 the kernel sums it
            asking.sendto(struct.pack(">BBH", kind, 0, summed) + rest, (target, 0))
            while True:
                got = asking.recv(65536)[0 if six else 20 :]
                if got[0] == answer and got[4:] == rest:
                    break
    return f"answered {count}"


COMMANDS = {each.__name__: each for each in (udp, unsummed, segmented, refused, told, tcp, echo)}


def answer(port: int, kind: socket.AddressFamily) -> None:
    echoing = socket.socket(kind, socket.SOCK_DGRAM)
    if kind == socket.AF_INET6:
        echoing.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    elif port == UNSUMMED:
        echoing.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    echoing.bind(("", port))

    def serve() -> None:
        while True:
            data, sender = echoing.recvfrom(65536)
            echoing.sendto(data, sender)

    threading.Thread(target=serve, daemon=True).start()


def swallow() -> None:
    listener = socket.create_server(("", SWALLOW), family=socket.AF_INET6, dualstack_ipv6=True)

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            total = 0
            while data := connection.recv(1 << 20):
                total += len(data)
            connection.sendall(str(total).encode())
            connection.close()

    threading.Thread(target=serve, daemon=True).start()


def main() -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    for kind in (socket.AF_INET, socket.AF_INET6):
        for port in (ECHO, UNSUMMED):
            answer(port, kind)
    swallow()
    print("listening", flush=True)
    for line in sys.stdin:
        name, target, size, count = line.split()
        print(COMMANDS[name](target, int(size), int(count)), flush=True)


if __name__ == "__main__":
    main()
