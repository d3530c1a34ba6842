"""Conflicts between appliers, in Kubernetes' words."""

import json
from collections.abc import Mapping

from k3py.model.errors import Cause, Conflict, Details
from k3py.objects.apply import elements
from k3py.objects.apply.fieldset import Tree, paths
from k3py.objects.apply.managed import Managed, Manager, Operation


class Conflicts(Conflict):
    """An apply would change what others own. ``sets``: manager -> the fields (set, root) that it would lose."""

    def __init__(self, sets: Mapping[Manager, Tree], managed: Managed) -> None:
        self.sets = dict(sorted(sets.items()))
        found = [
            (_who(manager, managed[manager].api_version), "".join(map(elements.text, path)))
            for manager, tree in self.sets.items()
            for path in paths(tree)
        ]
        causes = [Cause("FieldManagerConflict", f"conflict with {who}", path) for who, path in found]
        super().__init__(_message(found), Details(causes=causes))


def _message(found: list[tuple[str, str]]) -> str:
    if len(found) == 1:
        who, path = found[0]
        return f"Apply failed with 1 conflict: conflict with {who}: {path}"
    by_manager: dict[str, list[str]] = {}
    for who, path in found:
        by_manager.setdefault(who, []).append(path)
    lines = []
    for who, fields in by_manager.items():
        lines.append(f"conflicts with {who}:")
        lines += [f"- {path}" for path in fields]
    return f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)


def _who(manager: Manager, api_version: str) -> str:
    said = json.dumps(manager.name, ensure_ascii=False)
    if manager.subresource:
        said += f' with subresource "{manager.subresource}"'
    return f"{said} using {api_version}" if manager.operation is Operation.UPDATE else said
