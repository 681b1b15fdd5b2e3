"""Pictures of the pages, for README and docs: made by `make screenshots`, otherwise into a temporary folder.

The test also holds that no page is wider than its screen.
"""

import os
from pathlib import Path

import pytest

from tests.browser.test_live import expect_live, log_in
from tests.services import ROOT

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}


# Those that README and docs show; the others are for looking at.
SHOWN = {"dashboard-desktop-light.png"}
IMAGES = ROOT / "docs" / "img"


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_its_screen(demo_site, browser_page, tmp_path: Path, size, scheme, language):
    demo_site.manage("place_order", "--count", "3")
    server = demo_site.serve()
    options = {"viewport": SIZES[size], "color_scheme": scheme, "locale": language}
    people = {
        None: {"start": "/", "log-in": "/accounts/login/"},
        "seller": {"dashboard": "/", "sales": "/sales/", "inbox": "/notifications/"},
        "buyer": {"products": "/products/", "orders": "/orders/", "payment": "/orders/1001/pay/"},
        "follower": {"posts": "/posts/", "post": "/posts/1/", "author": "/authors/author/"},
    }
    for name, pages in people.items():
        page = browser_page(**options)
        if name:
            log_in(page, server, name)
        for title, path in pages.items():
            page.goto(server.url + path)
            if title == "dashboard":
                if language == "en-GB":
                    expect_live(page)
                page.wait_for_timeout(300)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= SIZES[size]["width"], (title, width)
            name_of_file = f"{title}-{size}-{scheme}{'' if language == 'en-GB' else '-zh'}.png"
            shown = os.environ.get("SCREENSHOTS") and name_of_file in SHOWN
            page.screenshot(path=(IMAGES if shown else tmp_path) / name_of_file)
