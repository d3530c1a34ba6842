"""What the API serves: a kind's entry, and how kinds are found. The entries themselves are in ``kinds``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from k3py.model.struct import Wire

WireType = type[Wire]
# Holds the place of a selectable field that a view does not have.
NOT_SELECTABLE = ""
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Kind:
    """One type of resource.

    ``selectable`` are the field selectors beyond ``metadata.name`` and ``metadata.namespace``; a record keeps their
    values in this order. ``stored`` is false for kinds that are asked, not kept (reviews, Binding), and for views.
    A view is another version of a kind: it is kept as ``view_of`` and converted on the way in and out; its
    ``selectable`` are names for those of the stored kind, in their order. A ``nameless``
    kind has no singular name, because its resource has the plural of another kind.
    """

    type: type[Wire]
    plural: str
    namespaced: bool = True
    short_names: Sequence[str] = ()
    categories: Sequence[str] = ()
    subresources: Sequence[str] = ()
    selectable: Sequence[str] = ()
    stored: bool = True
    verbs: Sequence[str] = ALL_VERBS
    keep_generation: bool = False
    view_of: WireType | None = None
    nameless: bool = False

    @property
    def name(self) -> str:
        """``Deployment``."""
        return self.type.__name__

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` for the core group."""
        value: str = _api_versions[self.type]
        return value

    @property
    def group(self) -> str:
        """``apps``; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def singular(self) -> str:
        """``deployment``; empty for a nameless kind."""
        return "" if self.nameless else self.name.lower()

    @property
    def definition(self) -> str:
        """The kind's name in the OpenAPI document."""
        return (self.type.__doc__ or "").strip()

    @property
    def path(self) -> str:
        """Where the group version is served: ``/api/v1`` or ``/apis/apps/v1``."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"


class _ApiVersions(dict[type[Wire], str]):
    """apiVersion of each Struct class, read once from its field's default."""

    def __missing__(self, kind: type[Wire]) -> str:
        made: Any = kind()
        self[kind] = made.api_version
        return self[kind]


_api_versions = _ApiVersions()


class Registry:
    """All kinds, found by class, by group and plural, or by any word a user may type."""

    def __init__(self, *kinds: Kind) -> None:
        self._kinds = kinds
        self._by_type = {kind.type: kind for kind in kinds}
        self._by_resource = {(kind.group, kind.version, kind.plural): kind for kind in kinds}
        self._by_name = {(kind.api_version, kind.name): kind for kind in kinds}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds)

    def of(self, kind: type[Wire]) -> Kind:
        """The entry of a Struct class.

        Raises:
            KeyError: the class is not registered.
        """
        return self._by_type[kind]

    def resource(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_resource.get((group, version, plural))

    def named(self, api_version: str, name: str) -> Kind | None:
        """By what an object says of itself: its apiVersion and kind."""
        return self._by_name.get((api_version, name))

    def word(self, word: str) -> Kind | None:
        """By what people type: plural, singular, kind or short name, with or without ``.group``; stored kinds first."""
        word = word.lower()
        plain, _, group = word.partition(".")
        for kind in sorted(self._kinds, key=lambda each: not each.stored):
            if group and not f"{kind.version}.{kind.group}".endswith(group) and kind.group != group:
                continue
            if plain in (kind.plural, kind.name.lower(), *kind.short_names):
                return kind
        return None
