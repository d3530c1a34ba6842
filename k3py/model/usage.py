"""What an agent says of its node's use of CPU and memory: the answer to a ``NodeStats`` stream, as JSON.

Times are seconds since 1970, ``cpu_nanoseconds`` counts up since the start of what it is of, ``cpu_nanocores`` is the
mean over the last ``window_seconds``, memory is in bytes. ``working_set_bytes`` is use less inactive file pages.
"""

from typing import Final

import msgspec

# 110 pods of 30 containers each, with the longest names, stay below.
NODE_USAGE_BYTES_MAX: Final = 4 * 1024 * 1024


class Usage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The use of one container, or of a whole node, until the moment ``at``."""

    at: float
    window_seconds: float
    cpu_nanoseconds: int
    cpu_nanocores: int
    memory_usage_bytes: int
    working_set_bytes: int


class ContainerUsage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A running container; ``usage`` is None while there are not two moments to compare."""

    name: str
    started_at: float
    usage: Usage | None = None


class PodUsage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A pod's running containers, ephemeral and init ones among them."""

    namespace: str
    name: str
    uid: str
    containers: list[ContainerUsage] = []


class NodeUsage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One node with all that runs on it. ``booted_at`` is when its CPU time began to count."""

    usage: Usage | None = None
    booted_at: float = 0.0
    pods: list[PodUsage] = []


_decoder: Final = msgspec.json.Decoder(NodeUsage)


def encode_usage(usage: NodeUsage) -> bytes:
    """The usage as JSON."""
    return msgspec.json.encode(usage)


def decode_usage(data: bytes) -> NodeUsage:
    """The usage from its JSON; unknown fields are passed over, the agent may be newer.

    Raises:
        ValueError: it is none.
    """
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(f"cannot read the node's usage: {error}") from error
