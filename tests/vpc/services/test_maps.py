"""The services of a node change, and the programs live on without any daemon."""

import ctypes
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.maps import Map
from k3py.vpc.kernel.ruleset import DnatRule
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.services import abi, records
from k3py.vpc.services.diff import BackendSet
from k3py.vpc.services.maps import ServiceMaps
from k3py.vpc.wanted import Backend, PodNetwork, Protocol
from tests.vpc.services.conftest import Run
from tests.vpc.services.world import (
    CLUSTER,
    NODE_PORT,
    PORT,
    REFUSED,
    SERVICE_PORT,
    VIP,
    VPC,
    World,
    datagrams,
    service,
)

SWITCHES = 100
DAEMON = """
import sys
from ipaddress import IPv4Address
from pathlib import Path
from k3py.vpc.services.maps import ServiceMaps
from k3py.vpc.wanted import Backend, Protocol, ServicePort
folder, cgroup, address, *cookies = sys.argv[1:]
maps = ServiceMaps(Path(folder), 0xC0FFEE11, cgroup=Path(cgroup))
for each in cookies:
    maps.join(int(each), 7, False)
maps.switch([ServicePort(7, "default/web:http", Protocol.TCP, 80, (IPv4Address("10.43.0.50"),),
                         (Backend(IPv4Address(address), 8080),), affinity_seconds=60)], {}, [])
"""


def size(table: Map) -> int:
    return len(set(table))


DETACHED_SECONDS_MAX = 10.0


def test_switching_loses_no_connection(run: Run) -> None:
    def story(made: World) -> None:
        client = made.pod("10.42.0.10")
        servers = [made.pod(f"10.42.0.2{index}", serves=f"web{index}") for index in range(3)]
        made.serve(service(servers[:2]))
        client.does(f"swarm('{VIP}', {SERVICE_PORT})")
        for turn in range(SWITCHES):
            made.serve(service([servers[turn % 3], servers[(turn + 1) % 3]]))
            if not turn % 10:
                client.does(f"swarm_connects({turn})")
        seen, failed = client.does("swarmed()")
        assert failed == []
        assert set(seen) == {"web0", "web1", "web2"}
        assert size(made.maps.table("backends")) == 2  # old sets are gone

    run(story)


def test_what_does_not_differ_is_not_written(run: Run) -> None:
    def story(made: World) -> None:
        services = [service(["10.42.0.20"], node_port=NODE_PORT), datagrams(["10.42.0.20"])]
        made.serve(*services)
        for name in ("services", "backends"):
            for key in made.maps.table(name):
                del made.maps.table(name)[key]
        made.serve(*services)
        assert size(made.maps.table("services")) == 0

    run(story)


def test_a_client_with_affinity_keeps_its_backend(run: Run) -> None:
    def story(made: World) -> None:
        clients = [made.pod(f"10.42.0.1{index}") for index in range(2)]
        servers = {f"web{index}": made.pod(f"10.42.0.2{index}", serves=f"web{index}") for index in range(3)}
        made.serve(service(list(servers.values()), affinity_seconds=60))
        first, second = (set(each.does(f"names('{VIP}', {SERVICE_PORT}, 30)")) for each in clients)
        assert (len(first), len(second)) == (1, 1)
        (kept,) = first
        others = [name for name in servers if name != kept]
        # Another backend goes: nothing changes for this client. Its own goes: it gets one of the rest, and keeps that.
        made.serve(service([servers[kept], servers[others[0]]], affinity_seconds=60))
        assert set(clients[0].does(f"names('{VIP}', {SERVICE_PORT}, 30)")) == {kept}
        made.serve(service([servers[each] for each in others], affinity_seconds=60))
        (new,) = set(clients[0].does(f"names('{VIP}', {SERVICE_PORT}, 30)"))
        assert new in others

    run(story)


