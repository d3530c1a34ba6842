"""Objects to stored bytes: encoded once, with the revision they are stored at, and the header beside them."""

import re
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, Final, get_args

from k3py.model.codec import encode_sorted, fields_of
from k3py.model.errors import RequestTooLarge
from k3py.model.generated import autoscaling_v2, batch_v1, core_v1, discovery_v1, rbac_v1
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.store.records import Encoded

# As much as Kubernetes' store takes (etcd's request limit); a larger object would slow every list and watch.
OBJECT_BYTES_MAX: Final = 3 << 19

encode = encode_sorted


# Lists that are written even when they are empty, which then read null: so Kubernetes gives them back from its store.
# Within a string the quotes would be escaped, and nothing else in these kinds has such a member.
_ALWAYS_WRITTEN: Final[dict[type[Wire], tuple[bytes, ...]]] = {
    autoscaling_v2.HorizontalPodAutoscaler: (b'"currentMetrics":',),
    batch_v1.CronJob: (b'"rules":',),
    batch_v1.Job: (b'"rules":',),
    discovery_v1.EndpointSlice: (b'"endpoints":', b'"ports":'),
    rbac_v1.ClusterRole: (b'"rules":',),
    rbac_v1.Role: (b'"rules":',),
}


def encoded(kind: Kind, obj: Any, revision: int) -> Encoded:
    """The object as the store takes it; sets ``metadata.resourceVersion``.

    Raises:
        RequestTooLarge: the object has more than ``OBJECT_BYTES_MAX`` bytes.
    """
    meta = obj.metadata
    meta.resource_version = str(revision)
    return Encoded(encode_bounded(obj), meta.uid, meta.labels, selectable_fields(kind, obj))


def encode_bounded(obj: Wire) -> bytes:
    """The object's JSON.

    Raises:
        RequestTooLarge: it has more than ``OBJECT_BYTES_MAX`` bytes.
    """
    raw = encode(obj)
    for member in _ALWAYS_WRITTEN.get(type(obj), ()):
        raw = raw.replace(member + b"[]", member + b"null")
    if len(raw) > OBJECT_BYTES_MAX:
        raise RequestTooLarge(f"Request entity too large: limit is {OBJECT_BYTES_MAX}")
    return raw


def at_revision(raw: bytes, revision: int) -> bytes:
    """An encoded object's bytes with another revision as its resource version."""
    return _RESOURCE_VERSION.sub(b'"resourceVersion":"%d"' % revision, raw, count=1)


def tombstone(raw: bytes, revision: int) -> bytes:
    """A deleted object's bytes, with the deletion's revision as its resource version."""
    return at_revision(raw, revision)


# The first one is the object's own: metadata comes right after kind and apiVersion, resourceVersion before any map
# of the user's, and a quote within a string is escaped.
_RESOURCE_VERSION: Final = re.compile(rb'"resourceVersion":"\d+"')


def selectable_fields(kind: Kind, obj: Any) -> tuple[str, ...]:
    """The values of the kind's selectable fields, in its order, as field selectors compare them."""
    return _reader(kind.type, tuple(kind.selectable))(obj)


Reader = Callable[[Any], tuple[str, ...]]


@cache
def _reader(kind: type[Wire], selectable: tuple[str, ...]) -> Reader:
    """Reads all fields of a kind at once where no part of their paths can be absent."""
    special = any((kind, field) in _SPECIAL for field in selectable)
    paths = [] if special else [_attributes(kind, field) for field in selectable]
    if len(paths) < 2 or any(optional for _, optional in paths):
        getters = _getters(kind, selectable)
        return lambda obj: tuple([getter(obj) for getter in getters])
    values_of = attrgetter(*[".".join(attributes) for attributes, _ in paths])
    return lambda obj: tuple([each if each.__class__ is str else _text(each) for each in values_of(obj)])


@cache
def _getters(kind: type[Wire], selectable: tuple[str, ...]) -> tuple[Callable[[Any], str], ...]:
    return tuple(_SPECIAL.get((kind, field)) or _getter(kind, field) for field in selectable)


def _event_source(event: core_v1.Event) -> str:
    source = event.source.component if event.source is not None else ""
    return source or event.reporting_component


def _successful(job: batch_v1.Job) -> str:
    return str(job.status.succeeded)


_SPECIAL: Final[dict[tuple[type[Wire], str], Callable[[Any], str]]] = {
    (core_v1.Event, "source"): _event_source,
    (batch_v1.Job, "status.successful"): _successful,
}


def _attributes(kind: type[Wire], path: str) -> tuple[list[str], bool]:
    """The attributes on the way to a field, and whether one before the last may be absent."""
    attributes: list[str] = []
    optional = False
    holder: Any = kind
    parts = path.split(".")
    for number, part in enumerate(parts):
        hints = fields_of(holder)
        attributes.append(holder.__struct_fields__[list(hints).index(part)])
        if number + 1 < len(parts):
            arms = get_args(hints[part]) or (hints[part],)
            optional = optional or type(None) in arms
            holder = next(arm for arm in arms if isinstance(arm, type) and issubclass(arm, Wire))
    return attributes, optional


def _getter(kind: type[Wire], path: str) -> Callable[[Any], str]:
    attributes, _ = _attributes(kind, path)

    def get(obj: Any) -> str:
        value = obj
        for attribute in attributes:
            if value is None:
                return ""
            value = getattr(value, attribute)
        return value if isinstance(value, str) else _text(value)

    return get


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
