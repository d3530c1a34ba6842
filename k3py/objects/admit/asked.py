"""What a step of admission is told."""

from dataclasses import dataclass
from typing import Any

from k3py.model.errors import Forbidden, forbidden
from k3py.model.registry import Kind
from k3py.store.store import Store


@dataclass(frozen=True)
class Asked:
    """A write that is to be admitted: the new object, in place, and the stored one (None for a creation).

    Steps ask the store, and never change it.
    """

    store: Store
    kind: Kind
    new: Any
    old: Any = None

    def refusal(self, why: str) -> Forbidden:
        """The answer that says why not."""
        return forbidden(self.kind.plural, self.kind.group, self.new.metadata.name, why)
