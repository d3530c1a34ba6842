"""What is said of an object that is sent where another kind belongs, in the words of Kubernetes' scheme."""

from typing import Any, Final

from k3py.model import codec
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.objects.go_types import mismatch
from k3py.objects.normalise import normalise

_SCHEME: Final = '"pkg/api/legacyscheme/scheme.go:30"'
# Registered in every group, or in the core, although nobody stores them.
_OPTIONS: Final = ("CreateOptions", "DeleteOptions", "GetOptions", "ListOptions", "PatchOptions", "UpdateOptions")
_CORE_ONLY: Final = ("List", "Status", "APIGroup", "APIGroupList", "APIResourceList", "APIVersions")
_SUFFIX: Final = "List"


def misplaced(kind: Kind, api_version: str, name: str, value: Any) -> str:
    """Why an object that says it is ``name`` of ``api_version`` is no ``kind``.

    Empty when it is the same kind in another version, which would be understood but is not what the URL says.
    """
    found = KINDS.named(api_version, name)
    if found is not None:
        if _internal(found) == _internal(kind):
            return ""
        return _unreadable(found, value) or _unknown_conversion(api_version, name, kind)
    listed = name.endswith(_SUFFIX) and KINDS.named(api_version, name.removesuffix(_SUFFIX)) is not None
    is_meta = name in _OPTIONS or (name in _CORE_ONLY and api_version == "v1")
    if listed or (is_meta and any(each.api_version == api_version for each in KINDS)):
        return _unknown_conversion(api_version, name, kind)
    return f'no kind "{name}" is registered for version "{api_version}" in scheme {_SCHEME}'


def _unknown_conversion(api_version: str, name: str, kind: Kind) -> str:
    version = api_version.rpartition("/")[2]
    package, internal = _internal(kind)
    return f"converting ({version}.{name}) to ({package}.{internal}): unknown conversion"


def _internal(kind: Kind) -> tuple[str, str]:
    """Go package and name of the type that all versions of a kind are converted to."""
    group = "" if kind.group == "events.k8s.io" else kind.group
    return group.partition(".")[0] or "core", kind.name


def _unreadable(kind: Kind, value: Any) -> str:
    """What is wrong with the object as what it says it is."""
    try:
        normalise(codec.convert(kind.type, value, lenient=True)[0])
    except (ValueError, RecursionError) as error:
        wrong = mismatch(kind.type, value)
        return str(error) if wrong is None else wrong.as_json()
    return ""
