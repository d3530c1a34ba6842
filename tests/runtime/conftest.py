"""A machine's corner for one test; when the test ends, nothing of it may be left."""

from collections.abc import Iterator

import pytest

from tests.runtime.machine import Machine, new_machine


@pytest.fixture
def machine() -> Iterator[Machine]:
    with new_machine() as found:
        yield found
