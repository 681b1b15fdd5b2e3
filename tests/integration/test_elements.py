"""The bell and the inbox in Chromium, on pages of a site that has nothing of ours but the tags."""

import re
import time

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import axe as axe  # noqa: PLC0414  the fixture
from tests.browser.test_accessibility import show, violations
from tests.integration.embedding import EmbeddingSite, enter, made
from tests.support.proxy import Proxy
from tests.support.services import ServeProcess

# What a site may do to its own pages; none of it reaches an element.
UGLY = """
body * { color: red; font: italic 40px cursive; letter-spacing: 9px; text-transform: uppercase; text-align: center; }
a, button, svg, li, .line, .title, .badge, .inbox { display: none; border: 9px solid lime; }
.body, .line-title, .bell { background: black; }
"""
LINE = "notifications-inbox .line"
TITLES = f"{LINE} [data-part=title]:visible"
COUNT = "notifications-bell [data-part=count]"
READ_ALL = """
from django.contrib.auth.models import User
from notifications import inbox
inbox.{action}(User.objects.get(username="alice"){rest})
"""
STRICT = """
def strict(get_response):
    def middleware(request):
        response = get_response(request)
        response["Content-Security-Policy"] = {policy!r}
        return response
    return middleware
"""


@pytest.fixture
def site(packages, tmp_path):
    yield from made(packages, tmp_path)


@pytest.fixture
def server(site: EmbeddingSite) -> ServeProcess:
    return site.serve()


def act(page: Page, number: int, name: str) -> None:
    line = page.locator(LINE, has_text=f"Invoice {number} is there")
    line.get_by_role("button", name=name, exact=True).click()


def expect_lines(page: Page, *numbers: int) -> None:
    expect(page.locator(TITLES)).to_have_text([f"Invoice {number} is there" for number in numbers])


def test_reading_and_dismissing_here_and_elsewhere(site, server, browser_page):
    for number in (1, 2, 3):
        site.save(number)
    page = enter(browser_page(), server, "/plain/")
    other = page.context.new_page()
    other.goto(f"{server.url}/plain/")
    for each in (page, other):
        expect_lines(each, 3, 2, 1)
        expect(each.locator(COUNT)).to_have_text("3")
        each.evaluate("globalThis.sameDocument = true")
    act(page, 2, "Mark as read")
    for each in (page, other):
        expect(each.locator(COUNT)).to_have_text("2")
        expect(each.locator(f"{LINE}.unread")).to_have_count(2)
    expect(page.locator(LINE).nth(1).get_by_role("button", name="Mark as unread")).to_be_focused()
    act(page, 2, "Mark as unread")
    expect(other.locator(COUNT)).to_have_text("3")
    act(other, 3, "Dismiss")
    for each in (page, other):
        expect_lines(each, 2, 1)
        expect(each.locator(COUNT)).to_have_text("2")
    page.get_by_role("button", name="Mark all as read").click()
    for each in (page, other):
        expect(each.locator(f"{LINE}.unread")).to_have_count(0)
        expect(each.locator("notifications-bell .badge")).to_be_hidden()
        expect(each.get_by_role("button", name="Mark all as read")).to_be_hidden()
        assert each.evaluate("globalThis.sameDocument")
    # What comes later can be marked too: the form goes up to it.
    site.save(4)
    expect_lines(page, 4, 2, 1)
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator("notifications-bell .badge")).to_be_hidden()
    # Opening one leaves the page, and marks it.
    site.save(5)
    page.get_by_role("button", name="Invoice 5 is there").click()
    page.wait_for_url("**/invoices/5/")
    expect(other.locator("notifications-bell .badge")).to_be_hidden()


def test_a_retracted_notification_leaves_and_an_older_one_moves_up(site, server, browser_page):
    for number in range(1, 13):
        site.save(number)
    page = enter(browser_page(), server, "/plain/")
    expect_lines(page, *range(12, 2, -1))
    site.shell("from invoices.models import Invoice; Invoice.objects.get(number=12).delete()")
    expect_lines(page, *range(11, 1, -1))
    expect(page.locator(COUNT)).to_have_text("11")


def test_without_a_script_it_is_a_link_and_a_list_with_forms(site, server, browser_page):
    for number in (1, 2, 3):
        site.save(number)
    page = enter(browser_page(java_script_enabled=False), server, "/plain/")
    expect_lines(page, 3, 2, 1)
    act(page, 3, "Dismiss")
    page.wait_for_url("**/plain/")
    expect_lines(page, 2, 1)
    act(page, 2, "Mark as read")
    expect(page.locator(COUNT)).to_have_text("1")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator("notifications-bell .badge")).to_be_hidden()
    page.get_by_role("link", name="Notifications", exact=False).first.click()
    page.wait_for_url("**/notifications/")


