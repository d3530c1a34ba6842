"""Our nft table: written at once, listed to see whether it is still as it was written. Acts."""

import subprocess
from typing import Final

from k3py.vpc.kernel.ruleset import removal

# A table of a thousand ports is loaded within a second; a kernel that takes this long is stuck.
TIMEOUT_SECONDS: Final = 30.0


class NftError(OSError):
    """The nft command is missing, or refused."""


class Nft:
    """One table. What it was made from is known to this process alone, so a new one writes it once."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._text: str | None = None
        self._listing: str | None = None

    @property
    def written(self) -> str | None:
        """What this process wrote last; the table need not be so any more."""
        return self._text

    def write(self, text: str) -> None:
        """Exchange the table. Raises NftError."""
        self._text = self._listing = None
        _run("-f", "-", entered=text)
        self._listing = self._list()
        self._text = text

    def text(self) -> str | None:
        """What the table was made from; None: it is not as this process wrote it."""
        if self._text is None or self._listing is None or self._list() != self._listing:
            return None
        return self._text

    def remove(self) -> None:
        """Take the table away; there need not be one. Raises NftError."""
        self._text = self._listing = None
        _run("-f", "-", entered=removal(self._table))

    def _list(self) -> str | None:
        try:
            return _run("-s", "list", "table", "inet", self._table)
        except NftError:
            return None


def _run(*arguments: str, entered: str = "") -> str:
    try:
        done = subprocess.run(
            ["nft", *arguments], input=entered, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise NftError(f"cannot run nft: {error}") from error
    if done.returncode:
        raise NftError(f"nft refused: {done.stderr.strip()[:2000]}")
    return done.stdout
