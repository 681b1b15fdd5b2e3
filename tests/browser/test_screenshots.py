"""Every page fits its screen; `make screenshots` keeps pictures of them, for the README and to look at."""

import base64
import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.busy_day import LONG_NAME
from tests.browser.test_live import become, visit
from tests.support.services import ROOT

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}
SCHEMES = ("light", "dark")
# So much of a long page, in screens.
TALLEST = 1.5
# WebP of this quality keeps a hundred pictures at two megabytes.
QUALITY = 50
IMAGES = ROOT / "docs" / "img" / "pages"

# By who looks: the picture's name and the path. {paid} and the like are numbers of orders (busy_day.py).
PAGES = {
    "": {"start": "/", "log-in": "/accounts/login/", "refused": "/accounts/login/", "wallet": "{wallet}"},
    "seller": {
        "dashboard": "/",
        "inbox": "/notifications/",
        "inbox-of-a-kind": "/notifications/?kind=order.expired",
        "settings": "/notifications/preferences/",
        "sales": "/sales/",
        "order": "/orders/{paid}/",
        "stage": "/demo/",
    },
    "buyer": {
        "dashboard-of-a-buyer": "/",
        "products": "/products/",
        "orders": "/orders/",
        "payment": "/orders/{pending}/pay/",
        "payment-paid": "/orders/{paid}/done/",
        "payment-declined": "/orders/{declined}/pay/",
        "payment-expired": "/orders/{expired}/done/",
    },
    "author": {"dashboard-of-an-author": "/"},
    "follower": {
        "dashboard-of-a-follower": "/",
        "posts": "/posts/",
        "post": "/posts/1/",
        "author": "/authors/author/",
    },
    "newcomer": {"dashboard-empty": "/", "inbox-empty": "/notifications/", "orders-empty": "/orders/"},
}

LEFT = "(element) => element.getBoundingClientRect().left"
MEASURE = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"


def picture(page: Page, path: Path) -> None:
    """Keeps what is on the screen; Playwright itself writes no WebP."""
    session = page.context.new_cdp_session(page)
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    path.write_bytes(base64.b64decode(shot["data"]))
    session.detach()


def prepare(page: Page, title: str) -> None:
    """Brings a page into the state in which it is looked at."""
    if title == "inbox":
        summary, closed = page.locator("details > summary").all()[:2]
        # The title of a group stands before its time, whether it is open or closed.
        lefts = [each.evaluate(LEFT) for each in (summary, closed, page.locator(".group > time").nth(1))]
        assert lefts[0] == lefts[1] < lefts[2]
        summary.click()
    if title == "refused":
        page.locator("main [name=csrfmiddlewaretoken]").evaluate_all(
            "tokens => tokens.forEach((each) => each.remove())"
        )
        page.locator("button.person").first.click()
    if title in ("dashboard", "inbox"):
        expect(page.locator("#connection")).to_have_attribute("data-connection", "live")


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_every_page_fits_its_screen(demo_site, browser_page, tmp_path, language):
    # The payment page waits for long enough to be seen waiting.
    demo_site.environment["PAYMENT_WINDOW_SECONDS"] = "900"
    made = demo_site.manage("shell", "--command", "from tests.browser.busy_day import make; make()")
    values = json.loads(made.stdout.splitlines()[-1])
    server = demo_site.serve()
    # One profile for all of them: its cache has the scripts and styles after the first page.
    page = browser_page(locale=language, reduced_motion="reduce")
    visit(page, server, "buyer").goto(f"{server.url}/orders/{values['pending']}/pay/")
    values["wallet"] = page.locator("main a[href*='/pay/']").evaluate("(link) => link.pathname")
    for name, pages in PAGES.items():
        if name:
            become(page, server, name)
        else:
            page.context.clear_cookies()
        for title, path in pages.items():
            page.set_viewport_size(SIZES["desktop"])
            page.goto(server.url + path.format(**values))
            prepare(page, title)
            for size, viewport in SIZES.items():
                page.set_viewport_size(viewport)
                width, height = page.evaluate(MEASURE)
                assert width <= viewport["width"], (title, size, width)
                if not os.environ.get("SCREENSHOTS"):
                    continue
                page.set_viewport_size(viewport | {"height": min(height, int(TALLEST * viewport["height"]))})
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme)
                    # Those in Chinese are for looking at.
                    folder = IMAGES if language == "en-GB" else tmp_path
                    picture(page, folder / f"{title}-{size}-{scheme}.webp")
        if name == "seller":
            assert LONG_NAME in page.goto(f"{server.url}/sales/").text()