def test_affinity_ends_after_its_time(run: Run) -> None:
    def story(made: World) -> None:
        client = made.pod("10.42.0.10")
        servers = [made.pod(f"10.42.0.2{index}", serves=f"web{index}") for index in range(2)]
        made.serve(service(servers, affinity_seconds=60))
        affinities = made.maps.table("affinities")
        seen = set()
        for _ in range(40):
            seen.add(client.does(f"tcp('{VIP}', {SERVICE_PORT})")[0])
            (key,) = affinities
            last = abi.Affinity.from_buffer_copy(affinities[key])
            last.seen_ns = time.monotonic_ns() - 61 * 10**9
            affinities[key] = bytes(last)
        assert seen == {"web0", "web1"}

    run(story)


def test_an_unconnected_udp_socket_is_led_anew_with_each_datagram(run: Run) -> None:
    def story(made: World) -> None:
        client = made.pod("10.42.0.10")
        servers = [made.pod(f"10.42.0.2{index}", serves=f"web{index}") for index in range(2)]
        client.does("keep_unconnected('talk')")
        for server, name in zip(servers, ("web0", "web1"), strict=True):
            made.serve(datagrams([server]))
            heard = client.does(f"asks_at('talk', '{VIP}', {SERVICE_PORT})")
            assert heard == [f"{name} hi", [VIP, SERVICE_PORT]]
        made.serve(datagrams([]))
        assert client.does(f"asks_at('talk', '{VIP}', {SERVICE_PORT})") == REFUSED

    run(story)


def test_services_go_on_without_a_daemon_and_the_next_one_takes_over(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        other = made.pod("10.42.0.21", serves="other")
        folder = made.folder.with_name("another")
        arguments = [folder, made.cgroup, server.ipv4, client.cookie]
        made.maps.remove()
        subprocess.run([sys.executable, "-c", DAEMON, *map(str, arguments)], check=True)
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"
        made.maps = made.open("another")
        assert made.maps.joined == {client.cookie}
        before = dict.fromkeys(made.maps.table("backends"))
        made.serve(service([server], affinity_seconds=60))
        assert dict.fromkeys(made.maps.table("backends")) == before  # nothing had to be written
        made.serve(service([other]))
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "other"
        assert (size(made.maps.table("backends")), size(made.maps.table("members"))) == (1, 0)

    run(story)


def test_programs_are_exchanged_under_load(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server]))
        client.does(f"swarm('{VIP}', {SERVICE_PORT})")
        for turn in range(5):
            made.maps.close()
            made.maps = made.open()
            client.does(f"swarm_connects({turn * 10})")
        assert client.does("swarmed()")[1] == []

    run(story)


def test_half_written_sets_of_a_dead_daemon_are_cleared(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server]))
        content = BackendSet(tuple(Backend(IPv4Address(f"10.42.1.{index}"), PORT) for index in range(9)), True)
        backends, members = list(records.backends(77, content)), list(records.members(77, content))
        for key, value in backends[4:]:
            made.maps.table("backends")[key] = value
        for key, value in members[:2]:
            made.maps.table("members")[key] = value
        made.maps.close()
        made.maps = made.open()
        made.serve(service([server]))
        assert (size(made.maps.table("backends")), size(made.maps.table("members"))) == (1, 0)
        made.serve(service([server, "10.42.0.20"], affinity_seconds=5))
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"
        assert min(map(records.set_of, made.maps.table("backends"))) > 77  # ids do not come back

    run(story)


def test_pins_that_somebody_took_away_come_back(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server]))
        assert made.maps.repair() == []
        for name in ("links/svc_connect4", "maps/backends"):
            (made.folder / name).unlink()
        assert sorted(made.maps.repair()) == ["links/svc_connect4", "maps/backends"]
        made.maps.close()
        made.maps = made.open()
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"

    run(story)


def test_removal_leaves_nothing(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server]))
        made.maps.remove()
        assert not made.folder.exists()
        # The kernel detaches what nobody names any more a little later.
        deadline = time.monotonic() + DETACHED_SECONDS_MAX
        while (said := client.does(f"tcp('{VIP}', {SERVICE_PORT})")) != "OSError: Network is unreachable":
            assert time.monotonic() < deadline, said

    run(story)


