"""The admin drives the demo; the log in it is to look at; strangers stay out."""

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission, User

from blog.models import Follow, Post
from notifications import inbox, log, preferences
from notifications.models import Event, Preference
from notifications.preferences import Choice, Quiet
from orders.demo import simulator
from orders.models import Callback, Order, Payment, Status
from tests.support.people import order, person, product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(client) -> User:
    user = User.objects.create_user("admin", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def act(client, model: str, action: str, *keys):
    return client.post(f"/admin/{model}/", {"action": action, "_selected_action": keys}, follow=True)


def kinds() -> list[str]:
    return [event.kind for event in log.read(0) if not event.channel.startswith("control:")]


def test_every_page_of_the_admin_opens(client, admin):
    alice, bob = person("alice"), person("bob")
    placed = order(bob, product(alice))
    Follow.objects.create(follower=bob, author=alice)
    post = Post.objects.create(author=alice, title="Hello", status=Post.Status.PUBLISHED)
    event = Event.objects.first()
    assert event is not None
    lists = ["orders/product", "orders/order", "orders/payment", "orders/callback", "blog/post", "blog/follow"]
    lists += ["notifications/event", "notifications/subscription", "notifications/preference", "auth/user"]
    for path in lists:
        assert client.get(f"/admin/{path}/").status_code == 200, path
        assert client.get(f"/admin/{path}/?q=alice").status_code == 200, path
    for path in (f"orders/order/{placed.pk}", f"blog/post/{post.pk}", f"notifications/event/{event.pk}"):
        assert client.get(f"/admin/{path}/change/").status_code == 200, path
    for path in ("orders/order", "orders/product", "blog/post", "blog/follow"):
        assert client.get(f"/admin/{path}/add/").status_code == 200, path


def test_an_order_added_in_the_admin_is_told_to_the_seller(client, admin):
    alice, bob = person("alice"), person("bob")
    mug = product(alice)
    answer = client.post("/admin/orders/order/add/", {"buyer": bob.pk, "product": mug.pk, "amount": "", "currency": ""})
    assert answer.status_code == 302, answer.context["errors"]
    assert Order.objects.get().amount == mug.price
    assert [item.kind for item in inbox.items(alice)] == ["order.placed"]


def test_an_order_changed_in_the_admin_keeps_its_status_and_tells_nothing_new(client, admin):
    placed = order(person("bob"), product(person("alice")))
    fields = {"buyer": placed.buyer.pk, "product": placed.product.pk, "amount": "20.00", "currency": "EUR"}
    fields |= {"payments-TOTAL_FORMS": "0", "payments-INITIAL_FORMS": "0"}
    client.post(f"/admin/orders/order/{placed.pk}/change/", {**fields, "status": "paid"})
    placed.refresh_from_db()
    assert (str(placed.amount), placed.status) == ("20.00", Status.PENDING)
    assert kinds() == ["order.placed"]


def test_the_action_places_demo_orders(client, admin):
    alice = person("alice")
    products = [product(alice, name=name) for name in ("Mug", "Cup")]
    answer = act(client, "orders/product", "place_demo_order", *(item.pk for item in products))
    assert "2 orders placed" in answer.content.decode()
    assert {placed.buyer for placed in Order.objects.all()} == {admin}
    assert kinds() == ["order.placed"] * 2


def test_the_action_marks_orders_as_paid_once(client, admin):
    placed = order(person("bob"), product(person("alice")))
    assert "1 order marked as paid" in act(client, "orders/order", "mark_paid", placed.pk).content.decode()
    assert "0 orders marked as paid" in act(client, "orders/order", "mark_paid", placed.pk).content.decode()
    assert kinds().count("order.paid") == 1


def test_the_action_sends_the_simulated_callback_where_the_demo_plays_the_provider(client, admin, settings):
    placed = order(person("bob"), product(person("alice")))
    settings.PAYMENT_DEMO_WALLET = False
    act(client, "orders/order", "simulate_payment", placed.pk)
    assert not Callback.objects.exists()
    settings.PAYMENT_DEMO_WALLET = True
    said = act(client, "orders/order", "simulate_payment", placed.pk).content.decode()
    assert f"Order {placed.number}: answered 200 success" in said
    assert (Callback.objects.get().source, Order.objects.get().status) == ("admin", Status.PAID)


def test_an_order_shows_each_attempt_to_pay_it_declined_ones_too(client, admin):
    placed = order(person("bob"), product(person("alice")))
    for number in (1, 2, 3):
        simulator.deliver(simulator.Message(placed, id=f"msg_{number}", succeeded=number == 3), source="test")
    page = client.get(f"/admin/orders/order/{placed.pk}/change/").content.decode()
    assert all(f"msg_{number}" in page for number in (1, 2, 3))
    declined = client.get("/admin/orders/payment/?outcome__exact=failed").content.decode()
    assert [f"msg_{number}" in declined for number in (1, 2, 3)] == [True, True, False]


def test_refunds_that_are_due_are_found_and_noted(client, admin):
    placed = order(person("bob"), product(person("alice")))
    fields = {"order": placed, "outcome": "succeeded", "amount": placed.amount, "currency": "EUR"}
    due = Payment.objects.create(report_id="late", refund_due=True, **fields)
    Payment.objects.create(report_id="used", applied=True, **fields)
    found = client.get("/admin/orders/payment/?refund_due__exact=1").content.decode()
    assert "late" in found
    assert "used" not in found
    act(client, "orders/payment", "mark_refunded", *Payment.objects.values_list("pk", flat=True))
    due.refresh_from_db()
    assert not due.refund_due
    assert due.refunded_at is not None
    assert Payment.objects.get(report_id="used").refunded_at is None


def test_the_action_publishes_drafts(client, admin):
    alice, bob = person("alice"), person("bob")
    Follow.objects.create(follower=bob, author=alice)
    posts = [Post.objects.create(author=alice, title=title) for title in ("One", "Two")]
    answer = act(client, "blog/post", "publish", *(post.pk for post in posts))
    assert "2 posts published" in answer.content.decode()
    assert inbox.unread_count(bob) == 2


@pytest.mark.parametrize(
    "path",
    [
        "notifications/event",
        "notifications/subscription",
        "notifications/preference",
        "orders/payment",
        "orders/callback",
    ],
)
def test_what_only_code_writes_cannot_be_changed_by_hand(client, admin, path):
    alice = person("alice")
    placed = order(person("bob"), product(alice))
    Payment.objects.create(report_id="a", order=placed, outcome="failed", amount=1, currency="EUR")
    Callback.objects.create(provider="standard", source="192.0.2.7", body="{}", outcome="refused", status=401)
    Preference.objects.create(user=alice)
    model = apps.get_model(path.replace("/", "."))
    row = model._default_manager.get_queryset()[0]
    for action in ("add/", f"{row.pk}/delete/"):
        assert client.get(f"/admin/{path}/{action}").status_code == 403
    assert client.post(f"/admin/{path}/{row.pk}/change/", {"channel": "user:1"}).status_code == 403
    act(client, path, "delete_selected", row.pk)
    assert model._default_manager.filter(pk=row.pk).exists()


def test_the_admin_says_how_people_want_to_be_told(client, admin):
    alice = person("alice")
    off = {"order.placed": Choice(page=False), "post.published": Choice(page=False)}
    preferences.save(alice, preferences.checked(off, Quiet(on=True, zone="Asia/Shanghai")))
    preferences.save(person("bob"), preferences.checked({}, Quiet()))
    page = client.get("/admin/notifications/preference/").content.decode()
    assert "order.placed, post.published" in page
    assert page.count("22:00–07:00 Asia/Shanghai") == 1
    found = client.get("/admin/notifications/preference/?q=bob").content.decode()
    assert "post.published" not in found


def test_staff_without_the_permission_cannot_act(client):
    for label in ("orders", "blog"):
        create_permissions(apps.get_app_config(label), verbosity=0)
    staff = User.objects.create_user("staff", is_staff=True)
    for codename in ("view_order", "view_product", "view_post"):
        staff.user_permissions.add(Permission.objects.get(codename=codename))
    alice = person("alice")
    mug, post = product(alice), Post.objects.create(author=alice, title="Draft")
    placed = order(person("bob"), mug)
    client.force_login(staff)
    act(client, "orders/product", "place_demo_order", mug.pk)
    act(client, "orders/order", "mark_paid", placed.pk)
    act(client, "blog/post", "publish", post.pk)
    assert Order.objects.count() == 1
    assert kinds() == ["order.placed"]


def test_strangers_do_not_see_the_admin(client):
    client.force_login(person("charlie"))
    for path in ("", "orders/order/", "notifications/event/"):
        assert client.get(f"/admin/{path}").status_code == 302


def test_the_admin_says_before_it_deletes_how_many_people_were_notified(client, admin):
    alice, bob, mug = person("alice"), person("bob"), product(person("seller"))
    for reader in (bob, person("carol")):
        Follow.objects.create(follower=reader, author=alice)
    posts = [Post.objects.create(author=alice, title=f"Post {n}", status="published") for n in range(2)]
    draft = Post.objects.create(author=alice, title="Draft")
    placed = order(bob, mug)

    def summary(answer) -> list[str]:
        assert answer.status_code == 200
        return [f"{name}: {count}" for name, count in answer.context["model_count"]]

    for path, notices in (
        (f"blog/post/{posts[0].pk}", ["notifications that are retracted: 1", "people who were notified: 2"]),
        (f"auth/user/{alice.pk}", ["notifications that are retracted: 2", "people who were notified: 2"]),
        (f"orders/order/{placed.pk}", ["notifications that are retracted: 1", "people who were notified: 1"]),
        (f"blog/post/{draft.pk}", []),
    ):
        answer = client.get(f"/admin/{path}/delete/")
        assert [line for line in summary(answer) if "notif" in line] == notices, path
        assert all(notice[0].upper() + notice[1:] in answer.content.decode() for notice in notices)
    # The list's action asks too, and deletes only when it is confirmed.
    asked = act(client, "blog/post", "delete_selected", *[post.pk for post in posts])
    assert "notifications that are retracted: 2" in summary(asked)
    assert (Post.objects.count(), inbox.unread_count(bob)) == (3, 2)
    confirmed = {"action": "delete_selected", "_selected_action": [post.pk for post in posts], "post": "yes"}
    client.post("/admin/blog/post/", confirmed)
    assert (Post.objects.count(), inbox.unread_count(bob)) == (1, 0)
    client.post(f"/admin/orders/order/{placed.pk}/delete/", {"post": "yes"})
    assert inbox.unread_count(mug.seller) == 0
    # An author is deleted with posts, follows and subscriptions.
    draft.status = Post.Status.PUBLISHED
    draft.save()
    assert inbox.unread_count(bob) == 1
    client.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=alice.pk).exists()
    assert inbox.unread_count(bob) == 0


def test_staff_who_may_not_delete_retract_nothing(client):
    create_permissions(apps.get_app_config("blog"), verbosity=0)
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_post"))
    alice, bob = person("alice"), person("bob")
    Follow.objects.create(follower=bob, author=alice)
    post = Post.objects.create(author=alice, title="Hello", status="published")
    client.force_login(staff)
    for path in (f"blog/post/{post.pk}", f"auth/user/{alice.pk}"):
        assert client.get(f"/admin/{path}/delete/").status_code == 403
        assert client.post(f"/admin/{path}/delete/", {"post": "yes"}).status_code == 403
    assert inbox.unread_count(bob) == 1
