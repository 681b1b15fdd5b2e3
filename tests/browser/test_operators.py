"""The operators' page in a browser."""

import re

from playwright.sync_api import expect

from tests.support.services import Site
from tests.support.sse import SseClient, login


def test_the_figures_move_by_themselves_and_say_when_they_do_not(demo_site: Site, browser_page):
    first, second = demo_site.serve(), demo_site.serve()
    page = browser_page()
    page.goto(f"{first.url}/admin/login/?next=/admin/notifications/serverprocess/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in", exact=True).click()
    state = page.get_by_role("status")
    expect(state).to_have_text("Live")
    cookies = login(second.url, "seller").cookies
    clients = [SseClient(f"{second.url}/events/", cookies=cookies) for _ in range(7)]
    # Its own stream is one of them.
    expect(page.get_by_text("2 processes, 8 open streams")).to_be_visible(timeout=15_000)
    row = page.locator("tbody tr", has_text=f":{second.pid}")
    expect(row.locator("td").nth(2)).to_have_text("7")
    demo_site.manage("place_order", "--count", "3")
    plot = page.get_by_role("img", name=re.compile("Deliveries per second: [1-9]"))
    expect(plot.locator("polyline")).to_have_count(2, timeout=15_000)
    for client in clients:
        client.close()
    expect(page.get_by_text("2 processes, 1 open streams")).to_be_visible(timeout=15_000)
    second.kill()
    expect(row).to_have_class("silent", timeout=20_000)
    first.kill()
    expect(state).to_have_text("Not live: connecting again …", timeout=20_000)
    again = demo_site.serve(first.port)
    expect(state).to_have_text("Live", timeout=40_000)
    page.context.clear_cookies()
    again.terminate()
    demo_site.serve(first.port)
    expect(state).to_have_text("Not live: you may no longer see this, or have logged out.", timeout=40_000)
