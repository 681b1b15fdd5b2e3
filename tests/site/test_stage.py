"""The demo's stage: every role by a link, deeds by a button, and none of it on a site for real."""

import pytest
from django.core import signing
from django.test import Client

from blog.models import Post
from config import stage
from notifications import inbox
from orders.models import Order, Status
from tests.support.people import person, product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def demo(settings):
    settings.DEBUG = True
    settings.PAYMENT_DEMO_WALLET = True
    people = {name: person(name) for name in ("seller", "buyer", "author", "follower", "admin")}
    product(people["seller"])
    return people


def test_each_role_opens_at_a_host_of_its_own(client, demo):
    roles = client.get("/", HTTP_HOST="127.0.0.1:8000").context["roles"]
    assert [role.username for role in roles] == list(demo)
    assert roles[0].url.startswith("http://seller.localhost:8000/demo/enter/")
    path = roles[0].url.removeprefix("http://seller.localhost:8000")
    assert client.get(path, HTTP_HOST="seller.localhost:8000")["Location"] == "/"
    assert client.get("/").wsgi_request.user == demo["seller"]


@pytest.mark.parametrize(
    ("host", "opens_at"),
    [
        ("localhost:9000", "buyer.localhost:9000"),
        ("[::1]:8000", "buyer.localhost:8000"),
        ("seller.localhost", "buyer.localhost"),
        ("192.0.2.7:8000", "192.0.2.7:8000"),
        ("[2001:db8::7]", "[2001:db8::7]"),
    ],
)
def test_a_site_reached_by_another_name_keeps_it(rf, settings, host, opens_at):
    settings.ALLOWED_HOSTS = ["*"]
    assert stage.host_for(rf.get("/", HTTP_HOST=host), "buyer") == opens_at


def test_only_links_that_the_site_made_open_a_session_and_only_the_demos(client, demo):
    person("charlie")
    for token in ("seller", signing.dumps("seller", salt="other"), signing.dumps("charlie", salt=stage.SALT)):
        assert client.get(f"/demo/enter/{token}/").status_code == 404
    assert not client.get("/").wsgi_request.user.is_authenticated


@pytest.mark.parametrize(
    ("deed", "statuses", "unread"),
    [
        ("order", [Status.PENDING], 1),
        ("orders", [Status.PENDING] * 5, 5),
        ("paid", [Status.PAID], 2),
        ("declined", [Status.PENDING], 1),
    ],
)
def test_a_button_makes_orders_happen(client, demo, deed, statuses, unread):
    assert client.post("/demo/happen/", {"deed": deed})["Location"] == "/"
    assert list(Order.objects.values_list("status", flat=True)) == statuses
    assert inbox.unread_count(demo["seller"]) == unread


def test_a_button_publishes_a_post(client, demo):
    client.force_login(demo["seller"])
    assert client.post("/demo/happen/", {"deed": "post"})["Location"] == "/demo/"
    assert Post.objects.published().get().author == demo["author"]
    assert client.get("/demo/").status_code == 200


def test_deeds_are_posts_with_a_token_of_this_site(demo):
    client = Client(enforce_csrf_checks=True)
    assert client.get("/demo/happen/").status_code == 405
    assert client.post("/demo/happen/", {"deed": "order"}).status_code == 403
    assert Client().post("/demo/happen/", {"deed": "rob"}).status_code == 400
    assert not Order.objects.exists()


def test_a_site_for_real_has_no_stage(client, demo, settings):
    settings.DEBUG = False
    token = signing.dumps("seller", salt=stage.SALT)
    assert client.get("/").context["roles"] == []
    assert client.get("/demo/").status_code == 404
    assert client.get(f"/demo/enter/{token}/").status_code == 404
    assert client.post("/demo/happen/", {"deed": "order"}).status_code == 404
