"""JSON values with parts changed at random: near enough to what is right to get far, wrong somewhere."""

import copy
import random
from collections.abc import Iterator
from typing import Any

Path = tuple[Any, ...]

VALUES: list[Any] = [
    None, 0, 1, -1, 3, 80, 65536, 2**31, 2**31 - 1, 2**53, 2**63 - 1, 2**63, 2**70, -(2**63), 1.5, 1e30, -0.0,
    "", "a", "A_b", "a.b/c", "x" * 70, "x" * 260, "é", "\u0000", "\ud7ff", "💥", " ", "\n", "../..", "a/b", "%",
    "1Gi", "500m", "50%", "150%", "-1", "1e9999", "0.0000000001", "9" * 40, "None", "null", "true", "0",
    "::1", "10.0.0.1", "10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0", "1.2.3.4/33", "fe80::1%eth0",
    "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000001Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "* * * * *", "@every 1h", "TZ=UTC * * * * *", "kubernetes.io/x", "example.com/a", "k3py.io/vpc",
    "hugepages-2Mi", "pods", "cpu", "LoadBalancer", "Always", "Recreate", "In", "Exists", "SCTP", "=", "!a", "a in (b)",
    True, False, [], {}, ["a"], ["a", "a"], [{}], [None], {"a": "b"}, {"": ""}, {"a": None}, [[]], {"$patch": "delete"},
]  # fmt: skip
"""Edges of types, sizes and syntaxes of many fields; each lands anywhere."""


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where everything inside of a value is."""
    if path:
        yield path
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from paths(each, (*path, key))


def mutated(source: random.Random, body: Any, changes: int = 3) -> Any:
    """A copy with one to ``changes`` parts removed, repeated, moved to another key, or given another value."""
    body = copy.deepcopy(body)
    for _ in range(source.randint(1, changes)):
        found = list(paths(body))
        if not found:
            return source.choice(VALUES)
        _change(source, body, source.choice(found), found)
    return body


def _change(source: random.Random, body: Any, path: Path, others: list[Path]) -> None:
    holder, key = at(body, path[:-1]), path[-1]
    action = source.random()
    if action < 0.15:
        del holder[key]
    elif action < 0.25 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif action < 0.35:
        holder[key] = copy.deepcopy(at(body, source.choice(others)))
    elif action < 0.4 and isinstance(holder, dict):
        holder[str(source.choice(VALUES))] = holder.pop(key)
    else:
        alike = [value for value in VALUES if type(value) is type(holder[key])]
        holder[key] = copy.deepcopy(source.choice(alike if alike and action < 0.85 else VALUES))


def at(value: Any, path: Path) -> Any:
    """What is at a path."""
    for part in path:
        value = value[part]
    return value
