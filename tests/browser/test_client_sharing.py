"""All tabs of a browser hold one stream, whoever holds it."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import LEADER, WITHOUT_WORKER, WORKER
from tests.browser.test_live import LINE, expect_live
from tests.support.proxy import Proxy

TABS = 10
HOLDERS = {WORKER: "", LEADER: WITHOUT_WORKER}


def open_tabs(context: BrowserContext, proxy: Proxy, count: int) -> list[Page]:
    """All tabs of the context, with more opened until there are so many, each live."""
    while len(context.pages) < count:
        context.new_page().goto(proxy.url, wait_until="commit")
    for page in context.pages:
        expect_live(page)
    return context.pages


def positions(page: Page) -> list[int]:
    return page.evaluate("[...document.querySelectorAll('#notifications > li')].map(li => Number(li.dataset.position))")


def expect_orders(pages: list[Page], count: int, timeout: float = 15_000) -> None:
    """So many lines on each page, newest first, none twice."""
    for page in pages:
        expect(page.locator(LINE)).to_have_count(count, timeout=timeout)
        assert positions(page) == sorted(set(positions(page)), reverse=True)


def eventually(look, expected, timeout: float = 10) -> None:
    deadline = time.monotonic() + timeout
    while (found := look()) != expected:
        assert time.monotonic() < deadline, f"{found} instead of {expected}"
        time.sleep(0.05)


def toasts(pages: list[Page]) -> int:
    return sum(page.locator(".toast").count() for page in pages)


@pytest.mark.parametrize("holder", HOLDERS)
def test_ten_tabs_hold_one_stream_and_show_one_toast(proxy, device, demo_site, holder):
    context = device(script=HOLDERS[holder])
    pages = open_tabs(context, proxy, TABS)
    eventually(proxy.streams, 1)
    demo_site.manage("place_order", "--count", "2")
    expect_orders(pages, 2)
    eventually(lambda: toasts(pages), 2)
    for page in pages:
        expect(page.locator("#unread")).to_have_text("2")

    # The first tab leads where there is no worker: closed, it hands over, and nothing is lost on the way.
    pages[0].close()
    demo_site.manage("place_order")
    expect_orders(context.pages, 3)
    eventually(proxy.streams, 1)
    for page in context.pages:
        expect_live(page)


@pytest.mark.parametrize("holder", HOLDERS)
def test_tabs_for_which_nothing_happens_come_back_from_where_the_log_is(proxy, device, demo_site, holder):
    """Also by another holder than the one that was pinged: each tab has the cursor."""
    pages = open_tabs(device(script=HOLDERS[holder]), proxy, 2)
    demo_site.manage("place_order")
    expect_orders(pages, 1)
    script = "from notifications import log; [log.append('user:999', 'x') for _ in range(80)]; print(log.sequence())"
    head = int(demo_site.manage("shell", "-c", script).stdout.split()[-1])

    def resumed_at() -> int:
        streams = [path for path in proxy.requests if path.startswith("/events/")]
        epoch, _, position = parse_qs(urlsplit(streams[-1]).query)["lastEventId"][0].partition("-")
        assert len(epoch) == 8
        return int(position)

    assert resumed_at() < head
    # Two pings are sent meanwhile.
    pages[0].wait_for_timeout(3500)
    pages[0].goto("about:blank")
    if holder == WORKER:
        asked = len(proxy.requests)
        proxy.fail()
        # By itself, the browser resumes with a header. After a 502 the script does.
        eventually(lambda: len(proxy.requests) > asked, expected=True)
        proxy.recover()
    eventually(resumed_at, head)
    demo_site.manage("place_order")
    expect_orders(pages[1:], 2)


def pause(page: Page):
    """Stops a tab's scripts dead, as a suspended phone does: it keeps its connection, its lock, and says nothing."""
    session = page.context.new_cdp_session(page)
    session.send("Debugger.enable")
    # It begins with the next statement, which the tab's own timers run.
    session.send("Debugger.pause")
    return session


def test_a_leader_that_hangs_is_replaced_and_yields_when_it_wakes(proxy, device, demo_site):
    context = device(script=WITHOUT_WORKER)
    leader, *others = open_tabs(context, proxy, 3)
    eventually(proxy.streams, 1)
    session = pause(leader)
    # The hanging tab keeps its connection; another tab opens one.
    eventually(proxy.streams, 2, timeout=15)
    demo_site.manage("place_order")
    expect_orders(others, 1)
    session.send("Debugger.disable")
    eventually(proxy.streams, 1)
    demo_site.manage("place_order")
    expect_orders([leader, *others], 2)
    eventually(lambda: toasts([leader, *others]), 2)


def test_a_tab_that_the_browser_freezes_hands_over_at_once(proxy, device, demo_site):
    context = device(script=WITHOUT_WORKER)
    leader, other = open_tabs(context, proxy, 2)
    session = context.new_cdp_session(leader)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    demo_site.manage("place_order")
    expect_orders([other], 1)
    eventually(proxy.streams, 1)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    expect_orders([leader], 1)
    eventually(proxy.streams, 1)


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_tab_of_an_earlier_log_in_hears_nothing_of_the_next(proxy, device, demo_site, holder):
    context = device("buyer", script=HOLDERS[holder])
    old = context.pages[0]
    expect_live(old)
    new = context.new_page()
    new.goto(proxy.url)
    new.get_by_role("button", name="Log out").click()
    new.goto(f"{proxy.url}/accounts/login/")
    new.get_by_role("button", name="Log in as seller").click()
    expect_live(new)
    demo_site.manage("place_order")
    expect_orders([new], 1)
    expect(old.locator("[data-connection]").first).to_have_text("Stopped: reload the page", timeout=15_000)
    assert positions(old) == []
    eventually(proxy.streams, 1)


def test_each_tab_hears_in_its_own_language(proxy, device, demo_site):
    """A worker outlives the cookie that said the language when its stream was opened."""
    context = device()
    english, chinese = open_tabs(context, proxy, 2)
    chinese.get_by_role("button", name="简体中文").click()
    expect(chinese.locator("[data-connection]").first).to_have_text("实时")
    demo_site.manage("place_order")
    expect(chinese.locator(LINE)).to_contain_text("订单")
    expect(english.locator(LINE)).to_contain_text("placed order")
    eventually(lambda: toasts([english, chinese]), 1)
