"""Pages in a language that is written from right to left."""

import pytest

from tests.integration.kinds import KINDS, Made, made

# Where the first and the last character of an element's text are, once it is a question.
ENDS = """selector => {
    const text = document.querySelector(selector).firstChild;
    text.data = "Is it there?";
    return [0, text.data.length - 1].map(at => {
        const range = document.createRange();
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        return range.getBoundingClientRect().left;
    });
}"""


@pytest.fixture
def arabic(packages, tmp_path):
    site = made(packages, tmp_path, KINDS["Arabic"])
    yield Made(site, KINDS["Arabic"])
    site.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_an_arabic_page_runs_from_right_to_left(arabic, browser_page, width):
    server = arabic.site.serve()
    arabic.save(6)
    page = browser_page(viewport={"width": width, "height": 700}, locale="ar")
    page.goto(f"{server.url}/admin/login/?next=/notifications/")
    page.locator("[name=username]").fill("alice")
    page.locator("[name=password]").fill("demo")
    page.locator("[type=submit]").click()
    # Until its style sheets are loaded too.
    page.wait_for_url("**/notifications/")
    assert page.locator("html").get_attribute("dir") == "rtl"
    line = page.locator(".line", has_text="Invoice 6 is there")
    edges = {name: box(line.locator(name).first) for name in (".icon", ".line-text", "time")}
    assert edges[".icon"][0] > edges[".line-text"][0] > edges["time"][0] or width < 600
    assert edges[".icon"][0] > edges[".line-text"][0]
    # The mark of the unread is beside the icon, on its outer side.
    mark = page.evaluate("getComputedStyle(document.querySelector('.line.unread'), '::before').right")
    assert float(mark.removesuffix("px")) < 40
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    first, last = page.evaluate(ENDS, ".line [data-part=title]")
    assert first < last, "a text has the direction of its own language, with its punctuation at its end"
    arabic.save(7)
    toast = page.locator(".toast", has_text="Invoice 7 is there")
    toast.wait_for()
    left, right = box(toast)
    assert left < width - right or width < 600


def box(locator) -> tuple[float, float]:
    """Returns the left and the right edge, in pixels."""
    found = locator.bounding_box()
    return found["x"], found["x"] + found["width"]