def test_an_anonymous_visitor_has_a_page_without_them(site, server, browser_page):
    views = site.folder / "invoices" / "views.py"
    views.write_text(
        views.read_text().replace("LoginRequiredMixin, ", "").replace(".filter(customer=self.request.user)", "")
    )
    page = browser_page()
    page.goto(f"{site.serve().url}/plain/")
    expect(page.get_by_role("heading", name="Invoices")).to_be_visible()
    assert page.locator("notifications-bell, notifications-inbox, script[src*=elements]").count() == 0


def test_the_styles_of_the_site_and_of_the_elements_do_not_meet(site, server, browser_page):
    site.save(1)
    page = enter(browser_page(), server, "/plain/")
    expect_lines(page, 1)
    assert page.evaluate("document.styleSheets.length") == 0, "the sheets of the elements are in their shadow roots"
    looks = """() => ["bell", "inbox"].flatMap((name) => [...document.querySelector(`notifications-${name}`).shadowRoot
        .querySelectorAll("a, button, li, svg, section, .badge, .title, time")].map((each) => {
            const look = getComputedStyle(each);
            const names = ["display", "font", "borderTopWidth", "backgroundColor", "letterSpacing", "textTransform", "textAlign"];
            // The bell has the colour of the text around it.
            return [name, each.tagName, ...names.map((one) => look[one]), name === "inbox" ? look.color : ""].join(" ");
        }))"""
    before = page.evaluate(looks)
    assert len(before) > 10
    page.add_style_tag(content=UGLY)
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize") == "40px"
    assert page.evaluate(looks) == before
    page.add_style_tag(
        content=":root { --notifications-accent: rgb(1, 2, 3); --notifications-font: italic 20px serif; }"
    )
    button = page.get_by_role("button", name="Mark all as read")
    assert button.evaluate("(each) => getComputedStyle(each).color") == "rgb(1, 2, 3)"
    assert page.locator(LINE).evaluate("(each) => getComputedStyle(each).fontFamily") == "serif"
    page.add_style_tag(content="notifications-inbox::part(inbox) { font: inherit }")
    assert page.locator(LINE).evaluate("(each) => getComputedStyle(each).fontFamily") == "cursive"


