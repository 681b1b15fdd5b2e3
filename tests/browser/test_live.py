"""What people see in a real browser while things happen."""

import re
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.support.proxy import Proxy
from tests.support.services import ServeProcess, Site
from tests.support.sse import login

LINE = "#notifications > li"


def log_in(page: Page, server: "ServeProcess | Proxy", name: str) -> Page:
    """Logs in by the form, as a person does."""
    page.goto(f"{server.url}/accounts/login/")
    page.locator("input[name=username]:visible").fill(name)
    page.locator("input[name=password]:visible").fill("demo")
    page.locator("input[name=password]:visible").press("Enter")
    expect(page).to_have_url(f"{server.url}/")
    return page


def become(page: Page, server: "ServeProcess | Proxy", name: str) -> None:
    """Makes a profile that of somebody who has logged in, by the form, but without the pages around it."""
    with closing(login(server.url, name)) as client:
        page.context.clear_cookies()
        page.context.add_cookies(
            [{"name": key, "value": text, "url": server.url} for key, text in client.cookies.items()]
        )


def visit(page: Page, server: "ServeProcess | Proxy", name: str) -> Page:
    """Opens the start page of somebody who has logged in."""
    become(page, server, name)
    page.goto(f"{server.url}/")
    return page


def expect_live(page: Page) -> None:
    """Waits for the stream to be open."""
    expect(page.locator("[data-connection]").first).to_have_text("Live")


@pytest.fixture
def server(demo_site: Site) -> ServeProcess:
    return demo_site.serve()


def test_an_order_added_in_the_admin_appears_on_the_sellers_dashboard(server, browser_page: Callable[..., Page]):
    seller = log_in(browser_page(), server, "seller")
    expect_live(seller)
    expect(seller.locator(LINE)).to_have_count(0)

    admin = log_in(browser_page(), server, "admin")
    admin.goto(f"{server.url}/admin/orders/order/add/")
    for field, text in (("buyer", "buyer"), ("product", "Enamel")):
        admin.locator(f".field-{field} .select2-selection").click()
        admin.locator(".select2-search__field").fill(text)
        admin.locator(".select2-results__option--highlighted", has_text=text).click()
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.locator(".messagelist .success")).to_be_visible()

    line = seller.locator(LINE)
    expect(line).to_have_count(1)
    expect(line).to_contain_text(re.compile(r"buyer placed order 10\d\d"))
    expect(line).to_contain_text("Enamel coffee mug, 14.50\u00a0EUR")
    expect(line).to_have_class(re.compile("unread"))
    expect(seller.locator("[data-unread]").first).to_have_text("1")
    expect(seller).to_have_title(re.compile(r"^\(1\)"))

    # Opening it leads to the order, and reads it.
    line.locator(".line-title:visible").click()
    expect(seller).to_have_url(re.compile(r"/orders/10\d\d/$"))
    expect(seller.locator("[data-unread]").first).not_to_be_visible()


def test_a_published_post_appears_for_followers_and_for_nobody_else(server, demo_site, browser_page):
    follower = visit(browser_page(), server, "follower")
    stranger = visit(browser_page(), server, "buyer")
    for page in (follower, stranger):
        expect_live(page)
    before = follower.locator(LINE).count()
    demo_site.manage("publish_post", "--title", "Tea & <b>glue</b>")
    expect(follower.locator(LINE)).to_have_count(before + 1)
    expect(follower.locator(LINE).first).to_contain_text("author published a new post: Tea & <b>glue</b>")

    stranger.goto(f"{server.url}/authors/author/")
    stranger.get_by_role("button", name="Follow", exact=True).click()
    expect(stranger.get_by_role("button", name="Unfollow")).to_be_visible()
    expect_live(stranger)
    stranger.goto(server.url)
    expect_live(stranger)
    expect(stranger.locator(LINE)).to_have_count(0)
    demo_site.manage("publish_post", "--title", "Second")
    expect(stranger.locator(LINE)).to_have_count(1)


def place_order(page: Page, server: ServeProcess) -> str:
    """Orders something by the button, and returns the number; the payment page is open then."""
    page.goto(f"{server.url}/products/")
    page.get_by_role("button", name="Order now").first.click()
    expect(page).to_have_url(re.compile(r"/orders/\d+/pay/$"))
    return page.url.split("/")[-3]


def test_the_payment_page_goes_to_the_success_page_when_the_provider_calls_back(server, demo_site, browser_page):
    buyer = visit(browser_page(), server, "buyer")
    seller = visit(browser_page(), server, "seller")
    seller.goto(f"{server.url}/sales/")
    expect_live(seller)
    number = place_order(buyer, server)
    expect(seller.locator("main")).to_contain_text(number)
    expect_live(buyer)
    demo_site.manage("simulate_payment", number, "--base-url", server.url)
    expect(buyer).to_have_url(f"{server.url}/orders/{number}/done/")
    expect(buyer.locator("[data-outcome]")).to_have_attribute("data-outcome", "paid")
    expect(buyer.locator("main")).to_contain_text("14.50\u00a0EUR")
    row = seller.locator("li.row", has_text=number)
    expect(row).to_contain_text(re.compile("paid", re.IGNORECASE))


def test_a_declined_attempt_leaves_the_payment_page_open_until_one_succeeds(server, demo_site, browser_page):
    buyer = visit(browser_page(), server, "buyer")
    number = place_order(buyer, server)
    expect_live(buyer)
    for attempt in (1, 2):
        demo_site.manage("simulate_payment", number, "--outcome", "failed", "--base-url", server.url)
        message = f"Attempt {attempt} to pay was declined. You can try again."
        expect(buyer.locator("[data-message]")).to_have_text(message)
        expect(buyer).to_have_url(f"{server.url}/orders/{number}/pay/")
        expect(buyer.locator(".qr svg")).to_be_visible()
        expect(buyer.locator("[data-countdown]")).to_be_visible()
    demo_site.manage("simulate_payment", number, "--base-url", server.url)
    expect(buyer).to_have_url(f"{server.url}/orders/{number}/done/")
    expect(buyer.locator("[data-outcome]")).to_have_attribute("data-outcome", "paid")


