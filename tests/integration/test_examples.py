"""docs/embedding.md, done as it is written: each page, in Chromium, gets an invoice that another process saves."""

import re
import subprocess
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.integration.embedding import NODE, EmbeddingSite, added, block, enter, lines, made, needs
from tests.support.proxy import Proxy
from tests.support.services import ROOT, ServeProcess

TSC = NODE / ".bin" / "tsc"
# So many lines the document says that each page needs beyond its own.
PROMISED = {"plain": 4, "htmx": 5, "htmx-shared": 5, "turbo": 5}
WORDS = {4: "Four", 5: "Five"}


@pytest.fixture(scope="module")
def site(packages, tmp_path_factory):
    yield from made(packages, tmp_path_factory.mktemp("embedding"))


@pytest.fixture(scope="module")
def server(site: EmbeddingSite) -> ServeProcess:
    return site.serve()


def invoice(page: Page, number: int):
    return page.locator(f"#invoice-{number}")


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def mark(page: Page) -> None:
    """What is lost with the page."""
    page.evaluate("globalThis.sameDocument = true")


def assert_not_reloaded(page: Page) -> None:
    assert page.evaluate("globalThis.sameDocument === true")


@pytest.mark.parametrize("name", PROMISED)
def test_a_page_has_as_many_lines_as_the_document_says(name):
    assert len(added(name)) == PROMISED[name], added(name)
    text = (ROOT / "docs" / "embedding.md").read_text()
    before = text[: text.index(block(f"invoices/{name}.html").code)]
    # In the sentence before the block, or in that of the section.
    assert re.findall(r"\b(Four|Five|five) lines\b", before)[-1].capitalize() == WORDS[PROMISED[name]]


def test_the_scripts_have_as_many_lines_as_the_document_says():
    text = (ROOT / "docs" / "embedding.md").read_text()
    assert "A hook of 19 lines" in text
    assert len(lines(block("useNotifications.js").code)) == 19
    assert "three of script" in text
    assert len(lines(block("turbo.js").code)) == 3


def test_plain_django(site, server, browser_page):
    site.save(1)
    page = enter(browser_page(), server, "/plain/")
    mark(page)
    expect(page.locator("notifications-bell .badge")).to_have_text("1 unread")
    expect(page.locator("notifications-inbox .line")).to_have_count(1)
    site.save(2)
    expect(invoice(page, 2)).to_have_text("Invoice 2")
    expect(page.locator("notifications-bell .badge")).to_have_text("2 unread")
    expect(page.locator("notifications-inbox .line .title:visible")).to_have_text(
        ["unread: Invoice 2 is there", "unread: Invoice 1 is there"]
    )
    assert_not_reloaded(page)


def test_htmx_with_its_extension(site, server, browser_page):
    needs("htmx.org", "htmx-ext-sse")
    page = enter(browser_page(), server, "/htmx/")
    mark(page)
    site.save(11)
    expect(invoice(page, 11)).to_be_visible()
    site.save(12)
    expect(invoice(page, 12)).to_be_visible()
    assert_not_reloaded(page)


@pytest.mark.parametrize("resumes", [True, False])
def test_htmx_after_an_answer_that_is_no_stream_begins_where_its_address_says(site, browser_page, resumes):
    """A 502 ends the browser's own attempts; the extension makes a new EventSource, without the last id."""
    needs("htmx.org", "htmx-ext-sse")
    templates = site.folder / "invoices" / "templates" / "invoices"
    text = block("invoices/htmx.html").code
    if not resumes:
        text, count = re.subn("&lastEventId={{.*?}}", "", text)
        assert count == 1
    (templates / "list.html").write_text(text)
    proxy = Proxy(site.serve().port)
    try:
        page = enter(browser_page(), proxy, "/list/")
        mark(page)
        first = 21 if resumes else 25
        wait_until(lambda: proxy.streams() == 1)
        site.save(first)
        expect(invoice(page, first)).to_be_visible()
        proxy.fail()
        refused = len(proxy.requests)
        wait_until(lambda: any("/events/" in path for path in proxy.requests[refused:]))
        site.save(first + 1)
        asked = proxy.requests.count("/list/")
        proxy.recover()
        wait_until(lambda: proxy.streams() == 1)
        if resumes:
            expect(invoice(page, first + 1)).to_be_visible()
        else:
            # What happens next is the first that the page hears of.
            site.save(first + 2)
            expect(invoice(page, first + 2)).to_be_visible()
            assert proxy.requests.count("/list/") == asked + 1
        assert_not_reloaded(page)
    finally:
        proxy.close()


