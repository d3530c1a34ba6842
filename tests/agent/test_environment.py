"""Environment and command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.environment import (
    ConfigProblem,
    NodeFacts,
    Objects,
    command_line,
    environment,
    expand,
    field_value,
    references,
    resource_value,
)
from k3py.model.generated import core_v1
from tests.agent.world import container, pod

NODE = NodeFacts("n1", ["192.0.2.7"], ["10.42.0.5"], {"cpu": "4", "memory": "8Gi"})

EXPANSIONS = [
    ("$(A)", "1"), ("x$(A)y", "x1y"), ("$$(A)", "$(A)"), ("$$$(A)", "$1"), ("$(B)", "$(B)"), ("$A", "$A"),
    ("$(A", "$(A"), ("$", "$"), ("$$", "$"), ("a$", "a$"), ("", ""), ("$()", "$()"), ("$(A)$(A)", "11"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), EXPANSIONS)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}) == expected


@given(st.text("$()AB x"), st.dictionaries(st.sampled_from("AB"), st.text(max_size=3)))
def test_expansion_always_ends_and_leaves_plain_text_alone(text: str, values: dict[str, str]) -> None:
    result = expand(text, values)
    if "$" not in text:
        assert result == text


def objects() -> Objects:
    maps = {"m": core_v1.ConfigMap(data={"a": "1", "b": "2"})}
    return Objects(maps, {"s": core_v1.Secret(data={"word": b"sesame"})})


def env(*variables: core_v1.EnvVar, source: list[core_v1.EnvFromSource] | None = None) -> dict[str, str]:
    web = container("web", env=list(variables), env_from=source or [])
    return environment(pod("web", web), web, ["PATH=/bin", "IMAGE=1"], objects(), NODE)


def var(name: str, **source: object) -> core_v1.EnvVar:
    return core_v1.EnvVar(name=name, value_from=core_v1.EnvVarSource(**source))  # type: ignore[arg-type]


def test_later_values_win_and_may_use_earlier_ones() -> None:
    found = env(
        core_v1.EnvVar(name="IMAGE", value="2"),
        core_v1.EnvVar(name="c", value="$(P_a)-$(IMAGE)-$(later)"),
        core_v1.EnvVar(name="later", value="x"),
        source=[
            core_v1.EnvFromSource(prefix="P_", config_map_ref=core_v1.ConfigMapEnvSource(name="m")),
            core_v1.EnvFromSource(secret_ref=core_v1.SecretEnvSource(name="s")),
            core_v1.EnvFromSource(secret_ref=core_v1.SecretEnvSource(name="none", optional=True)),
        ],
    )
    assert found == {"PATH": "/bin", "IMAGE": "2", "P_a": "1", "P_b": "2", "word": "sesame", "c": "1-2-$(later)",
                     "later": "x"}  # fmt: skip


KEYS = [
    ("configmap", core_v1.ConfigMapKeySelector(name="m", key="a"), "1"),
    ("configmap", core_v1.ConfigMapKeySelector(name="m", key="z", optional=True), None),
    ("configmap", core_v1.ConfigMapKeySelector(name="z", key="z", optional=True), None),
    ("configmap", core_v1.ConfigMapKeySelector(name="z", key="a"), 'configmap "z" not found'),
    ("configmap", core_v1.ConfigMapKeySelector(name="m", key="z"), "couldn't find key z in ConfigMap default/m"),
    ("secret", core_v1.SecretKeySelector(name="s", key="word"), "sesame"),
    ("secret", core_v1.SecretKeySelector(name="z", key="word"), 'secret "z" not found'),
    ("secret", core_v1.SecretKeySelector(name="s", key="z"), "couldn't find key z in Secret default/s"),
]


@pytest.mark.parametrize(("kind", "selector", "expected"), KEYS)
def test_keys(kind: str, selector: object, expected: str | None) -> None:
    made = var("v", **{"config_map_key_ref" if kind == "configmap" else "secret_key_ref": selector})
    if expected is not None and " " in expected:
        with pytest.raises(ConfigProblem, match=expected):
            env(made)
    else:
        assert env(made).get("v") == expected


FIELDS = [
    ("metadata.name", "web"), ("metadata.namespace", "default"), ("metadata.labels['app']", "shop"),
    ("metadata.annotations['a.b/c']", "d"), ("metadata.labels['none']", ""), ("spec.nodeName", "n1"),
    ("status.hostIP", "192.0.2.7"), ("status.podIP", "192.0.2.7"), ("metadata.labels", 'app="shop"'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), FIELDS)
def test_fields(path: str, expected: str) -> None:
    made = pod()
    made.metadata.labels, made.metadata.annotations = {"app": "shop"}, {"a.b/c": "d"}
    assert field_value(made, path, NODE) == expected


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ConfigProblem, match=r"unsupported fieldPath: spec\.containers"):
        field_value(pod(), "spec.containers", NODE)


AMOUNTS = [
    ("limits.cpu", "1", "2"), ("limits.cpu", "1m", "1500"), ("requests.cpu", "1", "1"),
    ("requests.memory", "1Mi", "64"),
    ("limits.memory", "1Gi", "8"), ("limits.cpu", "0", "2"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "divisor", "expected"), AMOUNTS)
def test_amounts_are_rounded_up_and_default_to_the_node(resource: str, divisor: str, expected: str) -> None:
    resources = core_v1.ResourceRequirements(limits={"cpu": "1500m"}, requests={"cpu": "100m", "memory": "64Mi"})
    web = container("web", resources=resources)
    selector = core_v1.ResourceFieldSelector(resource=resource, divisor=divisor)
    assert resource_value(pod("web", web), web, selector, NODE) == expected


LINES = [
    ([], [], ["/e"], ["c"], ["/e", "c"]),
    ([], ["x"], ["/e"], ["c"], ["/e", "x"]),
    (["/k"], [], ["/e"], ["c"], ["/k"]),
    (["/k"], ["$(A)"], ["/e"], ["c"], ["/k", "1"]),
]


@pytest.mark.parametrize(("command", "args", "entrypoint", "cmd", "expected"), LINES)
def test_command_lines(
    command: list[str], args: list[str], entrypoint: list[str], cmd: list[str], expected: list[str]
) -> None:
    assert command_line(container(command=command, args=args), entrypoint, cmd, {"A": "1"}) == expected


def test_no_command_at_all() -> None:
    with pytest.raises(ConfigProblem, match="no command specified"):
        command_line(container(), [], [], {})


def test_everything_that_is_referred_to_is_found() -> None:
    web = container(
        env=[var("a", config_map_key_ref=core_v1.ConfigMapKeySelector(name="m1", key="k")),
             var("b", secret_key_ref=core_v1.SecretKeySelector(name="s1", key="k"))],
        env_from=[core_v1.EnvFromSource(config_map_ref=core_v1.ConfigMapEnvSource(name="m2")),
                  core_v1.EnvFromSource(secret_ref=core_v1.SecretEnvSource(name="s2"))],
    )  # fmt: skip
    projected = core_v1.ProjectedVolumeSource(sources=[
        core_v1.VolumeProjection(config_map=core_v1.ConfigMapProjection(name="m4")),
        core_v1.VolumeProjection(secret=core_v1.SecretProjection(name="s4")),
    ])  # fmt: skip
    volumes = [
        core_v1.Volume(name="a", config_map=core_v1.ConfigMapVolumeSource(name="m3")),
        core_v1.Volume(name="b", secret=core_v1.SecretVolumeSource(secret_name="s3")),
        core_v1.Volume(name="c", projected=projected),
    ]
    found = references(pod("web", web, volumes=volumes))
    assert found == ({"m1", "m2", "m3", "m4"}, {"s1", "s2", "s3", "s4"})
