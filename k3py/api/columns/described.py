"""What a column means, in the words that the OpenAPI document has for the field behind it."""

from functools import cache
from typing import Final

import msgspec

from k3py.model.definitions import schemas
from k3py.model.struct import Wire


class _Field(msgspec.Struct):
    description: str = ""


class _Schema(msgspec.Struct):
    properties: dict[str, _Field] = {}


_schema: Final = msgspec.json.Decoder(_Schema)


def meaning(kind: type[Wire], field: str) -> str:
    """The description of a field (its JSON name) of a Struct class; the class's docstring names its definition.

    Raises:
        LookupError: the definition or the field is not known.
    """
    return _schemas()[(kind.__doc__ or "").strip()].properties[field].description


@cache
def _schemas() -> dict[str, _Schema]:
    """Only descriptions are kept: the schemas themselves are seldom asked for."""
    return {name: _schema.decode(raw) for name, raw in schemas().items()}
