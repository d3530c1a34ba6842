"""Places for stories."""

from collections.abc import Iterator

import pytest

from tests.network.bed import Bed, bed
from tests.network.watch import Theatre


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """One node for all tests of a file."""
    with bed(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture(scope="module")
def theatre(place: Bed) -> Iterator[Theatre]:
    """Pods of four VPCs on it, and witnesses."""
    made = Theatre(place)
    yield made
    made.close()
