"""Who gets what: every address of the project, every role, GET and POST, with the expected status written down.

An address that is not in the table fails the test, and so does a row whose address is gone.
"""

import asyncio
import copy
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group, User
from django.core import signing
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.timezone import now

from blog.models import Follow, Post
from config.asgi import application
from config.stage import SALT
from notifications import inbox
from notifications.digests import message
from notifications.models import ConsumerCursor, Digest, Event, Preference, ServerProcess, Subscription
from orders.demo import wallet
from orders.models import Callback, Payment
from tests.site.matrix_table import ROLES, TABLE
from tests.support.asgi import Reader, cookies_of, following, in_thread
from tests.support.people import order, person, product


@dataclass
class Cast:
    """Everybody, and one of everything: an order of the buyer with the seller, a post that the follower was told of."""

    people: dict[str, User]
    paths: dict[str, str]


def patterns(found: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """The addresses that Django knows."""
    for each in found:
        if isinstance(each, URLResolver):
            yield from patterns(each.url_patterns, prefix + str(each.pattern))
        else:
            yield prefix + str(each.pattern)


def streams() -> set[str]:
    """The addresses that ASGI answers before Django."""
    routes = application.routes
    return {str(route.pattern) for route in routes} - {""}


def rows() -> dict[tuple[str, str], list[int]]:
    """The table: address and method → statuses by role."""
    found = {}
    for line in TABLE.strip().splitlines():
        address, method, *statuses = line.split()
        found[address, method] = [int(status) for status in statuses]
    return found


@pytest.fixture
def cast(settings) -> Cast:
    # The matrix is long, and the machine may be slow.
    settings.PAYMENT_WINDOW_SECONDS = 3600
    people = {name: person(name) for name in ROLES if name != "anonymous"}
    User.objects.filter(username__in=["staff", "admin"]).update(is_staff=True)
    User.objects.filter(username="admin").update(is_superuser=True)
    people = {name: User.objects.get(pk=user.pk) for name, user in people.items()}
    author = person("author")
    Follow.objects.create(follower=people["follower"], author=author)
    mug = product(people["seller"])
    product(people["other_seller"])
    placed = order(people["buyer"], mug)
    post = Post.objects.create(author=author, title="News", status=Post.Status.PUBLISHED)
    reported = {"report_id": "r", "outcome": "failed", "amount": "1", "currency": "EUR"}
    objects = {
        "auth/group": Group.objects.create(name="some"),
        "auth/user": author,
        "notifications/event": inbox.items(people["seller"]).first(),
        "notifications/subscription": Subscription.objects.first(),
        "notifications/preference": Preference.objects.create(user=author),
        "notifications/serverprocess": ServerProcess.objects.create(name="a", started_at=now(), reported_at=now()),
        "notifications/consumercursor": ConsumerCursor.objects.create(name="mail", position=0, begun=0),
        "notifications/digest": Digest.objects.create(user=author),
        "orders/product": mug,
        "orders/order": placed,
        "orders/payment": Payment.objects.create(order=placed, **reported),
        "orders/callback": Callback.objects.create(provider="standard", source="x", body="", outcome="x", status=200),
        "blog/post": post,
        "blog/follow": Follow.objects.first(),
    }
    assert all(objects.values())
    paths = {f"admin/{name}/<path:object_id>/": f"admin/{name}/{found.pk}/" for name, found in objects.items() if found}
    told = inbox.items(people["seller"]).first()
    paths |= {
        "admin/notifications/event/<int:pk>/": f"admin/notifications/event/{Event.objects.values_list('pk', flat=True)[0]}/",
        "admin/auth/user/<id>/": f"admin/auth/user/{author.pk}/",
        "<path:content_type_id>/<path:object_id>": "1/1",
        "^(?P<app_label>auth|notifications|orders|blog)/$": "orders/",
        "(?P<url>.*)$": "nothing/",
        "products/<int:pk>/": f"products/{mug.pk}/",
        "payments/<int:pk>/": f"payments/{Payment.objects.values_list('pk', flat=True)[0]}/",
        "posts/<int:pk>/": f"posts/{post.pk}/",
        "<int:number>": str(placed.number),
        "<int:position>": str(told.position if told else 1),
        "<str:username>": "author",
        "unsubscribe/<str:token>": f"unsubscribe/{message.token(author)}",
        "pay/<str:token>": f"pay/{wallet.token(placed)}",
        "enter/<str:token>": f"enter/{signing.dumps('buyer', salt=SALT)}",
        "<str:provider>": "alipay",
    }
    return Cast(people, paths)


def path_of(cast: Cast, address: str) -> str:
    for pattern, path in cast.paths.items():
        address = address.replace(pattern, path)
    assert not {"<", "("} & set(address), f"{address}: say in `cast` what stands there"
    return f"/{address}"


def browsers(cast: Cast) -> dict[str, Client]:
    """A browser for each role, which is logged in once: to log in takes longer than most requests."""
    clients = {role: Client(raise_request_exception=False) for role in ROLES}
    for role, person_of_role in cast.people.items():
        clients[role].force_login(person_of_role)
    return clients


def asked(client: Client, path: str, method: str) -> int:
    """The status of one request, whose effects are undone, in the browser too."""
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        status = client.generic(method, path).status_code
        transaction.set_rollback(True)
    client.cookies = cookies
    return status


def test_every_address_has_its_rows_and_every_row_its_address():
    known = {*patterns(get_resolver().url_patterns), *streams()}
    assert {(address or "/", method) for address in known for method in ("GET", "POST")} == set(rows())
    assert all(len(statuses) == len(ROLES) for statuses in rows().values())


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_every_role_gets_what_the_table_says(cast: Cast):
    clients = browsers(cast)
    found = {
        (address, method): [asked(clients[role], path_of(cast, address.removeprefix("/")), method) for role in ROLES]
        for address, method in rows()
        if address not in streams()
    }
    wrong = {
        f"{method} {address} as {role}": f"{status}, expected {expected}"
        for (address, method), statuses in found.items()
        for role, status, expected in zip(ROLES, statuses, rows()[address, method], strict=True)
        if status != expected
    }
    assert not wrong


@pytest.mark.django_db(transaction=True)
def test_every_role_gets_the_streams_that_the_table_says(cast: Cast):
    async def statuses(address: str, method: str) -> list[int]:
        found = []
        for role in ROLES:
            cookie = b"" if role == "anonymous" else await in_thread(cookies_of, cast.people[role])
            reader = await Reader(application, path_of(cast, address), cookie, method=method).opened()
            await reader.leave()
            found.append(reader.status)
        return found

    async def main() -> dict[tuple[str, str], list[int]]:
        async with following():
            return {row: await statuses(*row) for row in rows() if row[0] in streams()}

    found = asyncio.run(main())
    assert {address for address, _method in found} == streams()
    assert found == {row: rows()[row] for row in found}
