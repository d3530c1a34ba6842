"""The kernel's answers about sockets, as it gives them and damaged."""

import socket
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.vpc.services import sock_diag
from k3py.vpc.services.abi import Form
from k3py.vpc.services.sock_diag import DiagError, Socket
from k3py.vpc.services.udp_cut import backend_of

SO_COOKIE = 57


def asked(family: int) -> bytes:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, sock_diag.NETLINK_SOCK_DIAG) as channel:
        channel.settimeout(5)
        channel.send(sock_diag.list_connected(family))
        data = b""
        while None not in list(sock_diag.parse(data)):
            data += channel.recv(65_536)
        return data


@pytest.mark.parametrize("family", [sock_diag.AF_INET, sock_diag.AF_INET6])
def test_a_connected_socket_is_listed_and_can_be_ended(family):
    address = "127.0.0.1" if family == sock_diag.AF_INET else "::1"
    with socket.socket(family, socket.SOCK_DGRAM) as mine, socket.socket(family, socket.SOCK_DGRAM) as unconnected:
        unconnected.bind((address, 0))
        mine.connect((address, 4321))
        cookie = int.from_bytes(mine.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), "little")
        (found,) = [each for each in sock_diag.parse(asked(family)) if each and each.cookie == cookie]
        assert (str(found.peer), found.peer_port, found.family) == (address, 4321, family)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, sock_diag.NETLINK_SOCK_DIAG) as channel:
            channel.send(sock_diag.destroy(found))
            assert list(sock_diag.parse(channel.recv(65_536))) == [None]
            channel.send(sock_diag.destroy(found))
            with pytest.raises(DiagError, match="refused") as caught:
                list(sock_diag.parse(channel.recv(65_536)))
            assert caught.value.errno == 2
        with pytest.raises(OSError, match="Destination address required"):
            mine.send(b"anybody?")
        with pytest.raises(ConnectionAbortedError):
            mine.recv(10)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\0" * 5, "cut off"),
        (struct.pack("=IHHII", 4, 20, 0, 0, 0), "lies about its length"),
        (struct.pack("=IHHII", 99, 20, 0, 0, 0), "lies about its length"),
        (struct.pack("=IHHII", 20, 20, 0, 0, 0) + b"1234", "description is cut off"),
        (struct.pack("=IHHII", 18, 2, 0, 0, 0) + b"12", "error without number"),
    ],
)
def test_damaged_answers_are_refused(data, problem):
    with pytest.raises(ValueError, match=problem):
        list(sock_diag.parse(data))


REAL = struct.pack("=IHHII", 88, 20, 2, 1, 0) + struct.pack("=BBBB", 2, 1, 0, 0) + bytes(68)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, 87), st.binary(min_size=1, max_size=4))))
def test_any_bytes_are_an_answer_or_a_named_error(damage):
    data = damage if isinstance(damage, bytes) else REAL[: damage[0]] + damage[1] + REAL[damage[0] + len(damage[1]) :]
    try:
        for each in sock_diag.parse(data):
            assert each is None or backend_of(each)
    except (ValueError, DiagError):
        return


@pytest.mark.parametrize(
    ("peer", "ipv4", "form"),
    [
        ("10.42.0.5", "10.42.0.5", Form.IPV4),
        ("::ffff:10.42.0.5", "10.42.0.5", Form.IPV4),
        ("fd6b:3370:1001:c0ff:ee11:7:a2a:5", "10.42.0.5", Form.NATIVE),
        ("fd6b:3370:1000:c0ff:ee11:7:a2a:5", "10.42.0.5", Form.LOOPBACK),
        ("2001:db8::1", None, Form.IPV4),
    ],
)
def test_which_pod_a_socket_talks_to(peer, ipv4, form):
    backend, found = backend_of(Socket(10, ip_address(peer), 53, 1, b""))
    assert found is form
    assert (str(backend.ipv4) if backend else None) == ipv4