@pytest.mark.parametrize(
    "policy",
    [
        "default-src 'self'",
        "default-src 'none'; script-src 'nonce-abc'; style-src 'nonce-abc'; connect-src 'self'; worker-src 'self'; form-action 'self'",
    ],
)
def test_a_strict_content_security_policy_forbids_nothing_that_they_need(site, browser_page, policy):
    (site.folder / "mysite" / "strict.py").write_text(STRICT.format(policy=policy))
    with (site.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write('\nMIDDLEWARE = ["mysite.strict.strict", *MIDDLEWARE]\n')
        if "nonce" in policy:
            settings.write('TEMPLATES[0]["OPTIONS"]["context_processors"].append("mysite.strict.nonce")\n')
    with (site.folder / "mysite" / "strict.py").open("a") as code:
        code.write('\n\ndef nonce(request):\n    return {"csp_nonce": "abc"}\n')
    page_file = site.folder / "invoices" / "templates" / "invoices" / "plain.html"
    page_file.write_text(page_file.read_text().replace("<script ", '<script nonce="{{ csp_nonce }}" '))
    server = site.serve()
    page = browser_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    enter(page, server, "/plain/")
    site.save(1)
    expect_lines(page, 1)
    expect(page.locator(COUNT)).to_have_text("1")
    assert (
        page.locator("notifications-inbox .inbox").evaluate("(each) => getComputedStyle(each).borderTopWidth") == "1px"
    )
    act(page, 1, "Dismiss")
    expect(page.locator(LINE)).to_have_count(0)
    assert [line for line in said if "favicon" not in line and "404" not in line] == []


def test_all_tabs_and_elements_share_one_stream(site, server, browser_page):
    with (site.folder / "invoices" / "templates" / "invoices" / "plain.html").open("a") as page_file:
        page_file.write('{% notifications_bell %}{% include "notifications/live.html" %}')
    page = enter(browser_page(), server, "/plain/")
    other = page.context.new_page()
    other.goto(f"{server.url}/plain/")
    site.save(1)
    for each in (page, other):
        expect(each.locator(COUNT)).to_have_text(["1", "1"])
        expect_lines(each, 1)
    shell = "from notifications.models import ServerProcess; print(ServerProcess.objects.count())"
    # A process reports itself a moment after its start.
    deadline = time.monotonic() + 30
    while (processes := site.shell(shell).strip()) != "1" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes == "1"
    metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text
    assert re.findall(r"^notifications_streams_open(?:{[^}]*})? (\S+)", metrics, re.MULTILINE) == ["1.0"]


def test_a_page_whose_session_is_another_person_s_by_now_shows_nothing_of_theirs(site, server, browser_page):
    bare = site.folder / "invoices" / "templates" / "invoices" / "list.html"
    bare.write_text("<!DOCTYPE html>{% load notifications %}{% notifications_bell %}{% notifications_inbox %}")
    site.save(1)
    page = enter(browser_page(), server, "/list/")
    expect_lines(page, 1)
    site.save(7, "bob")
    expect_lines(enter(page.context.new_page(), server, "/list/", "bob"), 7)
    with page.expect_response(re.compile("/api/inbox")) as asked:
        page.evaluate("document.dispatchEvent(new CustomEvent('notifications:reset'))")
    assert asked.value.status == 403
    expect_lines(page, 1)


def test_a_kind_that_is_switched_off_leaves_the_open_page(site, server, browser_page):
    bare = site.folder / "invoices" / "templates" / "invoices" / "list.html"
    bare.write_text("<!DOCTYPE html>{% load notifications %}{% notifications_bell %}{% notifications_inbox %}")
    site.save(1)
    page = enter(browser_page(), server, "/list/")
    expect_lines(page, 1)
    site.shell(
        "from django.contrib.auth.models import User\nfrom notifications import preferences\n"
        "chosen = preferences.checked({'invoices.invoice_sent': preferences.Choice(page=False)}, preferences.Quiet())\n"
        "preferences.save(User.objects.get(username='alice'), chosen)"
    )
    expect(page.locator(LINE)).to_have_count(0)
    expect(page.locator("notifications-bell .badge")).to_be_hidden()


def test_what_a_swapped_in_page_has_missed_is_caught_up(site, server, browser_page):
    """As libraries do it: the text of a page, parsed by a DOMParser, in place of the body."""
    site.save(1)
    page = enter(browser_page(), server, "/plain/")
    expect_lines(page, 1)
    page.evaluate(
        "async () => { globalThis.text = await (await fetch(location.href)).text(); globalThis.sameDocument = true; }"
    )
    site.save(2)
    expect_lines(page, 2, 1)
    page.evaluate("document.body.replaceWith(new DOMParser().parseFromString(text, 'text/html').body)")
    expect_lines(page, 2, 1)
    expect(page.locator(COUNT)).to_have_text("2")
    site.save(3)
    expect_lines(page, 3, 2, 1)
    expect(page.locator(COUNT)).to_have_text("3")
    act(page, 3, "Dismiss")
    expect_lines(page, 2, 1)
    assert page.evaluate("document.body.dataset.user") == "1"
    assert page.evaluate("sameDocument")


def test_what_happened_during_a_break_is_there_after_it(site, server, browser_page):
    proxy = Proxy(server.port)
    try:
        page = enter(browser_page(), proxy, "/plain/")
        site.save(1)
        expect_lines(page, 1)
        proxy.fail()
        expect(page.locator("notifications-inbox .connection")).to_have_text("Reconnecting…")
        site.save(2)
        proxy.recover()
        expect(page.locator("notifications-inbox .connection")).to_be_hidden(timeout=60_000)
        expect_lines(page, 2, 1)
        expect(page.locator(COUNT)).to_have_text("2")
    finally:
        proxy.close()


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_on_a_bare_page(site, server, browser_page, axe, dark):
    if dark:
        page_file = site.folder / "invoices" / "templates" / "invoices" / "plain.html"
        page_file.write_text(
            page_file.read_text().replace("<title>", '<meta name="color-scheme" content="light dark"><title>')
        )
    page = enter(browser_page(reduced_motion="reduce"), server, "/plain/")
    found = []
    for number in range(3):
        for look in ("desktop", "phone"):
            show(page, look)
            found += violations(page, axe)
        site.save(number + 1)
        expect(page.locator(LINE)).to_have_count(number + 1)
        act(page, 1, "Mark as read" if number % 2 == 0 else "Mark as unread")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not found, "\n".join(found)


def test_a_page_under_a_prefix_has_its_addresses(site, browser_page):
    with (site.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write('\nFORCE_SCRIPT_NAME = "/shop"\n')
    server = site.serve()
    page = browser_page()
    page.goto(f"{server.url}/shop/admin/login/?next=/shop/plain/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/shop/plain/")
    site.save(1)
    expect_lines(page, 1)
    act(page, 1, "Dismiss")
    expect(page.locator(LINE)).to_have_count(0)
    assert page.locator("notifications-bell .bell").get_attribute("href") == "/shop/notifications/"
