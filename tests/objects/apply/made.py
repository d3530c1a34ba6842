"""Made-up Deployments for properties: a few values, so that managers meet in the same fields."""

from typing import Any

from hypothesis import strategies as st

from k3py.model import codec
from k3py.model.generated import apps_v1
from k3py.model.kinds import KINDS
from k3py.objects.apply import Target, target_of

MANAGERS = ("one", "two", "three")


def deployments(subresource: str = "") -> Target:
    return target_of(KINDS.of(apps_v1.Deployment), subresource)


def _name(item: Any) -> Any:
    return item["name"]


_few = st.sampled_from(["a", "b", "c"])
_texts = st.dictionaries(_few, _few, max_size=3)
_env = st.lists(
    st.fixed_dictionaries({"name": _few}, optional={"value": _few}), max_size=3, unique_by=lambda e: e["name"]
)


def _port_key(port: Any) -> tuple[Any, ...]:
    return (port["containerPort"], port.get("protocol", "TCP"))


_port: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"containerPort": st.sampled_from([80, 81])},
    optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": _few},
)
_ports = st.lists(_port, max_size=3, unique_by=_port_key)
_container = st.fixed_dictionaries(
    {"name": _few}, optional={"image": _few, "env": _env, "ports": _ports, "args": st.lists(_few, max_size=2)}
)
_pod = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(_container, max_size=3, unique_by=_name),
        "nodeSelector": _texts,
        "tolerations": st.lists(st.fixed_dictionaries({"key": _few}), max_size=2),
        "securityContext": st.fixed_dictionaries({}, optional={"runAsUser": st.integers(0, 2)}),
    },
)
_spec = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 2),
        "paused": st.booleans(),
        "selector": st.fixed_dictionaries({"matchLabels": _texts}),
        "strategy": st.fixed_dictionaries({}, optional={"type": _few}),
        "template": st.fixed_dictionaries(
            {}, optional={"spec": _pod, "metadata": st.fixed_dictionaries({}, optional={"labels": _texts})}
        ),
    },
)
_metadata = st.fixed_dictionaries(
    {"name": st.just("x")},
    optional={"labels": _texts, "annotations": _texts, "finalizers": st.lists(_few, max_size=3, unique=True)},
)


def objects() -> st.SearchStrategy[dict[str, Any]]:
    """What somebody may apply."""
    return st.fixed_dictionaries(
        {"apiVersion": st.just("apps/v1"), "kind": st.just("Deployment"), "metadata": _metadata},
        optional={"spec": _spec},
    )


def stored(obj: dict[str, Any], managed_fields: Any) -> dict[str, Any]:
    """The object as it is kept: as its type writes it, with a uid and its managed fields."""
    typed, _ = codec.convert(apps_v1.Deployment, obj)
    kept: dict[str, Any] = codec.to_plain(typed)
    kept["metadata"] = {**kept["metadata"], "uid": "u", "managedFields": list(managed_fields)}
    return kept


def bare(obj: dict[str, Any]) -> dict[str, Any]:
    """Without managed fields."""
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}
