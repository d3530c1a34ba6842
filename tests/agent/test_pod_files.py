"""hosts, resolv.conf, hostname; termination messages; logs that grow."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.image_accounts import read_accounts
from k3py.agent.log_rotation import LOG_BYTES_MAX, LOG_FILES_MAX, LogRotation
from k3py.agent.pod_files import Dns, hostname, hosts, resolv_conf
from k3py.agent.pod_logs import LOG_MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX, read_termination_message
from k3py.model.generated import core_v1
from tests.agent.world import pod

DNS = Dns(["10.43.0.10"])
HOST = "# comment\nnameserver 192.0.2.1\nsearch example.com\noptions timeout:1\n"
CLUSTER = "search default.svc.cluster.local svc.cluster.local cluster.local example.com\noptions ndots:5\n"
OWN = core_v1.PodDNSConfig(
    nameservers=["192.0.2.9"], searches=["x.org"], options=[core_v1.PodDNSConfigOption(name="ndots", value="2")]
)

RESOLVERS = [
    ({"host_network": False}, f"nameserver 10.43.0.10\n{CLUSTER}"),
    ({}, "nameserver 192.0.2.1\nsearch example.com\noptions timeout:1\n"),
    ({"dns_policy": "ClusterFirstWithHostNet"}, f"nameserver 10.43.0.10\n{CLUSTER}"),
    ({"dns_policy": "Default"}, "nameserver 192.0.2.1\nsearch example.com\noptions timeout:1\n"),
    ({"dns_policy": "None", "dns_config": OWN}, "nameserver 192.0.2.9\nsearch x.org\noptions ndots:2\n"),
    (
        {"host_network": False, "dns_config": OWN},
        "nameserver 10.43.0.10\nnameserver 192.0.2.9\n"
        "search default.svc.cluster.local svc.cluster.local cluster.local example.com x.org\noptions ndots:2\n",
    ),
]


@pytest.mark.parametrize(("fields", "expected"), RESOLVERS)
def test_resolv_conf(fields: dict[str, Any], expected: str) -> None:
    assert resolv_conf(pod("web", **fields), HOST, DNS) == expected


RESOLVED = "nameserver 127.0.0.53\nnameserver fe80::1%eth0\noptions edns0\nsearch lan.example. lan.example\n"
LOOPBACKS = [
    ({"host_network": True}, DNS, "127.0.0.53 fe80::1%eth0"),
    ({"host_network": False, "dns_policy": "Default"}, DNS, "10.43.0.10"),
    ({"host_network": False}, DNS, "10.43.0.10"),
    ({"host_network": False}, Dns(), "127.0.0.53 fe80::1%eth0"),
]


@pytest.mark.parametrize(("fields", "dns", "servers"), LOOPBACKS)
def test_a_resolver_on_the_hosts_loopback_is_none_for_pods(fields: dict[str, Any], dns: Dns, servers: str) -> None:
    lines = resolv_conf(pod("web", **fields), RESOLVED, dns).splitlines()
    assert " ".join(each.split()[1] for each in lines if each.startswith("nameserver")) == servers
    assert [each.count("lan.example") for each in lines if each.startswith("search")] == [1]


def test_a_resolver_that_the_pod_asks_for_is_its_own_affair() -> None:
    own = core_v1.PodDNSConfig(nameservers=["127.0.0.1"], options=[core_v1.PodDNSConfigOption(name="edns0", value="")])
    made = resolv_conf(pod("web", host_network=False, dns_policy="None", dns_config=own), RESOLVED, DNS)
    assert made == "nameserver 127.0.0.1\noptions edns0\n"


@given(st.text())
def test_any_resolv_conf_of_the_host_can_be_read(text: str) -> None:
    assert resolv_conf(pod(), text, DNS).count("nameserver ") <= 3


def test_hosts() -> None:
    aliases = [core_v1.HostAlias(ip="192.0.2.3", hostnames=["a", "b"])]
    own = hosts(pod("web", host_network=False, host_aliases=aliases), "HOST", "n1", ["10.42.0.5"], "cluster.local")
    assert own.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert "10.42.0.5\tweb\n" in own
    assert own.endswith("# Entries added by HostAliases.\n192.0.2.3\ta\tb\n")
    assert "HOST" in hosts(pod(), "HOST", "n1", [], "cluster.local")
    made = pod("web-0", host_network=False, hostname="web-0", subdomain="db")
    assert "10.42.0.5\tweb-0.db.default.svc.cluster.local\tweb-0\n" in hosts(
        made, "", "n1", ["10.42.0.5"], "cluster.local"
    )


def test_hostnames() -> None:
    assert hostname(pod(), "n1") == "n1"
    assert hostname(pod("web", host_network=False), "n1") == "web"
    assert len(hostname(pod("w" * 100, host_network=False), "n1")) == 63


def test_last_words(tmp_path: Path) -> None:
    said, log = tmp_path / "said", tmp_path / "log"
    assert read_termination_message(said, log, "File", 1) == ""
    said.write_bytes(b"x" * (MESSAGE_BYTES_MAX + 1))
    assert read_termination_message(said, log, "File", 1) == "x" * MESSAGE_BYTES_MAX
    said.write_bytes(b"")
    log.write_text("".join(f"2026-01-01T00:00:00Z stdout F line {n}\n" for n in range(200)))
    assert read_termination_message(said, log, "File", 1) == ""
    assert read_termination_message(said, log, "FallbackToLogsOnError", 0) == ""
    message = read_termination_message(said, log, "FallbackToLogsOnError", 1)
    assert message.splitlines() == [f"line {n}" for n in range(120, 200)]
    log.write_text("".join(f"2026-01-01T00:00:00Z stdout F {'y' * 100} {n}\n" for n in range(200)))
    assert len(read_termination_message(said, log, "FallbackToLogsOnError", 1)) == LOG_MESSAGE_BYTES_MAX


class Reopened:
    """The one thing that rotation asks of a runtime."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def reopen_log(self, container_id: str) -> None:
        self.ids.append(container_id)


