"""What a person is shown, once: in the list, in the badge, in toasts and on the desktop, in step on all devices."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_client_sharing import eventually, expect_orders, open_tabs, toasts
from tests.browser.test_live import LINE, expect_live

# Records what would appear on the desktop.
DESKTOP = """
    window.desktop = [];
    window.Notification = class {
        static permission = "granted";
        constructor(title, options) { window.desktop.push({title, ...options}); window.lastShown = this; }
        close() {}
    };
"""
HIDDEN = """
    Object.defineProperty(document, "hidden", {get: () => true});
    Object.defineProperty(document, "visibilityState", {get: () => "hidden"});
    document.hasFocus = () => false;
"""


def prefer(page: Page, **changes: object) -> None:
    """Changes the preferences by the API, as another device would."""
    done = page.evaluate(
        """async (changes) => {
            const wanted = await (await fetch("/api/preferences")).json();
            for (const kind of Object.values(wanted.kinds)) Object.assign(kind, changes.ways ?? {});
            Object.assign(wanted.quiet, changes.quiet ?? {});
            delete wanted.quiet_now;
            const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
            const headers = {"Content-Type": "application/json", "X-CSRFToken": token};
            const answer = await fetch("/api/preferences", {method: "PUT", headers, body: JSON.stringify(wanted)});
            return [answer.status, await answer.text()];
        }""",
        changes,
    )
    assert done[0] == 200, done


def test_two_devices_are_in_step(proxy, device, demo_site):
    desk, phone = device(), device(viewport={"width": 360, "height": 740})
    (at_desk,), (on_phone,) = open_tabs(desk, proxy, 1), open_tabs(phone, proxy, 1)
    demo_site.manage("place_order", "--count", "3")
    expect_orders([at_desk, on_phone], 3)
    # Read here, read there: the line, the badge, the title.
    line = at_desk.locator(LINE).nth(1)
    line.get_by_role("button", name="Mark as read").click()
    for page in (at_desk, on_phone):
        expect(page.locator(LINE).nth(1)).not_to_have_class(re.compile("unread"), timeout=2000)
        expect(page.locator("#unread")).to_have_text("2")
        expect(page).to_have_title(re.compile(r"^\(2\)"))
    line.get_by_role("button", name="Mark as unread").click()
    for page in (on_phone, at_desk):
        expect(page.locator("#unread")).to_have_text("3", timeout=2000)
    at_desk.locator(LINE).first.get_by_role("button", name="Dismiss").click()
    for page in (on_phone, at_desk):
        expect(page.locator(LINE)).to_have_count(2, timeout=2000)
        expect(page.locator("#unread")).to_have_text("2")
    on_phone.get_by_role("button", name="Mark all as read").click()
    for page in (at_desk, on_phone):
        expect(page.locator("li.unread")).to_have_count(0)
        expect(page.locator("#unread")).to_be_hidden()
        expect(page).to_have_title(re.compile(r"^[^(]"))


def test_a_toast_opens_what_it_tells_of_and_reads_it(proxy, device, demo_site):
    context = device()
    page = context.pages[0]
    page.goto(f"{proxy.url}/products/")
    page.wait_for_selector("[data-connection=live]")
    demo_site.manage("place_order", "--count", "6")
    # Stacked, but never over the whole page.
    expect(page.locator(".toast")).to_have_count(4)
    expect(page.locator("[data-toasts]")).to_have_attribute("aria-live", "polite")
    page.locator(".toast").first.get_by_role("button", name="Close").click()
    expect(page.locator(".toast")).to_have_count(3)
    page.locator(".toast a").last.focus()
    page.keyboard.press("Escape")
    expect(page.locator(".toast")).to_have_count(2)
    (number,) = re.findall(r"order (\d+)", page.locator(".toast a").first.inner_text())
    page.locator(".toast a").first.click()
    expect(page).to_have_url(re.compile(rf"/orders/{number}/$"))
    expect(page.locator("#unread")).to_have_text("5")


@pytest.mark.parametrize("data", ["{}", "'As plain text'"])
def test_an_event_that_is_not_listed_is_neither_a_line_nor_counted_nor_toasted(proxy, device, demo_site, data):
    (page,) = open_tabs(device(script=DESKTOP), proxy, 1)
    prefer(page, ways={"desktop": True})
    page.evaluate(
        """() => {
            window.kinds = [];
            document.addEventListener("notification", ({ detail }) => window.kinds.push(detail.kind));
        }"""
    )
    script = "from notifications import log; from django.contrib.auth.models import User;"
    script += f"log.append('user:%d' % User.objects.get(username='seller').pk, 'parcel.moved', {data})"
    demo_site.manage("shell", "-c", script)
    demo_site.manage("place_order")
    expect_orders([page], 1)
    expect(page.locator(".toast")).to_have_count(1)
    assert page.evaluate("window.kinds") == ["parcel.moved", "order.placed"]
    expect(page.locator(LINE)).to_have_count(1)
    expect(page.locator("#unread")).to_have_text("1")
    page.reload()
    expect(page.locator(LINE)).to_have_count(1)
    expect(page.locator("#unread")).to_have_text("1")


def test_quiet_hours_keep_and_do_not_toast(proxy, device, demo_site):
    context = device(script=DESKTOP)
    (page,) = open_tabs(context, proxy, 1)
    prefer(page, ways={"desktop": True}, quiet={"on": True, "from": "00:00", "until": "23:59"})
    page.wait_for_timeout(500)
    demo_site.manage("place_order")
    expect_orders([page], 1)
    expect(page.locator("#unread")).to_have_text("1")
    page.wait_for_timeout(700)
    assert (toasts([page]), page.evaluate("window.desktop")) == (0, [])
    # Over at once, on the open page.
    prefer(page, ways={"toast": True, "desktop": True}, quiet={"on": False})
    page.wait_for_timeout(500)
    demo_site.manage("place_order")
    expect(page.locator(".toast")).to_have_count(1)


def test_quiet_hours_are_those_of_the_persons_zone(quick_server, browser_page):
    quiet = {
        ("Asia/Shanghai", "2026-03-01T14:30:00Z"): True,
        ("Asia/Shanghai", "2026-03-01T22:59:00Z"): True,
        ("Asia/Shanghai", "2026-03-01T23:00:00Z"): False,
        ("Europe/Berlin", "2026-03-01T14:30:00Z"): False,
        ("Nowhere/None", "2026-03-01T12:00:00Z"): True,
    }
    page = browser_page()
    page.goto(quick_server.url)
    found = page.evaluate(
        """async (cases) => {
            const {isQuiet, setPreferences} = await import("/static/notifications/page/preferences.js");
            return cases.map(([zone, now]) => {
                setPreferences({quiet: {on: true, from: "22:00", until: "07:00", zone}, quiet_now: true});
                return isQuiet(new Date(now));
            });
        }""",
        list(quiet),
    )
    assert dict(zip(quiet, found, strict=True)) == quiet


def test_the_desktop_shows_each_event_once_when_no_tab_is_looked_at(proxy, device, demo_site):
    context = device(script=DESKTOP)
    prefer(context.pages[0], ways={"desktop": True})
    context.add_init_script(HIDDEN)
    context.pages[0].reload()
    pages = open_tabs(context, proxy, 3)
    demo_site.manage("place_order", "--count", "2")
    expect_orders(pages, 2)
    shown = lambda: [each for page in pages for each in page.evaluate("window.desktop")]  # noqa: E731
    eventually(lambda: len(shown()), 2)
    pages[0].wait_for_timeout(600)
    assert sorted({each["tag"] for each in shown()}) == sorted(each["tag"] for each in shown())
    assert toasts(pages) == 0
    (page, *_) = [page for page in pages if page.evaluate("window.desktop.length")]
    page.evaluate("window.lastShown.onclick()")
    expect(page).to_have_url(re.compile(r"/orders/\d+/$"))
    expect(pages[0].locator("#unread")).to_have_text("1")


def unpublish(site, title: str) -> None:
    """As another process does it: the server's own learns of it through the log."""
    change = (
        f"from blog.models import Post; post = Post.objects.get(title='{title}'); post.status = 'draft'; post.save()"
    )
    site.manage("shell", "-c", change)


