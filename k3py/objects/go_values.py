"""Plain JSON values as Go prints them: in the words that people know from Kubernetes' refusals."""

import json
from decimal import Decimal
from typing import Any, Final

_TYPES: Final = {
    dict: "map[string]interface {}",
    list: "[]interface {}",
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    type(None): "<nil>",
}


def type_name(value: Any) -> str:
    """``%T``: the type of a value."""
    return _TYPES[type(value)]


def go_text(value: Any) -> str:
    """``%v``: ``map[a:1 b:[x y]]``."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_text(each)}' for key, each in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(go_text(each) for each in value)}]"
    return "<nil>" if value is None else value if isinstance(value, str) else _scalar(value)


def go_syntax(value: Any) -> str:
    """``%#v``: ``map[string]interface {}{"a":1}``."""
    if isinstance(value, dict):
        inner = ", ".join(
            f"{json.dumps(key, ensure_ascii=False)}:{go_syntax(each)}" for key, each in sorted(value.items())
        )
        return f"{type_name(value)}{{{inner}}}"
    if isinstance(value, list):
        return f"{type_name(value)}{{{', '.join(map(go_syntax, value))}}}"
    if value is None:
        return "interface {}(nil)"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _scalar(value)


def _scalar(value: float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float(value) if isinstance(value, float) else str(value)


def _float(number: float) -> str:
    """The shortest text of a float64, with an exponent where it is below -4 or above 5."""
    exact = Decimal(repr(number)).normalize()
    exponent = exact.adjusted()
    if not number or -4 <= exponent < 6:
        return format(exact, "f")
    mantissa = format(exact.scaleb(-exponent), "f")
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"
