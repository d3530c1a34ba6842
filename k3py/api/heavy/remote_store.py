"""The server's store as its helper process sees it: every question is put to the server, every write handed to it."""

from collections.abc import Callable, Iterable
from typing import Any

from k3py.api.heavy.messages import Again, Ask, Commit, Failed, Settle, Told
from k3py.model.user import User
from k3py.objects.encoding import at_revision
from k3py.store.records import Record, intern_labels
from k3py.store.writes import Encode, EncodeTombstone

Converse = Callable[[Ask | Settle | Commit], Any]
"""Says something to the server and returns its answer."""


class DecideAgain(Exception):
    """What the write was decided against has changed meanwhile."""


class RemoteStore:
    """The part of ``Store`` that deciding writes needs. Nothing here waits in an event loop's sense."""

    def __init__(self, converse: Converse) -> None:
        self._converse = converse
        self.committed = b""  # the bytes that were stored last

    def latest(self, collection: str, namespace: str, name: str) -> Record | None:
        """As ``Store.latest``."""
        found: Record | None = self._ask("latest", collection, namespace, name)
        return found

    def list_latest(self, collection: str, namespace: str | None) -> Iterable[Record]:
        """As ``Store.list_latest``."""
        found: list[Record] = self._ask("list_latest", collection, namespace)
        return found

    def may_use_vpc(self, user: User, vpc: str) -> bool:
        """As the server's authorizer says."""
        return bool(self._ask("may_use_vpc", user, vpc))

    async def settled(self) -> None:
        """As ``Store.settled``."""
        self._answered(Settle())

    async def create(self, collection: str, namespace: str, name: str, encode: Encode) -> Record:
        """As ``Store.create``.

        Raises:
            StoreError, DecideAgain.
        """
        return self._put(collection, namespace, name, None, encode)

    async def replace(
        self, collection: str, namespace: str, name: str, expected_revision: int, encode: Encode
    ) -> Record:
        """As ``Store.replace``.

        Raises:
            StoreError, DecideAgain.
        """
        return self._put(collection, namespace, name, expected_revision, encode)

    async def delete(
        self,
        collection: str,
        namespace: str,
        name: str,
        expected_revision: int,
        encode_tombstone: EncodeTombstone,
    ) -> Record:
        """As ``Store.delete``.

        Raises:
            StoreError, DecideAgain.
        """
        raw = encode_tombstone(0)
        revision = self._answered(Commit(collection, namespace, name, expected_revision, raw, is_deletion=True))
        return Record(collection, namespace, name, revision, "", at_revision(raw, revision))

    def _put(self, collection: str, namespace: str, name: str, expected: int | None, encode: Encode) -> Record:
        made = encode(0)
        labels = dict(made.labels)
        revision = self._answered(
            Commit(collection, namespace, name, expected, made.raw, made.uid, labels, made.fields)
        )
        raw = self.committed = at_revision(made.raw, revision)
        return Record(collection, namespace, name, revision, made.uid, raw, intern_labels(labels), made.fields)

    def _ask(self, what: str, *of: Any) -> Any:
        return self._answered(Ask(what, of))

    def _answered(self, question: Ask | Settle | Commit) -> Any:
        answer = self._converse(question)
        if isinstance(answer, Again):
            raise DecideAgain
        if isinstance(answer, Failed):
            raise answer.error
        assert isinstance(answer, Told)
        return answer.value
