"""A quick site behind a proxy, and the ways in which a browser may hold its one stream."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_live import visit
from tests.support.proxy import Proxy
from tests.support.services import ServeProcess, Site

WORKER, LEADER = "shared worker", "leading tab"
# Said to each page before its own scripts run.
WITHOUT_WORKER = "delete window.SharedWorker"
# For tests that have no bound of their own: other browsers and servers run beside this one.
expect.set_options(timeout=20_000)


@pytest.fixture
def demo_site(demo_site: Site) -> Site:
    """A site with the demo people in it, whose servers start in a fraction of the time."""
    demo_site.forks_servers = True
    return demo_site


@pytest.fixture
def quick_server(demo_site: Site) -> ServeProcess:
    """A server of the demo that pings often."""
    demo_site.environment["DJANGO_SETTINGS_MODULE"] = "tests.browser.settings"
    return demo_site.serve()


@pytest.fixture
def proxy(quick_server: ServeProcess) -> Iterator[Proxy]:
    """What stands between the browsers and the quick server."""
    made = Proxy(quick_server.port)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def device(proxy: Proxy, browser_page: Callable[..., Page]) -> Callable[..., BrowserContext]:
    """Returns a factory of browsers in which somebody is logged in, through the proxy."""

    def new_device(name: str = "seller", *, script: str = "", **options: object) -> BrowserContext:
        page = browser_page(**options)
        if script:
            page.context.add_init_script(script)
        visit(page, proxy, name)
        return page.context

    return new_device
