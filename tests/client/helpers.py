"""Objects as short as a test wants them."""

import msgspec

from k3py.client.port import EventType, Listing, WatchEvent
from k3py.model import codec
from k3py.model.generated.core_v1 import ConfigMap
from k3py.model.generated.meta_v1 import ObjectMeta


def config_map(name: str, version: int, uid: str = "", **data: str) -> ConfigMap:
    metadata = ObjectMeta(name=name, namespace="default", resource_version=str(version), uid=uid or f"uid-{name}")
    return ConfigMap(metadata=metadata, data=data)


def listing(version: int, *items: ConfigMap) -> Listing[ConfigMap]:
    return Listing(items, str(version))


def event(kind: EventType, obj: ConfigMap) -> WatchEvent[ConfigMap]:
    return WatchEvent(kind, obj)


def bookmark(version: int) -> WatchEvent[ConfigMap]:
    return WatchEvent(EventType.BOOKMARK, ConfigMap(metadata=ObjectMeta(resource_version=str(version))))


def list_json(version: str, *items: ConfigMap, kind: str = "ConfigMapList", following: str = "") -> bytes:
    return msgspec.json.encode(
        {
            "kind": kind,
            "apiVersion": "v1",
            "metadata": {"resourceVersion": version, "continue": following},
            "items": [msgspec.Raw(codec.encode(item)) for item in items],
        }
    )


def event_json(kind: str, obj: ConfigMap) -> bytes:
    return msgspec.json.encode({"type": kind, "object": msgspec.Raw(codec.encode(obj))}) + b"\n"