def test_a_retracted_event_leaves_open_pages_with_its_toast_and_its_count(proxy, device, demo_site):
    desk, phone = device("follower"), device("follower")
    (page,), (elsewhere,) = open_tabs(desk, proxy, 1), open_tabs(phone, proxy, 1)
    lines, unread = page.locator(LINE).count(), int(page.locator("#unread").get_attribute("data-unread") or 0)
    # A page without lines: the count is asked for.
    elsewhere.goto(f"{proxy.url}/products/")
    elsewhere.wait_for_selector("[data-connection=live]")
    for title in ("Kept", "Taken back"):
        demo_site.manage("publish_post", "--title", title)
    for each in (page, elsewhere):
        expect(each.locator("#unread")).to_have_text(str(unread + 2))
        # Under the pointer a toast stays.
        each.locator(".toast", has_text="Taken back").hover()
    feed = page.locator("#reading-feed")
    expect(feed).to_contain_text("Taken back")
    unpublish(demo_site, "Taken back")
    expect(page.locator(LINE, has_text="Taken back")).to_have_count(0)
    expect(page.locator(LINE)).to_have_count(lines + 1)
    expect(page.locator(LINE).first).to_contain_text("Kept")
    expect(feed).not_to_contain_text("Taken back")
    for each in (page, elsewhere):
        expect(each.locator(".toast", has_text="Taken back")).to_have_count(0)
        expect(each.locator("#unread")).to_have_text(str(unread + 1))
        expect(each).to_have_title(re.compile(rf"^\({unread + 1}\)"))
        each.goto(proxy.url)
        expect(each.locator("#unread")).to_have_text(str(unread + 1))
        expect(each.locator(LINE)).to_have_count(lines + 1)


