"""Folders on tmpfs: image stores make many small files, and overlayfs works there."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder_on_tmpfs() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="k3py-image-", dir="/dev/shm"))
    yield path
    shutil.rmtree(path)
