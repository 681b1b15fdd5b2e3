"""The browser that the tests of one process share."""

import asyncio
import sys

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation
from playwright.sync_api import Error

from tests.support.browsers import SharedChromium


@pytest.mark.django_db
def test_a_thread_is_as_it_was_while_no_test_has_the_browser(shared_chromium):
    users, hooks = get_user_model().objects, sys.get_asyncgen_hooks()
    with shared_chromium.lent() as browser, pytest.raises(SynchronousOnlyOperation):
        users.exists()
    assert not users.exists()
    assert asyncio.run(asyncio.sleep(0, "another loop")) == "another loop"
    assert sys.get_asyncgen_hooks() == hooks
    with shared_chromium.lent() as again:
        assert again is browser
        with again.new_context() as context:
            assert context.new_page().evaluate("1 + 1") == 2


def test_a_failed_test_leaves_the_browser_usable(shared_chromium):
    with pytest.raises(Error, match="thrown by the page"), shared_chromium.lent() as browser:
        browser.new_context().new_page().evaluate("() => { throw new Error('thrown by the page') }")
    with shared_chromium.lent() as again:
        (context,) = again.contexts
        assert context.pages[0].evaluate("1 + 1") == 2
        context.close()


# `make test-fast` leaves out what uses it.
@pytest.mark.usefixtures("shared_chromium")
def test_a_browser_that_crashed_is_replaced():
    shared = SharedChromium()
    try:
        with shared.lent() as first:
            with pytest.raises(Error):
                first.new_browser_cdp_session().send("Browser.crash")
            assert not first.is_connected()
        with shared.lent() as second:
            assert second is not first
            assert second.new_page().evaluate("1 + 1") == 2
    finally:
        shared.close()