class Ticks:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        self.seconds += 1
        return self.seconds

    monotonic = now


def test_logs_are_bounded(tmp_path: Path) -> None:
    runtime: Any = Reopened()
    path = tmp_path / "0.log"
    rotation = LogRotation(runtime, Ticks(), lambda: [(path, "c")])

    async def story() -> None:
        path.write_bytes(b"x" * LOG_BYTES_MAX)
        assert not await rotation.rotate_if_large(path, "c")
        for _ in range(10):
            path.write_bytes(b"x" * (LOG_BYTES_MAX + 1))
            assert await rotation.rotate_if_large(path, "c")
        assert len(list(tmp_path.iterdir())) == LOG_FILES_MAX - 1
        assert len(runtime.ids) == 10
        # Renamed by an agent that was killed before it told the runtime: told now.
        assert not await rotation.rotate_if_large(path, "c")
        assert len(runtime.ids) == 11

    asyncio.run(story())


def test_accounts_are_read_from_the_topmost_layer_that_has_them(tmp_path: Path) -> None:
    layers = [tmp_path / name for name in ("bottom", "middle", "top")]
    for layer in layers:
        (layer / "etc").mkdir(parents=True)
    (layers[0] / "etc/passwd").write_text("bottom:x:1:1::/:\n")
    (layers[1] / "etc/passwd").write_text("middle:x:2:2::/:\n")
    (layers[0] / "etc/group").write_text("g:x:3:\n")
    assert read_accounts(layers).user("middle") == ("middle", 2, 2)
    assert read_accounts(layers).group_id("g") == 3
    # A link is not followed: it could lead to the host's own accounts.
    (layers[2] / "etc/passwd").symlink_to("/etc/passwd")
    assert read_accounts(layers).user("root") is None
