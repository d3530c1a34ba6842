"""What a check says of an object, as field and message."""

from typing import Any

import msgspec

from k3py.objects.fields import Errors


def said(check: Any, *objects: Any) -> list[str]:
    """Run a check on fresh errors."""
    wrong = Errors()
    check(*objects, wrong)
    return [f"{each.field}: {each.message}" for each in wrong.causes]


def made(kind: Any, **fields: Any) -> Any:
    """An object from its JSON values."""
    return msgspec.convert(fields, kind)
