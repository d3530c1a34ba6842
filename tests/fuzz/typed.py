"""Objects of every kind with any of their fields, each of the right type and with any value."""

import random
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from k3py.model.struct import Wire
from tests.fuzz.mutating import VALUES

DEPTH_MAX = 12
_TEXTS = [each for each in VALUES if isinstance(each, str)] + [
    "Deny", "NotIn", "Equal", "NoSchedule", "NoExecute", "Never", "OnFailure", "ClusterIP", "ExternalName", "NodePort",
    "TCP", "UDP", "Utilization", "Value", "AverageValue", "Resource", "Pods", "External", "Object", "Indexed", "Local",
    "Ready", "Unknown", "RollingUpdate", "OnDelete", "Parallel", "ReadWriteOnce", "Block", "Filesystem", "IPv4", "IPv6",
    "RequireDualStack", "SingleStack", "PreferDualStack", "Role", "ClusterRole", "User", "ServiceAccount", "FailJob",
    "Ignore", "Count", "DoNotSchedule", "ScheduleAnyway", "Socket", "Directory", "Localhost", "RuntimeDefault", "Exact",
    "Prefix", "HTTP", "HTTPS", "10.43.0.10", "fd00::1", "1", "100%", "linux", "windows", "example.com",
    "kubernetes.io/tls", "kubernetes.io/dockerconfigjson", "YQ==", "app", "x",
]  # fmt: skip
_NUMBERS = [each for each in VALUES if isinstance(each, int) and not isinstance(each, bool)] + [2, 10, 100, 443, 30_080]


@lru_cache(4_096)
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, inspect.Type], ...]:
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    return tuple((each.encode_name, each.type) for each in shape.fields)


def made(source: random.Random, kind: type[Wire], share: float) -> dict[str, Any]:
    """An object with about ``share`` of its fields, fewer further down."""
    return _struct(source, kind, share, 0)


def _struct(source: random.Random, kind: type[msgspec.Struct], share: float, depth: int) -> dict[str, Any]:
    return {
        name: _value(source, type_, share, depth + 1)
        for name, type_ in _fields(kind)
        if depth < DEPTH_MAX and source.random() < share
    }


def _value(source: random.Random, shape: inspect.Type, share: float, depth: int) -> Any:
    match shape:
        case inspect.StructType():
            return _struct(source, shape.cls, share * 0.9, depth)
        case inspect.UnionType():
            return _value(source, source.choice(shape.types), share, depth)
        case inspect.ListType():
            return [_value(source, shape.item_type, share, depth + 1) for _ in range(source.choice((0, 1, 1, 2, 3)))]
        case inspect.DictType():
            count = source.choice((0, 1, 1, 2))
            return {source.choice(_TEXTS): _value(source, shape.value_type, share, depth + 1) for _ in range(count)}
        case inspect.StrType():
            return source.choice(_TEXTS)
        case inspect.IntType():
            return source.choice(_NUMBERS)
        case inspect.BoolType():
            return source.random() < 0.5
        case inspect.NoneType():
            return None
        case _:
            return source.choice(VALUES)


def json_of(value: Any) -> bytes:
    """As a body."""
    return msgspec.json.encode(value)
