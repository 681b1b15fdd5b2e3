"""Notifier: which saves notify, in which transaction, how often, and what a wrong class says."""

from decimal import Decimal

import pytest
from django.core import serializers
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext_lazy, ngettext_lazy

from blog.models import Post
from notifications import inbox, kinds, log
from notifications.checks.notifying import check_notifiers
from notifications.log import RETRACTED
from notifications.models import Event
from notifications.notifiers import Notifier, changed, created
from notifications.saves import quietly
from orders.models import Order, Product

pytestmark = pytest.mark.django_db(transaction=True)

DRAFT, PUBLISHED = Post.Status.DRAFT, Post.Status.PUBLISHED


def told(name: str) -> list[tuple[str, object, str, str | None]]:
    return [
        (event.channel, event.data, event.url, event.key)
        for event in Event.objects.filter(kind=name, retracted_at=None).order_by("pk")
    ]


def with_cents(data):
    return {**data, "price_in_cents": float(data["price"]) * 100}


@pytest.fixture
def post_written():
    class PostWritten(Notifier):
        model = Post
        when = created
        title = "%(title)s is written"
        to = "author"

    return PostWritten


@pytest.fixture
def post_out():
    class PostOut(Notifier):
        model = "blog.Post"
        when = changed("status", to=PUBLISHED, withdraw=True)
        title = "%(title)s is out"
        to = "author"

    return PostOut


def test_a_class_of_five_lines_notifies_whom_it_names_of_a_new_row(alice, charlie, post_written):
    post = Post.objects.create(author=alice, title="One")
    channel = f"user:{alice.pk}"
    key = f"blog.post_written:{post.pk}:{channel}"
    assert told("blog.post_written") == [(channel, {"title": "One"}, f"/posts/{post.pk}/", key)]
    (item,) = inbox.items(alice)
    assert item.title == "One is written"
    assert inbox.unread_count(charlie) == 0
    post.title = "Two"
    post.save()
    assert len(told("blog.post_written")) == 1
    assert str(post_written.kind.label) == "Post written"


def test_its_kind_is_one_of_those_that_people_can_switch_off(alice, post_written):
    assert post_written.kind in kinds.listed()
    assert post_written.kind.label == "Post written"


def test_a_change_to_the_value_notifies_once_and_a_change_of_anything_else_does_not(alice, post_out):
    post = Post.objects.create(author=alice, title="One", status=DRAFT)
    post.title = "Two"
    post.save()
    assert told("blog.post_out") == []
    post.status = PUBLISHED
    post.save(update_fields=["status"])
    post.save()
    assert [data for _channel, data, *_ in told("blog.post_out")] == [{"title": "Two"}]


def test_a_new_row_with_the_value_counts_as_changed(alice, post_out):
    Post.objects.create(author=alice, title="One", status=PUBLISHED)
    assert len(told("blog.post_out")) == 1


def test_a_value_that_is_left_withdraws_the_event_and_does_not_notify_again(alice, post_out):
    post = Post.objects.create(author=alice, title="One", status=PUBLISHED)
    assert inbox.unread_count(alice) == 1
    post.status = DRAFT
    post.save()
    assert told("blog.post_out") == []
    assert inbox.unread_count(alice) == 0
    assert Event.objects.filter(kind=RETRACTED.name, channel=f"user:{alice.pk}").count() == 1
    post.status = PUBLISHED
    post.save()
    assert told("blog.post_out") == []


def test_several_moments_and_values_are_one_event_of_a_row(alice):
    class Touched(Notifier):
        model = Post
        when = (created, changed("status", to=(DRAFT, PUBLISHED)))
        title = "%(status)s"
        to = "author"

    post = Post.objects.create(author=alice, title="One", status=DRAFT)
    post.status = PUBLISHED
    post.save()
    assert [data for _channel, data, *_ in told("blog.touched")] == [{"status": "draft"}]


def test_a_field_that_is_handed_on_notifies_each_new_person_once(alice, bob):
    class Handed(Notifier):
        model = Post
        when = changed("author")
        title = "%(title)s is yours now"
        to = "author"

    post = Post.objects.create(author=alice, title="One")
    for person in (bob, bob, alice):
        post.author = person
        post.save()
    assert [channel for channel, *_ in told("blog.handed")] == [f"user:{alice.pk}", f"user:{bob.pk}"]


