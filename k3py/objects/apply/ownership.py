"""The rules of ownership: what an apply and an update make of an object and of what everybody owns.

Pure set work on trees, without names, times or texts. Source: Kubernetes' "Server-Side Apply" and the design page
"KEP-555: Server-side Apply".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from k3py.objects.apply.comparing import Comparison, compare
from k3py.objects.apply.conflicts import Conflicts
from k3py.objects.apply.fieldset import Pattern, Tree, covers, difference, excluding, including, intersection, union
from k3py.objects.apply.managed import Managed, Manager, Owned
from k3py.objects.apply.merging import merge, prune
from k3py.objects.apply.schema import Node
from k3py.objects.apply.values import field_set

Served = Callable[[str], bool]


@dataclass(frozen=True)
class Frame:
    """What every decision on one kind needs.

    ``node``: the kind's type. ``api_version``: in whose terms the object is written. ``served``: whether a version is
    still known; managers of others lose what they own. ``reset``: fields (set, root) that this way of writing cannot
    change and nobody comes to own through it; ``part``: where this way writes only some, those.
    """

    node: Node
    api_version: str
    served: Served
    reset: Tree
    part: Pattern | None = None

    def tracked(self, tree: Tree) -> Tree:
        """What of a set (root) somebody may come to own."""
        if self.part is not None:
            return including(tree, self.part)
        return excluding(tree, self.reset) if self.reset else tree


def apply(
    frame: Frame, live: Any, applied: Any, managed: Managed, manager: Manager, *, force: bool
) -> tuple[Any, Managed]:
    """The merged object and everybody's fields after an apply; times are left as they were.

    Raises:
        Conflicts: others own fields that would change, and ``force`` is not set.
        Unfit: the applied object does not fit the schema.
    """
    managed = _known(frame, managed)
    claimed = frame.tracked(field_set(applied, frame.node))
    last = managed.get(manager)
    after = dict(managed)
    after[manager] = Owned(frame.api_version, claimed, last.time if last is not None else "")
    merged = merge(live, applied, frame.node)
    if last is not None and not covers(claimed, last.tree):
        merged = _pruned(frame, merged, after, last.tree)
    difference_made = _compared(frame, live, merged)
    return merged, _settled(after, difference_made, manager, force=force)


def update(frame: Frame, live: Any, new: Any, managed: Managed, manager: Manager) -> tuple[Tree, Managed]:
    """What a write took over (set, root), and the fields of everybody, its manager included, without that."""
    made = _compared(frame, live, new)
    after = _settled(_known(frame, managed), made, None, force=True)
    return made.changed, after


def _known(frame: Frame, managed: Managed) -> Managed:
    if all(frame.served(owned.api_version) for owned in managed.values()):
        return managed
    return {key: owned for key, owned in managed.items() if frame.served(owned.api_version)}


def _compared(frame: Frame, live: Any, new: Any) -> Comparison:
    made = compare(live, new, frame.node)
    return Comparison(frame.tracked(made.changed), frame.tracked(made.removed))


def _settled(managed: Managed, made: Comparison, applier: Manager | None, *, force: bool) -> Managed:
    """Everybody but the applier loses what was changed or removed; who owns nothing any more is gone."""
    lost: dict[Manager, Tree] = {}
    if made.changed:
        for key, owned in managed.items():
            if key != applier and (taken := intersection(owned.tree, made.changed)):
                lost[key] = taken
        if lost and not force:
            raise Conflicts(lost, managed)
    result: Managed = {}
    for key, owned in managed.items():
        tree = owned.tree
        if key != applier:
            tree = difference(tree, lost[key]) if key in lost else tree
            tree = difference(tree, made.removed)
        if tree:
            result[key] = owned if tree is owned.tree else owned._replace(tree=tree, entry=None)
    return result


def _pruned(frame: Frame, merged: Any, managed: Managed, last: Tree) -> Any:
    """The merged object without what the applier applied last time and nobody applies or owns now."""
    owned: Tree = {}
    for each in managed.values():
        owned = union(owned, each.tree)
    return prune(merged, last, owned, frame.node) or {}
