"""Places for stories."""

from collections.abc import Iterator

import pytest

from tests.network.bed import Bed, bed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """One node for all tests of a file."""
    with bed(tmp_path_factory.mktemp("node")) as made:
        yield made
