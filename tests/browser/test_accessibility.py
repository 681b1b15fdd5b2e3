"""Every page as axe-core, the keyboard and a reader without colours or motion find it."""

import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.test_live import LINE, become, expect_live, place_order, visit
from tests.browser.test_screenshots import prepare
from tests.support.services import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# In two parts of about the same length, for two workers.
PAGES = {
    "guest, seller": {
        "": ["/", "/accounts/login/", "/posts/", "/posts/1/", "/authors/author/"],
        "seller": [
            "/",
            "/notifications/",
            "/notifications/?show=unread",
            "/notifications/preferences/",
            "/sales/",
            "/orders/1001/",
        ],
    },
    "buyer, follower, author": {
        "buyer": ["/", "/products/", "/orders/", "/orders/1001/pay/", "/orders/1002/done/", "/notifications/"],
        "follower": ["/", "/notifications/", "/authors/author/"],
        "author": ["/", "/authors/author/"],
    },
}
LOOKS: dict[str, tuple[ViewportSize, Literal["light", "dark"]]] = {
    "desktop": ({"width": 1280, "height": 800}, "light"),
    "phone": ({"width": 360, "height": 740}, "dark"),
}


@pytest.fixture
def axe() -> Path:
    """The script of axe-core, which `make test` has npm install."""
    if not AXE.exists():
        reason = "axe-core is not installed (npm ci)"
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return AXE


def violations(page: Page, axe: Path) -> list[str]:
    # Not as a script of the page: its content security policy has no room for that.
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(axe.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations)")
    return [
        f"{page.url} {each['id']} ({each['impact']}): {node['html'][:160]} {node['failureSummary'][-200:]}"
        for each in found
        for node in each["nodes"]
    ]


def show(page: Page, look: str) -> None:
    viewport, scheme = LOOKS[look]
    page.set_viewport_size(viewport)
    page.emulate_media(color_scheme=scheme)


@pytest.mark.parametrize("people", PAGES)
def test_axe_finds_nothing_on_any_page(demo_site, browser_page, axe, people):
    demo_site.manage("place_order", "--count", "4")
    demo_site.manage("publish_post", "--count", "3")
    # Long enough for the payment page to be seen as it waits.
    demo_site.environment["PAYMENT_WINDOW_SECONDS"] = "600"
    server = demo_site.serve()
    found = []
    # Without motion: what fades in has no contrast yet.
    page = browser_page(reduced_motion="reduce")
    for name, paths in PAGES[people].items():
        if name:
            become(page, server, name)
        for path in paths:
            page.goto(server.url + path)
            for look in LOOKS:
                show(page, look)
                if name == "seller" and path == "/":
                    expect_live(page)
                    order = demo_site.manage("place_order").stdout.split()[-1]
                    expect(page.locator(".toast", has_text=order)).to_be_visible()
                if look == "desktop":
                    # Open on the phone, too.
                    for summary in page.locator("summary").all():
                        summary.click()
                found += violations(page, axe)
        if not name:
            page.goto(f"{server.url}/accounts/login/")
            prepare(page, "refused")
            expect(page.locator(".error-code")).to_have_text("403")
            for look in LOOKS:
                show(page, look)
                found += violations(page, axe)
    assert not found, "\n".join(found)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(demo_site, browser_page):
    demo_site.manage("place_order", "--count", "2")
    server = demo_site.serve()
    page = visit(browser_page(), server, "seller")
    expect_live(page)
    page.goto(server.url)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                """() => {
                    const at = document.activeElement;
                    const {outlineStyle, outlineWidth} = getComputedStyle(at);
                    const after = getComputedStyle(at, "::after");
                    const shown = [outlineStyle, after.outlineStyle].some((style) => style !== "none");
                    return [at.tagName, at.ariaLabel || at.textContent.trim(), shown];
                }"""
            )
        )
        if seen[-1][1] == "Play all roles":
            break
    assert all(shown for tag, _text, shown in seen if tag != "BODY"), seen
    assert [text for _tag, text, _shown in seen].count("Dismiss") == 2
    # Reading and dismissing by keyboard: the focus is not lost.
    page.locator(LINE).first.get_by_role("button", name="Mark as read").focus()
    page.keyboard.press("Enter")
    # Not before the answer: the stream may show the line as read earlier.
    expect(page.locator(LINE).first.get_by_role("button", name="Mark as unread")).to_be_focused()
    page.locator(LINE).first.get_by_role("button", name="Dismiss").focus()
    page.keyboard.press("Enter")
    expect(page.locator(LINE)).to_have_count(1)
    assert page.evaluate("document.activeElement.closest('#notifications') !== null")


def test_who_wants_no_motion_gets_none(demo_site, browser_page):
    server = demo_site.serve()
    page = visit(browser_page(reduced_motion="reduce"), server, "seller")
    expect_live(page)
    demo_site.manage("place_order", "--count", "2")
    expect(page.locator(LINE)).to_have_count(2)
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_payment_is_announced(demo_site, browser_page):
    server = demo_site.serve()
    page = visit(browser_page(), server, "buyer")
    place_order(page, server)
    expect(page.locator("[data-message]")).to_have_attribute("role", "status")
    expect(page.get_by_role("img", name="QR code that opens the wallet page")).to_be_visible()
