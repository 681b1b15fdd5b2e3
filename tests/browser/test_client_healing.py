"""Whatever breaks between browser and server, the page comes back by itself: nothing is missing, nothing is there twice."""

import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_client_sharing import HOLDERS, eventually, expect_orders, open_tabs, positions, toasts
from tests.browser.test_live import expect_live

# A person must hear of a break that lasts, and need not of a blink.
STATE = "[data-connection] >> nth=0"


# What a person may have to sit through: a restart that takes long, a proxy in front of a server that does.
AWAY, BAD_GATEWAY = 20, 10
# One browser whose stream a worker holds, one in which a tab does; two tabs each.
TABS = 2


@pytest.fixture
def browsers(device, proxy) -> list[Page]:
    """The tabs of both browsers, all live."""
    return [page for script in HOLDERS.values() for page in open_tabs(device(script=script), proxy, TABS)]


def test_all_tabs_heal_after_the_server_was_away(quick_server, proxy, browsers, demo_site):
    demo_site.manage("place_order")
    expect_orders(browsers, 1)
    quick_server.kill()
    back_at = time.monotonic() + AWAY
    for page in browsers:
        expect(page.locator(STATE)).to_have_text("Reconnecting…")
    demo_site.manage("place_order", "--count", "3")
    time.sleep(max(0, back_at - time.monotonic()))
    demo_site.serve(quick_server.port)
    expect_orders(browsers, 4, timeout=40_000)
    eventually(proxy.streams, len(HOLDERS))
    demo_site.manage("place_order")
    expect_orders(browsers, 5)
    for page in browsers:
        expect_live(page)
        expect(page.locator("#unread")).to_have_text("5")


def test_all_tabs_heal_after_a_proxy_answered_502(proxy, browsers, demo_site):
    """EventSource gives up for ever on 502 (trap 22)."""
    eventually(proxy.streams, len(HOLDERS))
    before = len(proxy.requests)
    proxy.fail()
    demo_site.manage("place_order", "--count", "2")
    time.sleep(BAD_GATEWAY)
    for page in browsers:
        expect(page.locator(STATE)).to_have_text("Reconnecting…")
    # Each browser's one stream tries again, with pauses that grow; not each tab, and not in a loop.
    assert 2 * len(HOLDERS) <= len(proxy.requests) - before <= 8 * len(HOLDERS), proxy.requests[before:]
    proxy.recover()
    expect_orders(browsers, 2, timeout=40_000)
    eventually(proxy.streams, len(HOLDERS))
    for page in browsers:
        expect_live(page)


def test_a_connection_that_went_silent_is_replaced(proxy, device, demo_site):
    """Phones and proxies drop connections without a word (trap 24)."""
    context = device()
    pages = open_tabs(context, proxy, 2)
    proxy.go_silent()
    demo_site.manage("place_order")
    expect_orders(pages, 1)
    eventually(proxy.streams, 1)


@pytest.mark.parametrize("holder", HOLDERS)
def test_offline_is_said_and_online_brings_what_was_missed(proxy, device, demo_site, holder):
    context = device(script=HOLDERS[holder])
    (page,) = open_tabs(context, proxy, 1)
    context.set_offline(True)
    expect(page.locator(STATE)).to_have_text("Offline")
    demo_site.manage("place_order", "--count", "2")
    context.set_offline(False)
    expect_live(page)
    expect_orders([page], 2)


def test_a_blink_alarms_nobody(proxy, device):
    context = device()
    (page,) = open_tabs(context, proxy, 1)
    page.evaluate(
        """() => {
            window.said = [];
            const look = () => window.said.push(document.querySelector("[data-connection]").textContent);
            new MutationObserver(look).observe(document.querySelector("[data-connection]"), {childList: true});
        }"""
    )
    streams = len([path for path in proxy.requests if path.startswith("/events/")])
    proxy.fail()
    proxy.recover()
    eventually(lambda: len([path for path in proxy.requests if path.startswith("/events/")]) > streams, expected=True)
    eventually(proxy.streams, 1)
    page.wait_for_timeout(500)
    assert page.evaluate("window.said") == []
    expect_live(page)


def test_a_browser_without_eventsource_asks_the_same_log(proxy, device, demo_site):
    context = device(script="delete window.EventSource")
    first, second = context.pages[0], context.new_page()
    second.goto(proxy.url)
    for page in (first, second):
        expect(page.locator(STATE)).to_contain_text("No live connection in this browser", timeout=15_000)
    demo_site.manage("place_order", "--count", "2")
    expect_orders([first, second], 2)
    expect(first.locator("#unread")).to_have_text("2")
    assert not [path for path in proxy.requests if path.startswith("/events/")]
    # One of the two tabs asks for both: once in 1.5 s, when the question that follows news is over.
    time.sleep(1)
    before = len([path for path in proxy.requests if path.startswith("/api/events")])
    time.sleep(4)
    assert 1 <= len([path for path in proxy.requests if path.startswith("/api/events")]) - before <= 4


def test_a_cursor_that_is_too_old_fetches_the_inbox_anew(proxy, device, demo_site):
    """`reset`: a restored database, or a page from before what was pruned."""
    context = device()
    page = context.pages[0]
    expect_live(page)
    demo_site.manage("place_order", "--count", "2")
    expect_orders([page], 2)
    context.add_init_script(
        "document.addEventListener('readystatechange', () => (document.body.dataset.cursor = 999999))"
    )
    page.goto(proxy.url)
    page.evaluate("window.here = true")
    expect_live(page)
    demo_site.manage("place_order")
    expect_orders([page], 3)
    # Fetched, not reloaded: what somebody was writing is still there.
    assert page.evaluate("window.here")


RESTORE = """
from notifications import log
from notifications.models import Event, Head
Event.objects.filter(position__gt={through}).delete()
Head.objects.update(position={through})
print(log.bounds().epoch)
"""


@pytest.mark.parametrize("holder", HOLDERS)
def test_open_pages_recover_from_a_restored_database(proxy, device, demo_site, quick_server, holder):
    """The restored log has passed their cursor before the servers are back: the positions that they have are other events now."""
    pages = open_tabs(device(script=HOLDERS[holder]), proxy, TABS)
    demo_site.manage("place_order", "--count", "1")
    expect_orders(pages, 1)
    through = max(positions(pages[0]))
    demo_site.manage("place_order", "--count", "2")
    expect_orders(pages, 3)
    had = max(positions(pages[0]))
    for page in pages:
        page.evaluate("window.here = true")

    quick_server.kill()
    demo_site.manage("shell", "-c", RESTORE.format(through=through))
    demo_site.manage("new_epoch")
    demo_site.manage("place_order", "--count", "4")
    demo_site.serve(quick_server.port)
    expect_orders(pages, 5, timeout=40_000)
    assert max(positions(pages[0])) > had
    for page in pages:
        expect(page.locator("#unread")).to_have_text("5")
        assert page.evaluate("window.here")

    # While servers run: they notice that the log goes back, and the count follows it down.
    demo_site.manage("shell", "-c", RESTORE.format(through=through))
    for page in pages:
        expect(page.locator("#unread")).to_have_text("1")
    demo_site.manage("place_order")
    expect_orders(pages, 2)
    for page in pages:
        expect(page.locator("#unread")).to_have_text("2")
    # Its position was that of another event, which had its toast a moment ago.
    eventually(lambda: toasts(pages) > 0, expected=True)
