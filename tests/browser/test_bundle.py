"""With DEBUG off a page loads one script and one style sheet, and is as live as it is with the modules."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import LEADER, WITHOUT_WORKER, WORKER
from tests.browser.test_live import LINE, become, expect_live
from tests.site.test_checks import PRODUCTION
from tests.support.services import ServeProcess, Site

# One worker collects the files, instead of each.
pytestmark = pytest.mark.xdist_group("collected")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a site with DEBUG off and the files that `collectstatic` has made."""
    folder = tmp_path_factory.mktemp("static")
    # Loopback has no HTTPS.
    environment = PRODUCTION | {"ALLOWED_HOSTS": "127.0.0.1", "HTTPS": "0", "STATIC_ROOT": str(folder)}
    Site(folder, "sqlite://", env=environment).manage("collectstatic", "--noinput", "--verbosity", "0")
    return environment


@pytest.fixture
def server(demo_site: Site, production: dict[str, str]) -> ServeProcess:
    demo_site.environment |= production
    return demo_site.serve()


def names(requests: list[Request], kind: str) -> list[str]:
    """Returns what was asked for of a kind, by the names that the sources have."""
    paths = [urlsplit(each.url).path for each in requests if each.resource_type == kind]
    return sorted(re.sub(r"\.\w{12}\.", ".", path.removeprefix("/static/notifications/")) for path in paths)


def watch(page: Page) -> list[Request]:
    """Returns a list that grows with what the page asks for."""
    requests: list[Request] = []

    def keep(request: Request) -> None:
        requests.append(request)

    page.on("request", keep)
    return requests


@pytest.mark.parametrize("way", [WORKER, LEADER])
def test_a_live_event_arrives_through_one_script_and_one_sheet(
    demo_site, server, browser_page: Callable[..., Page], way
):
    page = browser_page()
    if way == LEADER:
        page.context.add_init_script(WITHOUT_WORKER)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    become(page, server, "seller")

    requests = watch(page)
    page.goto(server.url)
    expect_live(page)
    demo_site.manage("place_order")
    expect(page.locator(LINE)).to_have_count(1)
    expect(page.locator("[data-unread]").first).to_have_text("1")
    assert names(requests, "script") == ["page.js", "worker.js"][: 2 if way == WORKER else 1]
    assert names(requests, "stylesheet") == ["style.css"]
    # A policy that forbids something would say so.
    assert said == []


def test_the_payment_page_loads_one_script_more(demo_site, server, browser_page: Callable[..., Page]):
    number = demo_site.manage("place_order", "--buyer", "buyer").stdout.split()[-1]
    page = browser_page()
    become(page, server, "buyer")
    requests = watch(page)
    page.goto(f"{server.url}/orders/{number}/pay/")
    expect_live(page)
    assert names(requests, "script") == ["page.js", "terminal.js", "worker.js"]