def test_a_retracted_event_leaves_the_desktop_and_an_open_group(proxy, device, demo_site):
    context = device("follower", script=DESKTOP + "Notification.prototype.close = function () { window.shut = true; };")
    prefer(context.pages[0], ways={"desktop": True})
    context.add_init_script(HIDDEN)
    (page,) = context.pages
    demo_site.manage("publish_post", "--title", "Again and again", "--count", "2")
    page.goto(f"{proxy.url}/notifications/")
    page.wait_for_selector("[data-connection=live]")
    demo_site.manage("publish_post", "--title", "Taken back")
    eventually(lambda: len(page.evaluate("window.desktop")), 1)
    page.goto(f"{proxy.url}/notifications/")
    page.wait_for_selector("[data-connection=live]")
    group = page.locator(".group", has_text="posts").first
    group.locator("summary").click()
    expect(group).to_contain_text("Taken back")
    demo_site.manage("publish_post", "--title", "And one more")
    eventually(lambda: len(page.evaluate("window.desktop")), 1)
    unpublish(demo_site, "And one more")
    eventually(lambda: page.evaluate("window.shut"), expected=True)
    unpublish(demo_site, "Taken back")
    expect(page.locator("#notification-lines")).not_to_contain_text("Taken back")


def test_permission_is_asked_on_a_click_alone(proxy, device):
    script = """
        window.asked = 0;
        window.Notification = class {
            static permission = "default";
            static async requestPermission() { window.asked += 1; return (this.permission = "granted"); }
        };
    """
    page = device(script=script).pages[0]
    page.goto(f"{proxy.url}/notifications/preferences/")
    button = page.get_by_role("button", name="Allow desktop notifications")
    expect(button).to_be_visible()
    assert page.evaluate("window.asked") == 0
    button.click()
    expect(page.locator("[data-desktop-permission]")).to_contain_text("are allowed in this browser")
    assert page.evaluate("window.asked") == 1


def test_the_tabs_icon_and_title_count_up_to_99(proxy, device, demo_site):
    (page,) = open_tabs(device(), proxy, 1)
    plain = page.locator("link[rel=icon]").get_attribute("href")
    demo_site.manage("place_order", "--count", "3")
    icon = page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", re.compile(r"^data:image/svg.*%3E3%3C"))
    demo_site.manage("place_order", "--count", "120")
    expect(page.locator("#unread")).to_have_text("99+")
    expect(page).to_have_title(re.compile(r"^\(99\+\) "))
    expect(icon).to_have_attribute("href", re.compile(r"99%2B%3C"))
    page.reload()
    expect(page.locator("#unread")).to_have_text("99+")
    page.get_by_role("button", name="Mark all as read").click()
    expect(icon).to_have_attribute("href", plain or "")


@pytest.mark.parametrize("path", ["/", "/notifications/", "/sales/"])
def test_nothing_jumps_when_something_arrives(proxy, device, demo_site, path):
    demo_site.manage("place_order", "--count", "2")
    page = device().pages[0]
    page.goto(proxy.url + path)
    expect_live(page)
    page.wait_for_timeout(500)
    page.evaluate(
        """() => {
            window.shifts = [];
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) {
                    const nodes = entry.sources.map(({node}) => node?.outerHTML?.slice(0, 80));
                    if (!entry.hadRecentInput) window.shifts.push([entry.value, nodes]);
                }
            }).observe({type: "layout-shift"});
        }"""
    )
    demo_site.manage("place_order")
    expect(page.locator("#unread")).to_have_text("3")
    page.wait_for_timeout(1000)
    shifts = page.evaluate("window.shifts")
    assert sum(value for value, _nodes in shifts) < 0.01, shifts


def test_without_javascript_all_of_it_can_be_done(quick_server, demo_site, browser_page):
    from tests.browser.test_live import log_in

    demo_site.manage("place_order", "--count", "2")
    page = log_in(browser_page(java_script_enabled=False), quick_server, "seller")
    expect(page.locator(LINE)).to_have_count(2)
    page.locator(LINE).first.get_by_role("button", name="Mark as read").click()
    expect(page.locator(f"{LINE}.unread")).to_have_count(1)
    page.locator(LINE).last.get_by_role("button", name="Dismiss").click()
    expect(page.locator(LINE)).to_have_count(1)
    page.goto(f"{quick_server.url}/notifications/preferences/")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("Settings")
    expect(page.locator(".connection").first).to_be_hidden()