def test_the_payment_page_arrives_without_javascript(server, demo_site, browser_page):
    buyer = log_in(browser_page(java_script_enabled=False), server, "buyer")
    number = place_order(buyer, server)
    demo_site.manage("simulate_payment", number, "--base-url", server.url)
    expect(buyer).to_have_url(f"{server.url}/orders/{number}/done/")


def test_a_payment_page_whose_window_ends_says_so(demo_site, browser_page):
    demo_site.environment["PAYMENT_WINDOW_SECONDS"] = "3"
    server = demo_site.serve()
    buyer = visit(browser_page(), server, "buyer")
    number = place_order(buyer, server)
    expect(buyer).to_have_url(f"{server.url}/orders/{number}/done/")
    expect(buyer.locator("[data-outcome]")).to_have_attribute("data-outcome", "expired")


def test_the_page_reconnects_by_itself_and_shows_what_happened_in_between(server, demo_site, browser_page):
    seller = visit(browser_page(), server, "seller")
    expect_live(seller)
    demo_site.manage("place_order")
    expect(seller.locator(LINE)).to_have_count(1)
    server.kill()
    expect(seller.locator("[data-connection]").first).to_have_text("Reconnecting…")
    demo_site.manage("place_order", "--count", "2")
    demo_site.serve(server.port)
    expect(seller.locator(LINE)).to_have_count(3, timeout=40_000)
    expect_live(seller)
    demo_site.manage("place_order")
    expect(seller.locator(LINE)).to_have_count(4)
    positions = [int(line.get_attribute("data-position") or 0) for line in seller.locator(LINE).all()]
    assert positions == sorted(set(positions), reverse=True)
    expect(seller.locator("[data-unread]").first).to_have_text("4")


def test_a_page_restarts_in_good_order_with_its_server(server, demo_site, browser_page):
    """SIGTERM: the stream says bye, the page comes back by itself."""
    seller = visit(browser_page(), server, "seller")
    expect_live(seller)
    assert server.terminate() == 0
    demo_site.manage("place_order")
    demo_site.serve(server.port)
    expect(seller.locator(LINE)).to_have_count(1, timeout=40_000)


def test_all_of_it_in_chinese(server, demo_site, browser_page):
    seller = log_in(browser_page(locale="zh-CN"), server, "seller")
    demo_site.manage("place_order")
    line = seller.locator(LINE).first
    expect(line).to_contain_text("buyer")
    expect(line).to_contain_text("订单")
    expect(seller.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(seller.get_by_role("navigation").first).to_contain_text("通知")


def test_the_inbox_without_javascript(server, demo_site, browser_page):
    demo_site.manage("place_order", "--count", "2")
    seller = log_in(browser_page(java_script_enabled=False), server, "seller")
    expect(seller.locator(LINE)).to_have_count(2)
    seller.goto(f"{server.url}/notifications/")
    seller.get_by_role("button", name="Mark all as read").click()
    expect(seller.locator("li.unread")).to_have_count(0)


def test_logging_out_in_one_tab_stops_the_stream_of_another(server, browser_page):
    page = log_in(browser_page(), server, "seller")
    other = page.context.new_page()
    other.goto(server.url)
    expect_live(other)
    page.get_by_role("button", name="Log out").click()
    expect(other.locator("[data-connection]").first).to_have_text("Stopped: reload the page", timeout=20_000)


def test_the_code_on_the_payment_page_pays_from_another_device(server, browser_page):
    buyer = visit(browser_page(), server, "buyer")
    number = place_order(buyer, server)
    expect(buyer.locator(".qr svg")).to_be_visible()
    address = buyer.locator("main a[href*='/pay/']").get_attribute("href")
    phone = browser_page(viewport={"width": 360, "height": 740})
    phone.goto(address)
    phone.get_by_role("button", name="Confirm").click()
    expect(phone.locator("[data-wallet]")).to_have_attribute("data-wallet", "paid")
    expect(buyer).to_have_url(f"{server.url}/orders/{number}/done/")


def test_cancelling_and_refunding_reach_the_other_side_while_it_looks(server, demo_site, browser_page):
    buyer = visit(browser_page(), server, "buyer")
    seller = visit(browser_page(), server, "seller")
    number = place_order(buyer, server)
    seller.goto(f"{server.url}/orders/{number}/")
    expect_live(seller)
    waiting = buyer.context.new_page()
    waiting.goto(f"{server.url}/orders/{number}/pay/")
    expect_live(waiting)
    buyer.locator("details.confirm summary").click()
    buyer.get_by_role("button", name="Yes, cancel it").click()
    expect(buyer.locator("[data-outcome]")).to_have_attribute("data-outcome", "cancelled")
    expect(waiting).to_have_url(f"{server.url}/orders/{number}/done/")
    expect(waiting.locator("[data-outcome]")).to_have_attribute("data-outcome", "cancelled")
    expect(seller.locator("[data-status]")).to_have_attribute("data-status", "cancelled")
    waiting.close()
    # The provider had the money on its way already.
    demo_site.manage("simulate_payment", number, "--base-url", server.url)
    late = seller.locator("[data-refund-due]")
    expect(late).to_have_count(1)
    late.get_by_role("button").click()
    expect(late).to_have_count(0)
    buyer.goto(f"{server.url}/notifications/")
    expect(buyer.locator("main")).to_contain_text(f"Your payment for order {number} was refunded")
