"""Connected UDP sockets whose backend goes away are ended, and no others."""

import pytest

from tests.vpc.services.conftest import Run
from tests.vpc.services.world import (
    NODE_PORT,
    OTHER_VIP,
    OTHER_VPC,
    PORT,
    SERVICE_PORT,
    VIP,
    VPC,
    World,
    datagrams,
    ghost,
    service,
)

ABORTED = "ConnectionAbortedError: Software caused connection abort"


@pytest.mark.parametrize("vip", [VIP, f"::ffff:{VIP}", ghost(VIP)], ids=["ipv4", "mapped", "native"])
def test_the_owner_learns_it_and_connects_again(run: Run, vip: str) -> None:
    def story(made: World) -> None:
        client = made.pod("10.42.0.10")
        servers = [made.pod(f"10.42.0.2{index}", serves=f"web{index}") for index in range(2)]
        made.serve(datagrams(servers[:1], native=True))
        client.does(f"keep('talk', '{vip}', {SERVICE_PORT})")
        assert client.does("asks('talk')") == "web0 hi"
        made.serve(datagrams(servers[1:], native=True))
        assert client.does("hears('talk')") == ABORTED
        client.does(f"keep('talk', '{vip}', {SERVICE_PORT})")
        assert client.does("asks('talk')") == "web1 hi"

    run(story)


def test_a_service_that_goes_cuts_too(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(datagrams([server]))
        client.does(f"keep('talk', '{VIP}', {SERVICE_PORT})")
        made.serve()
        assert client.does("hears('talk')") == ABORTED

    run(story)


def test_the_nodes_own_sockets_too(run: Run) -> None:
    def story(made: World) -> None:
        host, server = made.pod("10.42.0.1", host=True), made.pod("10.42.0.20", serves="web")
        made.serve(datagrams([server], node_port=NODE_PORT))
        host.does(f"keep('loopback', '::1', {NODE_PORT})")
        host.does(f"keep('service', '{VIP}', {SERVICE_PORT})")
        made.serve(datagrams([], node_port=NODE_PORT))
        assert host.does("hears('loopback')") == ABORTED
        assert host.does("hears('service')") == ABORTED

    run(story)


def test_a_daemon_that_has_just_started_cuts_as_soon_as_it_knows_where(run: Run) -> None:
    def story(made: World) -> None:
        client, other = made.pod("10.42.0.10"), made.pod("10.42.0.11", OTHER_VPC)
        server = made.pod("10.42.0.20", serves="web")
        made.serve(datagrams([server]))
        client.does(f"keep('talk', '{VIP}', {SERVICE_PORT})")
        assert client.does("asks('talk')") == "web hi"
        made.maps.close()
        made.maps = made.open()
        made.serve(datagrams([]))
        made.maps.join(other.cookie, OTHER_VPC, False, other.netns)
        assert client.does("asks('talk')") == "web hi"
        made.maps.join(client.cookie, VPC, False, client.netns)
        assert client.does("hears('talk')") == ABORTED

    run(story)


def test_nobody_elses_sockets_are_cut(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        gone, kept = made.pod("10.42.0.21", serves="gone"), datagrams(["10.42.0.20"], vip=OTHER_VIP)
        stranger, _ = made.pod("10.42.0.10", OTHER_VPC), made.pod("10.42.0.20", OTHER_VPC, serves="strange")
        theirs = datagrams(["10.42.0.20"], vpc=OTHER_VPC)
        made.serve(datagrams([server, gone]), kept, theirs, service([server]))
        client.does(f"keep('direct', '{server.ipv4}', {PORT})")  # named the pod, no service
        client.does(f"keep('other', '{OTHER_VIP}', {SERVICE_PORT})")  # the same backend of another service
        stranger.does(f"keep('strange', '{VIP}', {SERVICE_PORT})")  # another VPC
        made.serve(datagrams([gone]), kept, theirs)
        made.maps.settle()
        assert client.does("asks('direct')") == client.does("asks('other')") == "web hi"
        assert stranger.does("asks('strange')") == "strange hi"
        made.serve(kept, theirs)
        made.maps.settle()
        assert client.does("asks('other')") == "web hi"

    run(story)


def test_a_namespace_that_vanished_is_no_trouble(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    def story(made: World) -> None:
        made.maps.join(10**9, 7, False, "/proc/0/ns/net")
        made.maps.join(10**9 + 1, 7, False)  # a virtual machine has no sockets here
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(datagrams([server]))
        client.does(f"keep('talk', '{VIP}', {SERVICE_PORT})")
        made.serve()
        assert client.does("hears('talk')") == ABORTED
        made.maps.settle()
        assert caplog.records == []

    run(story)
