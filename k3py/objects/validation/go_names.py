"""Values as messages show them that Kubernetes prints from a type without names of its own: Go's field names.

Types of ``meta`` keep the names that they have on the wire.
"""

from typing import Any

from k3py.model import codec
from k3py.model.generated import meta_v1
from k3py.model.struct import Wire


def go_names(value: Any) -> Any:
    """Plain values with Go's field names: unset fields are null, and so are empty lists."""
    if isinstance(value, Wire):
        if type(value).__module__ == meta_v1.__name__:
            return codec.to_plain(value)
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {wire[0].upper() + wire[1:]: go_names(getattr(value, name)) for wire, name in names}
    if isinstance(value, list):
        return [go_names(each) for each in value] or None
    return value
