"""Notifiers that a test makes end with it."""

import pytest

from tests.support.registries import put_back


@pytest.fixture(autouse=True)
def nothing_stays():
    with put_back():
        yield