def test_a_rollback_a_fixture_and_a_quiet_block_notify_nobody(alice, post_written):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Post.objects.create(author=alice, title="One")
        raise ZeroDivisionError
    for loaded in serializers.deserialize(
        "json", serializers.serialize("json", [Post(pk=700_007, author=alice, title="Two")])
    ):
        loaded.save()
    with quietly():
        quiet = Post.objects.create(author=alice, title="Three")
    Post.objects.bulk_create([Post(author=alice, title="Four")])
    assert told("blog.post_written") == []
    made = Post.objects.get(title="Four")
    post_written.notify(quiet, made)
    post_written.notify(made)
    assert [data for _channel, data, *_ in told("blog.post_written")] == [{"title": "Three"}, {"title": "Four"}]


def test_the_event_is_of_the_transaction_of_the_save(alice, post_written, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(log, "append_all", fail)
    with pytest.raises(RuntimeError):
        Post.objects.create(author=alice, title="One")
    assert not Post.objects.exists()


def test_a_row_that_is_deleted_takes_its_events_with_it(alice, post_written):
    post = Post.objects.create(author=alice, title="One")
    assert inbox.unread_count(alice) == 1
    post.delete()
    assert told("blog.post_written") == []
    assert inbox.unread_count(alice) == 0


def test_rows_of_a_proxy_notify_and_retract_as_those_of_the_model(alice):
    class Note(Post):
        class Meta:
            proxy = True
            app_label = "blog"

    class NoteWritten(Notifier):
        model = Post
        when = (created, changed("status", to=PUBLISHED))
        title = "%(title)s"
        to = "author"

    note = Note.objects.create(author=alice, title="One")
    assert len(told("blog.note_written")) == 1
    note.delete()
    assert told("blog.note_written") == []


def test_texts_name_paths_methods_and_other_rows_and_never_more_than_these(alice, bob):
    class Ordered(Notifier):
        model = Order
        when = created
        title = "%(buyer.get_username)s wants %(product.name)s"
        body = "%(amount)s %(get_status_display)s"
        to = ["product.seller", "buyer"]

    product = Product.objects.create(seller=alice, name="<b>Mug</b> %s", price=Decimal("10.00"))
    order = Order.objects.create(buyer=bob, product=product)
    assert [(channel, data) for channel, data, *_ in told("orders.ordered")] == [
        (
            f"user:{person.pk}",
            {
                "buyer.get_username": "bob",
                "product.name": "<b>Mug</b> %s",
                "amount": str(order.amount),
                "get_status_display": "waiting for payment",
            },
        )
        for person in (alice, bob)
    ]
    assert "bob wants <b>Mug</b> %s" in [item.title for item in inbox.items(alice)]


def test_a_lazy_text_is_read_as_it_is_in_the_source_and_shown_in_the_readers_language(alice):
    with translation.override("zh-hans"):

        class Received(Notifier):
            model = Order
            when = created
            title = gettext_lazy("Order %(number)s expired unpaid")
            grouped = ngettext_lazy("%(count)d order expired unpaid", "%(count)d orders expired unpaid", "count")
            to = "buyer"

        assert Received.kind.render({"number": 7}).title != "Order 7 expired unpaid"
    product = Product.objects.create(seller=alice, name="Mug", price=10)
    order = Order.objects.create(buyer=alice, product=product)
    assert [data for _channel, data, *_ in told("orders.received")] == [{"number": order.number}]


def test_prepared_values_come_from_the_fields_that_are_named(alice):
    class Priced(Notifier):
        model = Product
        when = created
        title = "%(price_in_cents)d"
        fields = ("price",)
        to = "seller"
        prepare = with_cents

    Product.objects.create(seller=alice, name="Mug", price=Decimal("10.00"))
    assert [data for _channel, data, *_ in told("orders.priced")] == [{"price": "10.00"}]
    assert [item.title for item in inbox.items(alice)] == ["1000"]


def test_an_abstract_base_is_no_kind_and_its_heirs_are_kinds_of_their_own(alice):
    before = kinds.names()

    class ToAuthor(Notifier, abstract=True):
        model = Post
        to = "author"

    assert kinds.names() == before

    class Begun(ToAuthor):
        when = created
        title = "%(title)s"
        name = "post.begun"

    class BegunAgain(Begun):
        title = "%(title)s, again"

    assert sorted(set(kinds.names()) - set(before)) == ["blog.begun_again", "post.begun"]
    Post.objects.create(author=alice, title="One")
    assert len(told("post.begun")) == len(told("blog.begun_again")) == 1


def test_the_check_names_a_model_whose_rows_and_events_are_not_one_transaction(post_written):
    class Listed(Notifier):
        model = Product
        when = created
        title = "%(name)s"
        to = "seller"

    class ByHand(Notifier):
        model = Product
        when = ()
        title = "%(name)s"
        to = "seller"

    assert [(message.id, message.obj) for message in check_notifiers(None)] == [
        ("notifications.W021", Product),
    ]
    assert "Listed notifies of Product" in check_notifiers(None)[0].msg
