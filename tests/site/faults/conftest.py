"""Fixtures of the fault tests."""

from collections.abc import Iterator

import pytest

from tests.site.faults.shop import Shop
from tests.support.services import Site


@pytest.fixture
def shop(demo_site: Site) -> Iterator[Shop]:
    made = Shop(demo_site)
    yield made
    made.close()
