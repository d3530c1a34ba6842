"""Which writes are too much work for the event loop, told from their bytes before anything is made of them.

What a write costs follows from how much it names rather than from its size: a container of 25 bytes takes a hundred
microseconds of defaults, checks and managed fields, a text of 25 kB one. Estimates are upper ones: what is counted in
texts, too, only makes a write heavier than it is, and a heavy write loses some milliseconds and nothing else.
"""

from typing import Final

from k3py.api.applying import is_json
from k3py.model.errors import RequestTooLarge
from k3py.objects.decode import PROTOBUF, YAML
from k3py.objects.options import APPLY_PATCH, PatchType

# Reading, writing and comparing so many bytes of anything takes a millisecond or two.
BYTES_MAX: Final = 96 * 1024
# Entries of lists that are objects, as containers and their mounts: 20 to 100 microseconds each. Few pods have more.
ENTRIES_MAX: Final = 128
# Objects and values altogether: 5 to 10 microseconds each. Managed fields have hundreds in a normal object.
OBJECTS_MAX: Final = 1_024
VALUES_MAX: Final = 1_024
# Values of YAML are read one by one in Python, 10 microseconds each.
YAML_VALUES_MAX: Final = 128
# Protobuf names nothing: two bytes can be an entry. Most objects have fewer.
PROTOBUF_BYTES_MAX: Final = 2 * 1024
# Reviews, bindings, evictions and options in protobuf: only read, never completed or compared.
PROTOBUF_QUESTION_BYTES_MAX: Final = 16 * 1024
# JSON of so few bytes passes none of these bounds.
LIGHT_BYTES: Final = 2 * ENTRIES_MAX
# Most objects; what is stored has defaults, and so at least so many bytes an entry.
LIGHT_STORED_BYTES: Final = 30 * ENTRIES_MAX


def is_heavy(data: bytes, media_type: str) -> bool:
    """Whether the body of a write is much work. ``media_type`` has no parameters."""
    if media_type == PROTOBUF:
        return len(data) > PROTOBUF_BYTES_MAX
    if media_type == YAML or (media_type == APPLY_PATCH and not is_json(data)):
        return _is_heavy_yaml(data)
    if len(data) <= LIGHT_BYTES:
        return False
    # Copies make much out of little.
    return _is_heavy_json(data) or (media_type == PatchType.JSON.value and b"copy" in data)


def is_heavy_stored(raw: bytes) -> bool:
    """Whether changing a stored object, whatever the change, is much work."""
    return len(raw) > LIGHT_STORED_BYTES and _is_heavy_json(raw)


def check_question(data: bytes, media_type: str) -> None:
    """What is only asked, and not kept (reviews, bindings, options of deletions), is never much work: it is small.

    Raises:
        RequestTooLarge: it is not.
    """
    if media_type == PROTOBUF:
        if len(data) > PROTOBUF_QUESTION_BYTES_MAX:
            raise RequestTooLarge(f"Request entity too large: limit is {PROTOBUF_QUESTION_BYTES_MAX}")
    elif is_heavy(data, media_type):
        said = f"limit is {BYTES_MAX}, with {VALUES_MAX} values and {ENTRIES_MAX} objects in lists"
        raise RequestTooLarge(f"Request entity too large: {said}")


def _is_heavy_json(data: bytes) -> bool:
    if len(data) > BYTES_MAX:
        return True
    if len(data) - len(data.translate(None, b"{[,")) <= ENTRIES_MAX:  # most bodies, looked at once
        return False
    objects = data.count(b"{")
    return (
        objects > OBJECTS_MAX
        or objects - data.count(b'":{') - data.count(b'": {') > ENTRIES_MAX
        or data.count(b",") > VALUES_MAX
        or data.count(b"[") > OBJECTS_MAX
    )


def _is_heavy_yaml(data: bytes) -> bool:
    # Who writes aliases lets little stand for much.
    if len(data) > BYTES_MAX or b"*" in data:
        return True
    marks = (b"\n", b",", b"[", b"{")
    return len(data) > YAML_VALUES_MAX and sum(data.count(mark) for mark in marks) > YAML_VALUES_MAX
