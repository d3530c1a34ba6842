"""In which form a client wants objects: as they are, as table rows, or only their metadata.

Kubernetes API Concepts, "Alternate representations of resources". JSON and YAML are offered; clients that prefer
protobuf accept one of them, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from k3py.api.http.messages import Request
from k3py.api.parameters import first
from k3py.model.errors import BadRequest, Details, NotAcceptable


class Form(Enum):
    """What an answer's object is rendered as."""

    OBJECT = ""
    TABLE = "Table"
    PARTIAL = "PartialObjectMetadata"
    PARTIAL_LIST = "PartialObjectMetadataList"


@dataclass(frozen=True)
class Wanted:
    """The form and the version of ``meta.k8s.io`` it is in, whether as YAML, and for tables how much of each object
    comes along: ``Metadata``, ``Object`` or ``None``, as the client said it."""

    form: Form = Form.OBJECT
    yaml: bool = False
    include_object: str = ""
    version: str = "v1"

    @property
    def only_metadata(self) -> bool:
        """Whether objects are cut down to their metadata."""
        return self.form in (Form.PARTIAL, Form.PARTIAL_LIST)

    @property
    def included(self) -> str:
        """How much of each object comes along with a table.

        Raises:
            BadRequest: the client asked for something else than there is.
        """
        if self.include_object not in ("", "Metadata", "Object", "None"):
            raise BadRequest(
                f'Unable to convert to Table as requested: includeObject: Invalid value: "{self.include_object}": '
                "must be 'Metadata', 'Object', 'None', or empty"
            )
        return self.include_object or "Metadata"


_OBJECT_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_STREAM_TYPES = ("application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
_META_VERSIONS = ("v1", "v1beta1")
_ONLY = "only the following media types are accepted: "


def wanted(request: Request, *, collection: bool = False) -> Wanted:
    """What the request's Accept header and ``includeObject`` ask for; ``collection`` tells a list from one object.

    Raises:
        NotAcceptable: nothing that is accepted can be given.
    """
    found = _accepted(request.header(b"accept"), collection)
    if found.form is not Form.TABLE:
        return found
    return Wanted(found.form, found.yaml, first(request.query, "includeObject"), found.version)


def wanted_stream(request: Request) -> Wanted:
    """The same, for a watch.

    Raises:
        NotAcceptable: nothing that is accepted can be given as a stream.
        BadRequest: the client asked for more or less of an object than there is.
    """
    found = wanted(request, collection=True)
    if found.yaml:
        raise NotAcceptable(_ONLY + ", ".join(_STREAM_TYPES))
    if found.form is Form.TABLE:
        return Wanted(found.form, False, found.included, found.version)
    return found


@lru_cache(maxsize=256)
def _accepted(accept: str, collection: bool) -> Wanted:
    if not accept:
        return Wanted()
    items = accepted_media(accept)
    if not any(media in _OBJECT_TYPES or media == "*/*" for media, _ in items):
        offered = ", ".join(_OBJECT_TYPES + _STREAM_TYPES if collection else _OBJECT_TYPES)
        raise NotAcceptable(f"406: Not Acceptable\n\nAvailable representations: {offered}", Details())
    for media, parameters in sorted(items, key=_preference):
        yaml = media == "application/yaml"
        if yaml or media in ("application/json", "application/*", "*/*"):
            found = _offered(parameters, yaml)
            if found is not None:
                return found
    raise NotAcceptable(_ONLY + ", ".join(_OBJECT_TYPES))


def accepted_media(accept: str) -> list[tuple[str, Mapping[str, str]]]:
    """The media types in an Accept header, as they come, with their parameters (RFC 9110, section 12.5.1)."""
    return [_item(each) for each in accept.split(",")]


def _item(text: str) -> tuple[str, Mapping[str, str]]:
    media, *rest = (each.strip() for each in text.split(";"))
    return media, {name.strip(): value.strip() for name, _, value in (each.partition("=") for each in rest)}


def _preference(item: tuple[str, Mapping[str, str]]) -> tuple[bool, float]:
    media, parameters = item
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        quality = 0.0
    return media.endswith("*"), -quality


def _offered(parameters: Mapping[str, str], yaml: bool) -> Wanted | None:
    """What an item of the Accept header comes to; None when there is no such thing."""
    if parameters.get("stream", "watch") not in ("", "watch") or parameters.get("sv", "v1") not in ("", "v1"):
        return None
    if not parameters.keys() & {"as", "g", "v"}:
        return Wanted(yaml=yaml)
    version, name = parameters.get("v", ""), parameters.get("as", "")
    if parameters.get("g") != "meta.k8s.io" or version not in _META_VERSIONS or not name:
        return None
    try:
        return Wanted(Form(name), yaml, version=version)
    except ValueError:
        return None
