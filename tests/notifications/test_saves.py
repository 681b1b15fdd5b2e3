"""call_on_change(): a call for each save that changes a field, and for no other."""

import threading

import pytest
from django.db import IntegrityError, connection
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.db.models.signals import post_delete, post_save, pre_delete
from django.test.utils import CaptureQueriesContext

from blog.models import Post
from notifications import deletions, kinds, saves
from notifications.kinds import Kind
from notifications.models import Event, Subscription

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def calls(request):
    """The calls for a field of Post, as (before, after)."""
    field = getattr(request, "param", "title")
    found = []

    def note(post, before):
        found.append((before, getattr(post, field)))

    saves.call_on_change(Post, field, note)
    yield found
    del saves._watchers["blog.post", field][f"{note.__module__}.{note.__qualname__}"]


def test_a_new_row_and_each_change_are_called_with_the_value_before(alice, calls):
    post = Post.objects.create(author=alice, title="One")
    post.save()
    post.title = "Two"
    post.save()
    post.save()
    assert calls == [(None, "One"), ("One", "Two")]


def test_the_value_before_is_the_databases_however_old_the_instance(alice, calls):
    post = Post.objects.create(author=alice, title="One")
    stale = Post.objects.get()
    post.title = "Two"
    post.save()
    stale.title = "Two"
    stale.save()
    Post.objects.update(title="Three")
    stale.save()
    assert calls == [(None, "One"), ("One", "Two"), ("Three", "Two")]


def test_a_save_that_does_not_write_the_field_is_no_change_and_costs_no_query(alice, calls):
    post = Post.objects.create(author=alice, title="One")
    post.title, post.body = "Two", "More"
    with CaptureQueriesContext(connection) as queries:
        post.save(update_fields=["body"])
    assert not [query for query in queries if query["sql"].startswith("SELECT")]
    deferred = Post.objects.defer("title").get()
    deferred.body = "Still more"
    deferred.save()
    assert calls == [(None, "One")]
    post.save(update_fields=["title"])
    assert calls[1:] == [("One", "Two")]


@pytest.mark.parametrize("calls", ["author"], indirect=True)
def test_a_foreign_key_is_compared_by_its_key_under_either_name(alice, bob, calls):
    post = Post.objects.create(author=alice, title="One")
    post.author = bob
    post.save(update_fields=["author_id"])
    assert calls == [(None, alice), (alice.pk, bob)]


def test_a_value_that_the_database_computes_is_compared_as_it_came_out(alice, calls):
    post = Post.objects.create(author=alice, title="One")
    post.title = F("title")
    post.save()
    assert len(calls) == 1
    post.title = Concat(F("title"), Value("!"))
    post.save()
    assert [before for before, _after in calls] == [None, "One"]


def test_a_receiver_that_saves_the_row_again_hides_no_change(alice, calls):
    def save_again(sender, instance, **kwargs):
        if not instance.body:
            instance.body = "filled in"
            instance.save()

    post_save.connect(save_again, sender=Post)
    try:
        Post.objects.create(author=alice, title="One")
    finally:
        post_save.disconnect(save_again, sender=Post)
    assert calls == [(None, "One")]


def test_a_save_that_failed_is_not_remembered(alice, calls):
    post = Post.objects.create(author=alice, title="One")
    post.title = ""
    with pytest.raises(IntegrityError):
        post.save()
    post.title = "One"
    post.save()
    assert calls == [(None, "One")]


def test_models_whose_saves_are_not_atomic_are_served_too(alice):
    seen = []

    def note_since(row, before):
        seen.append((before, row.since))

    saves.call_on_change("notifications.Subscription", "since", note_since)
    try:
        row = Subscription.objects.get(user=alice, channel=f"user:{alice.pk}")
        row.since = "5"
        row.save()
        row.save()
    finally:
        saves._watchers["notifications.subscription", "since"].clear()
    assert seen == [(0, "5")]


def test_a_quiet_block_calls_for_nothing_in_its_own_thread_and_ends_with_an_error(alice, calls):
    post = Post.objects.create(author=alice, title="One")

    def save_elsewhere() -> None:
        Post.objects.create(author=alice, title="Elsewhere")
        connection.close()

    with pytest.raises(ZeroDivisionError), saves.quietly():
        post.title = "Two"
        post.save()
        Post.objects.create(author=alice, title="Imported")
        with saves.quietly():
            post.save()
        post.title = "Three"
        post.save()
        thread = threading.Thread(target=save_elsewhere)
        thread.start()
        thread.join(20)
        raise ZeroDivisionError
    post.title = "Four"
    post.save()
    assert calls == [(None, "One"), (None, "Elsewhere"), ("Three", "Four")]


def test_rows_that_were_saved_quietly_are_told_of_by_the_returned_function(alice):
    kind = Kind("test.imported", label="Imported", title="%(title)s")
    tell = saves.notify_on_create(Post, kind, to=lambda post: f"user:{post.author_id}", fields=["title"])
    try:
        with saves.quietly():
            post = Post.objects.create(author=alice, title="One")
        assert not Event.objects.filter(kind=kind.name).exists()
        tell(post)
        assert Event.objects.get(kind=kind.name).data == {"title": "One"}
    finally:
        post_save.disconnect(sender=Post, dispatch_uid=f"notifications.notify_on_create.{kind.name}")
        kinds._registry.pop(kind.name)
        deletions._keys_of_models["blog.post"].pop()
        for signal in (pre_delete, post_delete):
            number = len(deletions._keys_of_models["blog.post"]) + 1
            assert signal.disconnect(sender=Post, dispatch_uid=f"notifications.retract_on_delete.blog.post.{number}")
