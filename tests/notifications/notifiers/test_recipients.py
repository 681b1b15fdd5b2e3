"""The recipients of a notifier: they receive its events, and no stranger does."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from blog.models import Follow, Post
from notifications import inbox, subscriptions
from notifications.models import Event, Subscription
from notifications.notifiers import EVERYBODY, FOLLOWERS, Notifier, created, followers_of
from notifications.subscriptions import subscribing
from orders.models import Product
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def notifier(to: object, *, model: object = Post, title: str = "%(title)s", **attributes: object) -> type[Notifier]:
    return type("Written", (Notifier,), {"model": model, "when": created, "title": title, "to": to, **attributes})


def channels(name: str = "blog.written") -> list[str]:
    return list(Event.objects.filter(kind=name).order_by("pk").values_list("channel", flat=True))


def unread(*people: Any) -> list[int]:
    return [inbox.unread_count(each) for each in people]


@pytest.mark.parametrize(
    "to",
    [
        "author",
        ["author", "author"],
        lambda post: post.author,
        lambda post: post.author_id and f"user:{post.author_id}",
        lambda post: [post.author, None, AnonymousUser()],
        lambda post: get_user_model().objects.filter(pk=post.author_id),
        "user:%(author_id)s",
        "user:%(author.pk)s",
    ],
)
def test_one_person_may_be_named_in_each_of_these_ways_and_no_stranger_is_notified(to, alice, charlie):
    notifier(to)
    Post.objects.create(author=alice, title="One")
    assert channels() == [f"user:{alice.pk}"]
    assert unread(alice, charlie) == [1, 0]


def test_a_person_behind_a_foreign_key_costs_no_query(alice):
    written = notifier("author")
    post = Post.objects.defer("author").get(pk=Post.objects.create(author=alice, title="One").pk)
    post = Post.objects.get(pk=post.pk)
    with CaptureQueriesContext(connection) as queries:
        assert list(written.keys(post)) == [f"blog.written:{post.pk}:user:{alice.pk}"]
    assert not queries.captured_queries


@pytest.mark.parametrize("to", [lambda post: None, lambda post: [], lambda post: ()])
def test_nobody_is_no_event(to, alice):
    notifier(to)
    Post.objects.create(author=alice, title="One")
    assert channels() == []


def test_several_people_are_an_event_each_and_each_once(alice, bob, charlie):
    notifier(["author", lambda post: [alice, bob]])
    Post.objects.create(author=alice, title="One")
    assert channels() == [f"user:{alice.pk}", f"user:{bob.pk}"]
    assert unread(alice, bob, charlie) == [1, 1, 0]


def test_people_of_a_related_manager_are_notified(alice, bob, charlie):
    Follow.objects.create(follower=bob, author=alice)
    group = alice.groups.create(name="editors")
    bob.groups.add(group)
    notifier("user_set", model="auth.Group", title="%(name)s")
    group.pk = None
    group.name = "writers"
    group.save()
    assert channels("auth.written") == []
    written = notifier("user_set", model="auth.Group", title="%(name)s", name="auth.told")
    written.notify(alice.groups.get())
    assert sorted(channels("auth.told")) == sorted(f"user:{each.pk}" for each in (alice, bob))
    assert unread(charlie) == [0]


def test_everybody_is_one_event_for_all_who_are_there_and_for_none_who_comes_later(alice, bob):
    notifier(EVERYBODY)
    call_command("migrate", verbosity=0)
    Post.objects.create(author=alice, title="One")
    late = person("late")
    Post.objects.create(author=alice, title="Two")
    assert channels() == [subscriptions.EVERYBODY_CHANNEL] * 2
    assert unread(alice, bob, late) == [2, 2, 1]
    assert subscriptions.can_read(bob, subscriptions.EVERYBODY_CHANNEL)
    assert not subscriptions.can_read(None, subscriptions.EVERYBODY_CHANNEL)


def test_everybody_costs_the_same_rows_and_queries_for_any_number_of_people(alice):
    # The first event of a log makes its head.
    Post.objects.create(author=alice, title="Zero", status=Post.Status.PUBLISHED)
    notifier(EVERYBODY)
    costs = []
    for count in (10, 6000):
        readers = [get_user_model()(username=f"reader{number}of{count}") for number in range(count)]
        get_user_model().objects.bulk_create(readers)
        before = Subscription.objects.count()
        with CaptureQueriesContext(connection) as queries:
            Post.objects.create(author=alice, title="One")
        costs.append((Event.objects.filter(channel=subscriptions.EVERYBODY_CHANNEL).count(), len(queries)))
        assert Subscription.objects.count() == before
    assert costs == [(1, costs[0][1]), (2, costs[0][1])]
    # A bulk import sends no signal: the subscription is made by `migrate`, or at a log-in.
    early, late = (get_user_model().objects.get(username=f"reader7of{count}") for count in (10, 6000))
    user_logged_in.send(sender=type(early), request=None, user=early)
    assert unread(early, late) == [2, 0]
    call_command("migrate", verbosity=0)
    assert unread(early, late) == [2, 2]
    assert subscribing.ensure_shared() == 0


def test_followers_of_the_row_and_of_what_it_refers_to_are_notified_and_no_stranger(alice, bob, charlie):
    product = Product.objects.create(seller=alice, name="Mug", price=10)
    subscriptions.follow(bob, product)
    cheaper = notifier(FOLLOWERS, model=Product, title="%(name)s is cheaper", name="product.cheaper")
    cheaper.notify(product)
    assert channels("product.cheaper") == [f"orders.product:{product.pk}"]
    subscriptions.follow(charlie, alice)
    notifier(followers_of("author"))
    Post.objects.create(author=alice, title="One")
    assert unread(alice, bob, charlie) == [0, 1, 1]


def test_a_function_that_returns_anything_else_is_an_error_that_names_it(alice):
    notifier(lambda post: 7)
    with pytest.raises(TypeError, match="7 is neither a user nor a channel"):
        Post.objects.create(author=alice, title="One")
    assert not Post.objects.exists()
