"""The simulated provider, over real HTTP from its own process; and the races and laboratories it is there for."""

import pytest

from tests.support.services import POSTGRESQL, SQLITE, Site
from tests.support.sse import SseClient, login

both_engines = pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)


def statuses(site: Site, number: str) -> list[str]:
    code = (
        "from orders.models import *\n"
        f"o = Order.objects.get(number={number})\n"
        "print(o.status, o.payments.count(), o.callbacks.count())"
    )
    return site.manage("shell", "--verbosity", "0", "--command", code).stdout.split()


@both_engines
def test_fifty_callbacks_at_once_give_one_transition_and_one_event_each(demo_site: Site):
    server = demo_site.serve()
    number = demo_site.manage("place_order").stdout.split()[-1]
    buyer, seller = login(server.url, "buyer").cookies, login(server.url, "seller").cookies
    with (
        SseClient(f"{server.url}/orders/{number}/events/", cookies=buyer) as page,
        SseClient(f"{server.url}/events/", cookies=buyer) as inbox,
        SseClient(f"{server.url}/events/", cookies=seller) as sales,
    ):
        done = demo_site.manage("simulate_payment", number, "--times", "50", "--concurrent", "--base-url", server.url)
        assert "200 success (50 times)" in done.stdout
        page.wait_closed()
        demo_site.manage("place_order")
        sales.wait_for(lambda event: event.event == "order.placed")
        inbox.wait_for(lambda event: event.event == "payment.succeeded")
    assert [event.event for event in page.events] == ["payment.succeeded", "finish"]
    assert [event.event for event in inbox.events] == ["payment.succeeded"]
    assert [event.event for event in sales.events] == ["order.paid", "order.placed"]
    assert statuses(demo_site, number) == ["paid", "1", "50"]


def test_what_the_options_do_and_which_exit_codes_they_end_with(demo_site: Site):
    server = demo_site.serve()
    number = demo_site.manage("place_order").stdout.split()[-1]

    def simulate(*options: str, to: str = server.url) -> tuple[int, str]:
        done = demo_site.manage("simulate_payment", number, "--base-url", to, *options, check=False)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    refused = {
        ("--bad-signature",): "401",
        ("--stale",): "five minutes",
        ("--amount", "0.01"): "409",
        ("--secret", "whsec_" + "QUJD" * 10): "401",
    }
    for options, said in refused.items():
        code, output = simulate(*options)
        assert code == 2, output
        assert said in output
    assert simulate("--outcome", "failed", "--delay", "0.1")[0] == 0
    assert statuses(demo_site, number)[:2] == ["pending", "1"]
    assert simulate(to="http://127.0.0.1:1")[0] == 4
    for options in (("--times", "0"), ("--delay", "-1"), ("--amount", "x"), ("--secret", "é!"), ("--outcome", "maybe")):
        assert simulate(*options)[0] in (1, 2)
    assert simulate(to="ftp://x")[0] == 2
    assert demo_site.manage("simulate_payment", check=False).returncode == 1
    assert demo_site.manage("simulate_payment", "99999999", check=False).returncode == 1
    assert demo_site.manage("simulate_payment", number, "--lab", check=False).returncode == 1


@both_engines
def test_the_callback_lab_ends_with_every_scenario_as_it_must_be(demo_site: Site):
    done = demo_site.manage("simulate_payment", "--lab", "--speed", "50000", timeout=110)
    lines = done.stdout.splitlines()
    assert lines[-1] == "All 14 scenarios went as they must."
    assert sum(line.endswith("ok") for line in lines) == 14


def test_the_lab_fails_where_the_site_does(demo_site: Site):
    """A lab that could not fail would show nothing: here the site does not take the provider's secret."""
    server = demo_site.serve()
    demo_site.environment["PAYMENT_CALLBACK_SECRETS"] = "whsec_" + "QUJD" * 10
    code = (
        "from orders.demo.lab import run; run.SEEN_WITHIN = 2.0\n"
        "from django.core.management import call_command\n"
        f"call_command('simulate_payment', '--lab', '--speed', '50000', '--base-url', {server.url!r})"
    )
    done = demo_site.manage("shell", "--command", code, check=False, timeout=110)
    assert done.returncode != 0
    assert "scenarios went wrong" in done.stderr