def test_htmx_with_the_events_of_the_page(site, server, browser_page):
    needs("htmx.org")
    page = enter(browser_page(), server, "/htmx-shared/")
    mark(page)
    expect(page.locator("notifications-bell .bell")).to_be_visible()
    site.save(31)
    expect(invoice(page, 31)).to_be_visible()
    assert_not_reloaded(page)


def test_turbo(site, server, browser_page):
    needs("@hotwired/turbo")
    page = enter(browser_page(), server, "/turbo/")
    mark(page)
    unread = int(page.locator("notifications-bell [data-part=count]").inner_text())
    for number in (41, 42):
        site.save(number)
        unread += 1
        expect(invoice(page, number)).to_be_visible()
        expect(page.locator("notifications-bell [data-part=count]")).to_have_text(str(unread))
    # The morphed page has brought the bell's template again.
    expect(page.locator("notifications-bell > template")).to_have_count(0)
    # A visit replaces the body. The bell of the new one is alive too, and the connection is the same.
    page.evaluate("Turbo.visit('/turbo/?again')")
    page.wait_for_url("**/turbo/?again")
    assert_not_reloaded(page)
    site.save(43)
    expect(invoice(page, 43)).to_be_visible()
    expect(page.locator("notifications-bell .badge")).to_have_text(f"{unread + 1} unread")


def test_react(site, server, browser_page):
    needs("react", "react-dom")
    page = enter(browser_page(), server, "/react/", "bob")
    mark(page)
    expect(page.locator("#notifications h2")).to_have_text("Notifications (0)")
    site.save(51, "bob")
    expect(page.locator("#notifications h2")).to_have_text("Notifications (1)")
    expect(page.locator("#notifications li")).to_have_text(["Invoice 51 is there"])
    expect(page.locator(".toast")).to_have_count(1)
    page.locator(".toast a").evaluate("(link) => { link.removeAttribute('href'); link.click(); }")
    expect(page.locator("#notifications h2")).to_have_text("Notifications (0)")
    assert_not_reloaded(page)


MISUSED = {
    "document.addEventListener('notifications:notification', ({ detail }) => detail.titel);": "TS2551",
    "document.addEventListener('notifications:notification', ({ detail }) => detail.data.number);": "TS18046",
    "document.addEventListener('notifications:unread', ({ detail }) => { const text: string = detail.count; });": "TS2322",
    "document.addEventListener('notifications:unraed', ({ detail }) => detail);": "TS2339",
    "document.addEventListener('notifications:connection', ({ detail }) => detail.state === 'up');": "TS2367",
    "document.addEventListener('notifications:inbox', ({ detail }) => detail.read.push(1));": "TS2339",
}


def compiled(folder, *files) -> subprocess.CompletedProcess[str]:
    options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"]
    return subprocess.run([TSC, *options, *files], cwd=folder, capture_output=True, text=True)


def test_a_strangers_typescript_is_checked_against_the_types_of_the_wheel(site, packages, tmp_path):
    needs("typescript")
    found = site.run(
        "manage.py", "findstatic", "--first", "--verbosity", "0", "notifications/types.d.ts"
    ).stdout.strip()
    assert found == str(packages / "notifications" / "static" / "notifications" / "types.d.ts")
    (tmp_path / "checked.ts").write_text(block("checked.ts").code)
    done = compiled(tmp_path, found, "checked.ts")
    assert done.returncode == 0, done.stdout
    for at, code in enumerate(MISUSED):
        (tmp_path / f"wrong{at}.ts").write_text(f"{code}\nexport {{}};\n")
    done = compiled(tmp_path, found, *(f"wrong{at}.ts" for at in range(len(MISUSED))))
    errors = dict(re.findall(r"^wrong(\d+)\.ts\(1,\d+\): error (TS\d+)", done.stdout, re.MULTILINE))
    assert [errors.get(str(at)) for at in range(len(MISUSED))] == list(MISUSED.values()), done.stdout
