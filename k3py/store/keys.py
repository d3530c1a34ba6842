"""The keys of the log's rows, and nothing but them."""

from typing import Final

REGISTRY: Final = b"/registry/"
CHANGES: Final = b"/changes/"
FLOORS: Final = b"/floors/"
CEILING: Final = b"/meta/ceiling"
FORMAT: Final = b"/meta/format"
META: Final = b"/meta/"


def registry_key(collection: str, namespace: str, name: str) -> bytes:
    """``/registry/pods/default/web-1``, or ``/registry/nodes/n1`` for a cluster-wide object.

    Raises:
        ValueError: a part is empty or has a slash, so that the key would be another object's.
    """
    if not name or "/" in name or "/" in namespace:
        raise ValueError(f"cannot store {collection} {namespace!r}/{name!r}: a name has no slash and is not empty")
    if namespace:
        return f"/registry/{collection}/{namespace}/{name}".encode()
    return f"/registry/{collection}/{name}".encode()


def change_key(revision: int) -> bytes:
    """``/changes/00000000000000000017``: twenty digits, so that the order of keys is that of revisions."""
    return b"/changes/%020d" % revision


def floor_key(collection: str) -> bytes:
    """The row that says below which revision a collection's changes are no longer kept."""
    return FLOORS + collection.encode()
