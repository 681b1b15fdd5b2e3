"""An order that waits for its payment."""

import pytest
from django.core.cache import cache

from tests.support.people import order, person, product


@pytest.fixture
def placed():
    cache.clear()
    return order(person("bob"), product(person("alice")))
