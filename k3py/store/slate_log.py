"""The log in SlateDB: a database in a folder or a bucket."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from k3py.store.errors import LogFailed
from k3py.store.log import Put, Row

if TYPE_CHECKING:
    from k3py.store.slate import Database, Target


class SlateLog:
    """A ``Log``. SlateDB is imported when it is opened: it takes 30 MB that a client of the package does not need."""

    def __init__(self, target: "Target") -> None:
        self._target = target
        self._database: Database | None = None

    async def open(self) -> None:
        from k3py.store.slate import Database

        self._database = await Database.open(self._target)

    async def write(self, rows: Sequence[Put], sequence: int) -> None:
        await self._opened().write(rows, sequence)

    def scan(self, prefix: bytes) -> AsyncIterator[Sequence[Row]]:
        return self._opened().scan(prefix)

    async def close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            await database.close()

    def _opened(self) -> "Database":
        if self._database is None:
            raise LogFailed("cannot use the log: it is not open")
        return self._database
