"""In which form a client wants objects: as they are, as table rows, or only their metadata.

Kubernetes API Concepts, "Alternate representations of resources". JSON is always offered; clients that prefer
protobuf accept it too.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from k3py.api.http.messages import Request
from k3py.model.errors import NotAcceptable


class Form(Enum):
    """What an answer's object is rendered as."""

    OBJECT = ""
    TABLE = "Table"
    PARTIAL = "PartialObjectMetadata"


@dataclass(frozen=True)
class Wanted:
    """The form, whether as YAML, and for tables how much of each object comes along."""

    form: Form = Form.OBJECT
    yaml: bool = False
    include_object: str = "Metadata"


_JSON_TYPES = ("application/json", "application/*", "*/*", "")
_YAML_TYPES = ("application/yaml",)
_NOT_OFFERED = (
    "only the following media types are accepted: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf"
)


def wanted(request: Request) -> Wanted:
    """What the request's Accept header and ``includeObject`` ask for.

    Raises:
        NotAcceptable: nothing that is accepted can be given.
    """
    found = _accepted(request.header(b"accept"))
    if found.form is Form.TABLE:
        include = request.query.get("includeObject", ["Metadata"])[-1] or "Metadata"
        return Wanted(found.form, found.yaml, include)
    return found


@lru_cache(maxsize=256)
def _accepted(accept: str) -> Wanted:
    for item in accept.split(","):
        media, *rest = (each.strip() for each in item.split(";"))
        parameters = dict(each.partition("=")[::2] for each in rest)
        if media not in _JSON_TYPES and media not in _YAML_TYPES:
            continue
        kind = parameters.get("as", "")
        yaml = media in _YAML_TYPES
        if not kind:
            return Wanted(Form.OBJECT, yaml)
        if parameters.get("g") != "meta.k8s.io" or parameters.get("v") not in ("v1", "v1beta1"):
            continue
        if kind == "Table":
            return Wanted(Form.TABLE, yaml)
        if kind in ("PartialObjectMetadata", "PartialObjectMetadataList"):
            return Wanted(Form.PARTIAL, yaml)
    raise NotAcceptable(_NOT_OFFERED)
