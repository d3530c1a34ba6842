"""Settings: which source wins, what is refused."""

import dataclasses
from pathlib import Path

import pytest

from k3py.daemons.settings import (
    AgentSettings,
    BadSetting,
    ServerSettings,
    config_files,
    describe,
    key_of,
    load,
    variable_of,
)


def test_flags_beat_environment_beats_files_beats_defaults(tmp_path: Path) -> None:
    main = tmp_path / "config.yaml"
    main.write_text("port: 1\nstore: /a\nnode-name: file\ntls-san: [a.example, b.example]\n")
    (tmp_path / "config.yaml.d").mkdir()
    (tmp_path / "config.yaml.d/10.yaml").write_text("store: /b\n")
    environment = {"K3PY_NODE_NAME": "environment", "K3PY_PORT": "2", "OTHER": "x"}
    settings, origins = load(ServerSettings, {"port": 3}, environment, config_files(main))
    assert (settings.port, settings.store, settings.node_name) == (3, "/b", "environment")
    assert settings.tls_san == ("a.example", "b.example")
    assert settings.bind_address == "0.0.0.0"
    assert origins["port"].source == "--port"
    assert origins["store"].source.endswith("10.yaml")
    assert origins["node_name"].source == "K3PY_NODE_NAME"
    assert origins["bind_address"].source == "default"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot: 1\n", "unknown setting 'prot'; did you mean 'port'?"),
        ("xyzzy: 1\n", "unknown setting 'xyzzy'"),
        ("port: many\n", "'many' is no whole number"),
        ("port: true\n", "is no whole number"),
        ("port: 1.5\n", "is no whole number"),
        ("api-only: perhaps\n", "neither true nor false"),
        ("store: [a]\n", "has to be text"),
        ("tls-san: {a: b}\n", "has to be a list"),
        ("- port\n", "has to be a mapping"),
        ("a: [\n", "cannot read"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(BadSetting) as caught:
        load(ServerSettings, {}, {}, [file])
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [("port", 65_535, True), ("port", 0, True), ("port", 65_536, False), ("port", -1, False),
     ("node_monitor_grace_seconds", 0.0, False), ("node_monitor_grace_seconds", float("nan"), False),
     ("max_connections_per_client", 16_384, True), ("max_connections_per_client", 16_385, False),
     ("max_connections_per_client", 0, False), ("max_connections_per_client", 1, True)],
)  # fmt: skip
def test_numbers_have_bounds(name: str, value: float, fits: bool) -> None:
    if fits:
        assert getattr(load(ServerSettings, {name: value}, {})[0], name) == value
        return
    with pytest.raises(BadSetting, match=f"cannot use {key_of(name)}"):
        load(ServerSettings, {name: value}, {})


@pytest.mark.parametrize(
    ("name", "fits"),
    [("api.example", True), ("*.example", True), ("API.example", True), ("10.0.0.1", True), ("fd00::1", True),
     ("https://api.example", False), ("not a name", False), ("\u00fc.example", False), ("a.*.example", False)],
)  # fmt: skip
def test_a_certificate_is_for_names_and_addresses_only(name: str, fits: bool) -> None:
    if fits:
        assert ServerSettings(tls_san=(name,)).tls_san == (name,)
        return
    with pytest.raises(BadSetting, match="neither a DNS name nor an IP address"):
        ServerSettings(tls_san=(name,))


@pytest.mark.parametrize(
    ("ranges", "why"),
    [
        ({"cluster_cidr": "10.42.0.1/16"}, "cannot use cluster-cidr '10.42.0.1/16': it is no IPv4 network"),
        ({"cluster_cidr": "fd00::/64"}, "it is no IPv4 network"),
        ({"service_cidr": "10.43.0.0/28"}, "cannot use service-cidr 10.43.0.0/28: it must be between /12 and /27 long"),
        ({"cluster_cidr": "10.0.0.0/29"}, "it must be between /8 and /28 long"),
        ({"service_cidr": "100.64.0.0/16"}, r"it may not overlap 100\.64\.0\.0/10"),
        ({"cluster_cidr": "10.0.0.0/8"}, r"cluster-cidr 10\.0\.0\.0/8: it overlaps service-cidr 10\.43\.0\.0/16"),
    ],
)
def test_ranges_fit_and_leave_each_other_alone(ranges: dict[str, str], why: str) -> None:
    with pytest.raises(BadSetting, match=why):
        ServerSettings(**ranges)  # type: ignore[arg-type]
    assert ServerSettings(cluster_cidr="10.0.0.0/11", service_cidr="192.168.0.0/27").port == 6443


def test_a_join_token_that_is_none_is_refused_without_showing_it() -> None:
    assert ServerSettings(token="a-bare-secret").token == "a-bare-secret"
    with pytest.raises(BadSetting, match="cannot read the join token") as caught:
        ServerSettings(token="k3py1.abc.s3cret")
    assert "s3cret" not in str(caught.value)


def test_an_empty_file_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("# nothing\n")
    assert load(ServerSettings, {}, {}, [file])[0] == ServerSettings()


def test_lists_may_come_from_the_environment() -> None:
    settings, _ = load(AgentSettings, {}, {"K3PY_NODE_LABEL": "a=b, c=d"})
    assert settings.node_label == ("a=b", "c=d")


def test_secrets_are_never_shown() -> None:
    _, origins = load(ServerSettings, {"token": "s3cret"}, {})
    assert "s3cret" not in describe(origins)
    assert "--token" in describe(origins)


@pytest.mark.parametrize("kind", [ServerSettings, AgentSettings])
def test_every_setting_has_a_flag_a_variable_and_a_help_text(kind: type) -> None:
    for each in dataclasses.fields(kind):
        assert each.metadata["help"], each.name
        assert key_of(each.name).replace("-", "_") == each.name
        assert variable_of(each.name).startswith("K3PY_")
