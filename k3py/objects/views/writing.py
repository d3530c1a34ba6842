"""Writes that come through a view: turned into writes of the stored kind."""

from dataclasses import replace
from typing import Any

from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.objects import views
from k3py.objects.managing import Author, own_creation, own_update, plain_entries
from k3py.objects.normalise import normalised
from k3py.objects.rules import Rules


def stored_kind(kind: Kind) -> Kind:
    """The kind that is stored: itself, or what it is a view of."""
    return kind if kind.view_of is None else KINDS.of(kind.view_of)


def rules_through(kind: Kind) -> Rules | None:
    """The rules for what comes through a view; None: those of the stored kind."""
    view = views.of(kind.type)
    return None if view is None else view.rules


def stored_form(kind: Kind, live: bytes | None, new: Any, subresource: str, author: Author) -> tuple[Any, Author]:
    """A new version of an object, and who wrote it, for the stored kind.

    ``live`` is the stored JSON, None when there is none. What comes through a view is converted; what its author owns
    is said in the view's own terms.

    Raises:
        BadRequest: a quantity or a time is none.
    """
    view = views.of(kind.type)
    if view is None:
        return new, author
    normalised(kind, new)
    new = view.from_stored(view.to_stored(new))  # what converting fills in is the author's, as defaults are
    if live is None:
        own_creation(kind, new, author)
    else:
        new.metadata.managed_fields = own_update(kind, views.shown(kind, live), new, subresource, author)
    return view.to_stored(new), replace(author, entries=plain_entries(new.metadata.managed_fields))
