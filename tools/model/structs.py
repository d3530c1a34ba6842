"""Writes msgspec Struct classes that decode and encode exactly what Kubernetes' Go structs do.

Go's rules, field by field: a pointer is absent unless set; a value with ``omitempty`` is left out when it is zero,
except a struct, which ``omitempty`` never leaves out; a value without it is always written.
"""

import keyword
import re
from collections.abc import Mapping

from tools.model.go_types import GoField
from tools.model.kinds import API, ROOTS, definition_name

Types = Mapping[str, list[GoField]]
_PACKAGE = "k8s.io/apimachinery/pkg/"
SPECIAL_TYPES = {
    _PACKAGE + "api/resource.Quantity": "Quantity",
    _PACKAGE + "apis/meta/v1.Time": "str",
    _PACKAGE + "apis/meta/v1.MicroTime": "str",
    _PACKAGE + "apis/meta/v1.Duration": "str",
    _PACKAGE + "apis/meta/v1.FieldsV1": "Raw",
    _PACKAGE + "runtime.RawExtension": "Any",
    _PACKAGE + "util/intstr.IntOrString": "IntOrString",
}
# What Go writes for the zero value of a special type without a pointer.
_SPECIAL_ZERO = {
    "Quantity": ("Quantity", "field(default_factory=zero_quantity)"),
    "str": ("str | None", "field(default_factory=null)"),
    "Raw": ("Raw", "Raw()"),
    "Any": ("Any", "None"),
    "IntOrString": ("IntOrString", "field(default_factory=zero_int)"),
}
_BASIC = {
    "string": ("str", '""', "empty_string"),
    "bool": ("bool", "False", "false"),
    "int32": ("Int32", "0", "zero_int"),
    "int64": ("Int64", "0", "zero_int"),
    "uint8": ("int", "0", "zero_int"),
    "[]uint8": ("bytes", 'b""', "empty_bytes"),
    "float64": ("float", "0.0", "zero_float"),
}


def snake(name: str) -> str:
    """``hostIPs`` -> ``host_ips``; a Python keyword gets a trailing underscore."""
    text = re.sub(r"([A-Z]{2,})s(?![a-z])", lambda match: match[1].capitalize() + "s", name)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    text = re.sub(r"\W", "_", text).lower()
    return text + "_" if keyword.iskeyword(text) else text


