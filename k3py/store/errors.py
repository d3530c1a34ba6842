"""What can go wrong in the store; a class of its own only where the caller acts differently.

StoreError
├── AlreadyExistsInStore   the key is taken
├── Stale                  the record is not at the expected revision (or gone): read again, decide again
├── TooOld                 changes since that revision, or that listing, are no longer kept: list again
├── UnknownCollection      no such collection was given to the store
├── Overloaded             too many writes wait: try again later
├── OutcomeUnknown         the write may or may not be durable; the process is about to end
├── NotOpen                the store is not open, or has stopped; nothing was written
├── CannotOpen             the store cannot be opened: what it keeps, or the way it was set up, is not usable
│   └── Corrupt            bytes in the log that this version did not write
└── LogFailed              the log cannot say whether a batch is durable
    └── Fenced             another writer has opened the log; this one is over
"""


class StoreError(Exception):
    """Something the store refuses or cannot do."""


class AlreadyExistsInStore(StoreError):
    """The key is taken, by a record at ``revision``."""

    def __init__(self, message: str, revision: int = 0) -> None:
        super().__init__(message)
        self.revision = revision


class Stale(StoreError):
    """The record is not at the expected revision but at ``revision``, or gone (0)."""

    def __init__(self, message: str, revision: int = 0) -> None:
        super().__init__(message)
        self.revision = revision


class TooOld(StoreError):
    """Changes since that revision, or the listing at it, are no longer kept."""


class UnknownCollection(StoreError):
    """No such collection was given to the store."""


class Overloaded(StoreError):
    """More writes wait than the store takes."""


class OutcomeUnknown(StoreError):
    """The write may or may not be durable."""


class NotOpen(StoreError):
    """The store is not open, or has stopped; nothing was written."""


class CannotOpen(StoreError):
    """The store cannot be opened."""


class Corrupt(CannotOpen):
    """Bytes in the log that no version of the store known here has written."""


class LogFailed(StoreError):
    """The log cannot say whether a batch is durable."""


class Fenced(LogFailed):
    """Another writer has opened the log."""
