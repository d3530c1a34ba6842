"""Who owns what: controller references, and taking in or letting go what a selector says (``adopt`` and ``release``).

Kubernetes' rules (``ControllerRefManager``): an object belongs to the one owner with ``controller: true``; one without
such an owner that the selector matches is adopted; one of ours that it no longer matches is released.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from k3py.controllers.actions import Action, Patch, target
from k3py.model.codec import to_plain
from k3py.model.generated import meta_v1

T = TypeVar("T")

BY_OWNER: Final = "controller"
"""Name of the index ``by_owner``."""


def controller_of(meta: meta_v1.ObjectMeta) -> meta_v1.OwnerReference | None:
    """The owner that manages the object, or None."""
    return next((owner for owner in meta.owner_references if owner.controller), None)


def controller_uid(meta: meta_v1.ObjectMeta) -> str:
    """uid of the owner that manages the object; empty for an orphan."""
    owner = controller_of(meta)
    return owner.uid if owner else ""


def by_owner(value: Any) -> Iterable[str]:
    """Index: uid of the managing owner, or ``orphans_of`` the namespace."""
    return (controller_uid(value.metadata) or orphans_of(value.metadata.namespace),)


def orphans_of(namespace: str) -> str:
    """The index value of a namespace's objects that nobody manages."""
    return f"orphans/{namespace}"


def owned_by(owner: Any) -> meta_v1.OwnerReference:
    """The reference that makes ``owner`` the controller of an object, and holds back its foreground deletion."""
    return meta_v1.OwnerReference(
        api_version=owner.api_version,
        kind=owner.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def claim(
    owner: Any, matches: Callable[[meta_v1.ObjectMeta], bool], candidates: Iterable[T]
) -> tuple[list[T], list[Action]]:
    """The candidates that are the owner's now, and the patches that adopt or release.

    One that is being adopted counts as ours at once, so that no replacement is made for it.
    """
    mine: list[T] = []
    actions: list[Action] = []
    uid = owner.metadata.uid
    leaving = owner.metadata.deletion_timestamp is not None
    for each in candidates:
        meta: meta_v1.ObjectMeta = each.metadata  # type: ignore[attr-defined]
        manager = controller_uid(meta)
        if manager:
            if manager != uid:
                continue
            if matches(meta):
                mine.append(each)
            elif not leaving:
                actions.append(_release(each, uid))
        elif not leaving and meta.deletion_timestamp is None and matches(meta):
            mine.append(each)
            actions.append(_adopt(each, owner))
    return mine, actions


def _adopt(each: Any, owner: Any) -> Patch:
    references = [*each.metadata.owner_references, owned_by(owner)]
    return Patch(
        target(each),
        {"metadata": {"ownerReferences": [to_plain(r) for r in references]}},
        f"adopt: the selector of {owner.metadata.name} matches and nobody manages it",
    )


def _release(each: Any, uid: str) -> Patch:
    references = [to_plain(r) for r in each.metadata.owner_references if r.uid != uid]
    return Patch(
        target(each),
        {"metadata": {"ownerReferences": references or None}},
        "release: the selector no longer matches its labels",
    )