def camel(name: str) -> str:
    """How ``k3py.model.struct.wire`` renders a field name that is no exception."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def module_of(go_name: str) -> str:
    """``k8s.io/api/core/v1.Pod`` -> ``core_v1``."""
    package = go_name.rpartition(".")[0]
    return "meta_v1" if "/meta/" in package else "_".join(package.removeprefix(API).split("/"))


def group_versions() -> dict[str, str]:
    """Full Go name of each root kind -> its apiVersion."""
    groups = {
        "core": "", "rbac": "rbac.authorization.k8s.io", "networking": "networking.k8s.io",
        "discovery": "discovery.k8s.io", "authentication": "authentication.k8s.io",
        "authorization": "authorization.k8s.io", "coordination": "coordination.k8s.io", "events": "events.k8s.io",
        "scheduling": "scheduling.k8s.io", "storage": "storage.k8s.io", "node": "node.k8s.io",
        "certificates": "certificates.k8s.io",
    }  # fmt: skip
    result = {}
    for path, kinds in ROOTS.items():
        group, version = path.split("/")
        group = groups.get(group, group)
        for kind in kinds:
            result[f"{API}{path}.{kind}"] = f"{group}/{version}" if group else version
    return result


def closure(types: Types, roots: list[str]) -> list[str]:
    """The roots and all they refer to, referenced ones first."""
    order: list[str] = []
    state: dict[str, bool] = {}

    def visit(name: str) -> None:
        if name in state or name not in types or name in SPECIAL_TYPES:
            return
        state[name] = True
        for each in types[name]:
            for reference in re.findall(r"k8s\.io/[\w./-]+", each.type):
                visit(reference)
        order.append(name)

    for root in roots:
        visit(root)
    return order


class Writer:
    """One module's source."""

    def __init__(self, module: str, types: Types) -> None:
        self._module = module
        self._types = types
        self._imports: set[str] = set()
        self._classes: list[str] = []

    def _python(self, go_type: str) -> str:
        if go_type.startswith("*"):
            return f"{self._python(go_type[1:])} | None"
        if go_type in _BASIC:
            return _BASIC[go_type][0]
        if go_type.startswith("[]"):
            return f"list[{self._python(go_type[2:])}]"
        if go_type.startswith("map["):
            return f"dict[str, {self._python(go_type.partition(']')[2])}]"
        if go_type in SPECIAL_TYPES:
            return SPECIAL_TYPES[go_type]
        module, name = module_of(go_type), go_type.rpartition(".")[2]
        if module == self._module:
            return name
        self._imports.add(module)
        return f"{module}.{name}"

    def _declaration(self, each: GoField) -> tuple[str, str]:
        """Python type and default of a field."""
        python, keep = self._python(each.type), "omitempty" not in each.options
        if python == "Raw | None":
            return _SPECIAL_ZERO["Raw"]  # a Raw of no bytes is absent: msgspec reads no choice between one and nothing
        if each.type.startswith("*"):
            return python, "field(default_factory=null)" if keep else "None"
        if each.type in _BASIC:
            _, zero, factory = _BASIC[each.type]
            return python, f"field(default_factory={factory})" if keep else zero
        if each.type.startswith("[]"):
            return python, "field(default_factory=empty_list)" if keep else "[]"
        if each.type.startswith("map["):
            return python, "field(default_factory=empty_dict)" if keep else "{}"
        if each.type in SPECIAL_TYPES:
            if "omitzero" in each.options:
                return python, '""'
            return _SPECIAL_ZERO[python]
        return python, f"field(default_factory={python})"

    def _flattened(self, go_name: str) -> list[GoField]:
        fields = []
        for each in self._types[go_name]:
            inline = not each.json_name or "inline" in each.options
            fields += self._flattened(each.type) if inline else [each]
        return fields

    def add(self, go_name: str, api_version: str | None) -> None:
        name = go_name.rpartition(".")[2]
        lines, exceptions = [], []
        if api_version is not None:
            lines.append(f'    kind: str = field(default_factory=lambda: "{name}")')
            lines.append(f'    api_version: str = field(default_factory=lambda: "{api_version}")')
        for each in self._flattened(go_name):
            attribute = snake(each.json_name)
            if camel(attribute) != each.json_name:
                exceptions.append(f'{attribute}="{each.json_name}"')
            python, default = self._declaration(each)
            lines.append(f"    {attribute}: {python} = {default}")
        rename = f", rename=wire({', '.join(exceptions)})" if exceptions else ""
        body = "\n".join(lines) or "    pass"
        self._classes.append(f'class {name}(Wire{rename}):\n    """{definition_name(go_name)}"""\n\n{body}\n')

    def source(self, version: str) -> str:
        imports = ", ".join(sorted(self._imports))
        helpers = sorted(
            name
            for name in ("Int32", "Int64", "IntOrString", "Quantity", "Wire", "empty_bytes", "empty_dict", "empty_list",
                         "empty_string", "false", "null", "wire", "zero_float", "zero_int", "zero_quantity")
            if any(re.search(rf"\b{name}\b", text) for text in self._classes)
        )  # fmt: skip
        everything = "\n".join(self._classes)
        lines = [
            f'"""Generated from Kubernetes {version} by tools/generate_model.py; do not edit."""',
            "",
            "from typing import Any" if re.search(r"\bAny\b", everything) else "",
            "from msgspec import " + ("Raw, field" if re.search(r"\bRaw\b", everything) else "field"),
            f"from k3py.model.generated import {imports}" if imports else "",
            f"from k3py.model.struct import {', '.join(helpers)}",
        ]
        return "\n".join(line for line in lines if line or line == lines[1]) + "\n\n\n" + "\n\n".join(self._classes)
