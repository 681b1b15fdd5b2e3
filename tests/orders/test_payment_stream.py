"""The stream of one payment carries that payment alone."""

import pytest

from notifications import log, subscriptions
from notifications.stream import EventStream, each
from orders.payments.stream import payment_plan
from tests.support.asgi import Reader, cookies_of, in_thread, run
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_the_buyer_follows_meanwhile_does_not_come_to_the_payment_page():
    alice, bob = person("alice"), person("bob")
    waiting = order(bob, product(alice))
    cookie = cookies_of(bob)

    async def scenario():
        reader = Reader(EventStream(each(payment_plan)), f"/orders/{waiting.number}/events/", cookie)
        reader.scope |= {"url_route": {"kwargs": {"number": waiting.number}}}
        await reader.opened()
        await in_thread(subscriptions.subscribe, bob, "author:7")
        await in_thread(log.append, "author:7", "post.published", {"author": "carol", "title": "Hello"})
        await in_thread(log.append, waiting.channel, "happened", {})
        await reader.until(lambda r: r.told())
        await reader.leave()
        return [kind for _position, kind in reader.told()]

    assert run(scenario) == ["happened"]
