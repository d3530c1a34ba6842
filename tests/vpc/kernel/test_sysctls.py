"""Settings of the host that we change are remembered and put back."""

import json

from k3py.vpc.kernel.sysctls import Sysctls, write
from tests.vpc.bpf.kernel_objects import in_network_namespace, ip

FORWARD, TTL = "net/ipv4/ip_forward", "net/ipv4/ip_default_ttl"


def test_what_was_is_on_record_before_it_changes_and_comes_back(tmp_path):
    record = tmp_path / "vpc" / "sysctls.json"

    def story() -> None:
        sysctls = Sysctls(record)
        before = sysctls.read([FORWARD, TTL, "net/no/such/setting"])
        assert before == {FORWARD: "0", TTL: "64"}
        sysctls.set(FORWARD, "1")
        sysctls.set(TTL, "32")
        sysctls.set("net/no/such/setting", "1")
        assert json.loads(record.read_bytes())[TTL] == {"was": "64", "now": "32"}
        Sysctls(record).restore()
        assert sysctls.read([FORWARD, TTL]) == before
        assert not record.exists()
        Sysctls(record).restore()

    in_network_namespace(story)


def test_a_second_change_keeps_what_was_first_unless_others_changed_it(tmp_path):
    def story() -> None:
        sysctls = Sysctls(tmp_path / "record")
        sysctls.set(TTL, "32")
        sysctls.set(TTL, "33")
        sysctls.restore()
        assert sysctls.read([TTL]) == {TTL: "64"}
        sysctls.set(TTL, "32")
        write(TTL, "99")
        sysctls.set(TTL, "32")
        sysctls.restore()
        assert sysctls.read([TTL]) == {TTL: "99"}

    in_network_namespace(story)


def test_what_others_changed_meanwhile_stays(tmp_path):
    def story() -> None:
        sysctls = Sysctls(tmp_path / "record")
        sysctls.set(TTL, "32")
        write(TTL, "99")
        sysctls.restore()
        assert sysctls.read([TTL]) == {TTL: "99"}

    in_network_namespace(story)


def test_what_is_gone_leaves_the_record(tmp_path):
    """Other programs' interfaces come and go for years."""
    record = tmp_path / "record"

    def story() -> None:
        sysctls = Sysctls(record)
        for name in ("one", "two", "three"):
            ip("link", "add", name, "type", "veth", "peer", "name", f"{name}p")
            sysctls.set(f"net/ipv6/conf/{name}/accept_ra", "2")
            ip("link", "del", name)
        sysctls.set(TTL, "32")
        assert list(json.loads(record.read_bytes())) == [TTL]

    in_network_namespace(story)


def test_a_damaged_record_restores_nothing_and_stops_nobody(tmp_path):
    def story() -> None:
        record = tmp_path / "record"
        for damaged in (b"", b"[]", b'{"a": 1}', b"\xff"):
            record.write_bytes(damaged)
            sysctls = Sysctls(record)
            sysctls.set(TTL, "32")
            sysctls.restore()
            assert sysctls.read([TTL]) == {TTL: "64"}

    in_network_namespace(story)