def test_a_map_of_an_older_release_is_made_anew(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.maps.close()
        pin = made.folder / "maps/services"
        pin.unlink()
        with Map.open(made.folder / "maps/backends") as other:
            other.pin(pin)
            other.pin(made.folder / "maps/no_longer_used")
        with Link.open(made.folder / "links/svc_connect4") as link:
            link.pin(made.folder / "links/svc_connect5")
        made.maps = made.open()
        assert len(list((made.folder / "links").iterdir())) == 8
        assert not (made.folder / "maps/no_longer_used").exists()
        made.serve(service([server]))
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"

    run(story)


def test_programs_whose_cgroup_is_gone_are_attached_anew(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        gone = made.cgroup / "gone"
        gone.mkdir()
        made.maps.remove()
        ServiceMaps(made.folder, CLUSTER, cgroup=gone).close()
        gone.rmdir()
        deadline = time.monotonic() + 20
        with Link.open(made.folder / "links/svc_connect4") as link:
            # The kernel detaches a little later; the link's description then has no cgroup's number.
            while any(kernel.info(link.descriptor, 24)[16:24]) and time.monotonic() < deadline:
                time.sleep(0.01)
        made.maps = made.open()
        made.maps.join(client.cookie, VPC, False)
        made.serve(service([server]))
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"

    run(story)


def test_clusters_do_not_know_of_each_other(run: Run) -> None:
    def story(made: World) -> None:
        second = made.open("second", cluster=CLUSTER + 1)
        mine, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        theirs = made.pod("10.42.0.11", member=False)
        second.join(theirs.cookie, VPC, False, theirs.netns)
        made.serve(service([server], native=True))
        second.switch([service([])], {}, [])
        assert mine.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"
        assert theirs.does(f"tcp('{VIP}', {SERVICE_PORT})") == REFUSED
        second.remove()
        assert mine.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"

    run(story)


def test_a_full_map_is_named_and_the_old_services_stay(run: Run) -> None:
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server]))
        room = made.maps.table("services").entries_max
        many = [
            service([], vip=str(IPv4Address("10.44.0.0") + index // 60_000), port=index % 60_000 + 1)
            for index in range(room + 1)
        ]
        with pytest.raises(NetworkProblem, match=f"the map services has room for {room} entries, not for {room + 1}"):
            made.serve(*many)
        backends = made.maps.table("backends").entries_max + 1
        addresses = [str(IPv4Address(0x0A2A0000 + index)) for index in range(backends)]
        with pytest.raises(NetworkProblem, match="the map backends has room for"):
            made.serve(service(addresses))
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"

    run(story)


def test_a_full_map_of_namespaces_is_named(run: Run) -> None:
    def story(made: World) -> None:
        table = made.maps.table("namespaces")
        for each in range(table.entries_max):
            table[records.namespace_key(10**9 + each)] = bytes(ctypes.sizeof(abi.Namespace))
        with pytest.raises(NetworkProblem, match=f"the map namespaces is full, it has room for {table.entries_max}"):
            made.maps.join(5, VPC, False)
        assert made.maps.joined == frozenset()

    run(story)


def test_outsiders_rules_are_handed_on_when_they_change(run: Run) -> None:
    def story(made: World) -> None:
        told: list[list[DnatRule]] = []
        maps = made.open(on_node_ports=lambda rules: told.append(list(rules)))
        pod = PodNetwork("uid", VPC, IPv4Address("10.42.0.20"), outside_ipv4=IPv4Address("100.64.0.5"))
        opened = service(["10.42.0.20"], node_port=NODE_PORT)
        for _ in range(2):
            maps.switch([opened], {(VPC, pod.ipv4): pod}, [])
        maps.switch([opened], {}, [])
        rule = DnatRule(Protocol.TCP, NODE_PORT, ((IPv4Address("100.64.0.5"), PORT),))
        assert told == [[rule], []]

    run(story)


def test_a_place_that_is_no_bpffs_is_a_named_problem(run: Run, tmp_path: Path) -> None:
    def story(made: World) -> None:
        made.folder = tmp_path / "services"
        with pytest.raises(NetworkProblem, match=r"cannot attach the programs that resolve services: .*cannot pin"):
            made.open()

    run(story)
