"""JSON and YAML text to plain values, bounded, noticing keys that stand twice."""

import json
from typing import Any, Final

import yaml

# A body is bounded in bytes by the API; an alias makes much out of little, so what it stands for is bounded too.
YAML_NODES_MAX: Final = 200_000
# Deeper nesting is no Kubernetes object and would exhaust the stack.
DEPTH_MAX: Final = 500


class Duplicates:
    """What is said of keys that stand twice."""

    def __init__(self) -> None:
        self.said: list[str] = []


def load_json(data: bytes) -> tuple[Any, Duplicates]:
    """Plain values and the paths of duplicate fields; of these the last one counts.

    Raises:
        ValueError: the bytes are no JSON, or nested too deeply.
    """
    duplicates = Duplicates()
    try:
        pairs = json.loads(data, object_pairs_hook=_Pairs, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    return _resolved(pairs, "", 0, duplicates), duplicates


class _Pairs(list[tuple[str, Any]]):
    """An object's fields as they stand in the text."""


def _no_constant(text: str) -> None:
    raise ValueError(f"invalid character '{text[0]}' looking for beginning of value")


def _resolved(read: Any, path: str, depth: int, duplicates: Duplicates) -> Any:
    if depth > DEPTH_MAX:
        raise ValueError("exceeded max depth")
    if isinstance(read, _Pairs):
        result: dict[str, Any] = {}
        for key, each in read:
            place = f"{path}.{key}" if path else key
            value = _resolved(each, place, depth + 1, duplicates)
            if key in result:
                duplicates.said.append(f'duplicate field "{place}"')
                if isinstance(value, dict) and isinstance(result[key], dict):
                    value = {**result[key], **value}  # as Go's decoder, which decodes the second into the first
            result[key] = value
        return result
    if isinstance(read, list):
        return [_resolved(each, f"{path}[{index}]", depth + 1, duplicates) for index, each in enumerate(read)]
    return read


def load_yaml(data: bytes) -> tuple[Any, Duplicates]:
    """Plain values of one YAML document with JSON's types only.

    Raises:
        yaml.YAMLError: the bytes are no YAML, or more than the bounds let pass.
        ValueError: a value has no form in JSON.
    """
    duplicates = Duplicates()
    loader = _Loader(data, duplicates)
    try:
        return loader.get_single_data(), duplicates
    except RecursionError:
        raise yaml.YAMLError("exceeded max depth") from None
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps and other types that JSON has not, with bounds, noticing duplicate keys."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, data: bytes, duplicates: Duplicates) -> None:
        super().__init__(data)
        self._duplicates = duplicates

    def get_single_node(self) -> Any:
        """The document's node, once it is known how much it stands for."""
        node = super().get_single_node()
        if node is not None:
            _measure(node, {}, 0)
        return node

    def construct_json_map(self, node: yaml.MappingNode) -> dict[str, Any]:
        """An object; keys are made text, as Kubernetes' YAML reader does."""
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            text = key if isinstance(key, str) else json.dumps(key)
            if text in result:
                line = key_node.start_mark.line + 1
                self._duplicates.said.append(f'yaml: unmarshal errors:\n  line {line}: key "{text}" already set in map')
            result[text] = self.construct_object(value_node, deep=True)
        return result


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_json_map)


def _refused(loader: _Loader, node: yaml.Node) -> None:
    raise yaml.constructor.ConstructorError(None, None, f"cannot use {node.tag}", node.start_mark)


for _tag in ("set", "omap", "pairs", "binary", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _refused)


def _measure(node: yaml.Node, sizes: dict[int, int], depth: int) -> int:
    """How many values the node stands for when every alias is written out; refused when these are too many."""
    known = sizes.get(id(node))
    if known is not None:
        if known == 0:
            raise yaml.YAMLError("an anchor contains itself")
        return known
    if depth > DEPTH_MAX:
        raise yaml.YAMLError("exceeded max depth")
    sizes[id(node)] = 0
    size = 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            size += _measure(key, sizes, depth + 1) + _measure(value, sizes, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            size += _measure(each, sizes, depth + 1)
    if size > YAML_NODES_MAX:
        raise yaml.YAMLError("document contains excessive aliasing")
    sizes[id(node)] = size
    return size
