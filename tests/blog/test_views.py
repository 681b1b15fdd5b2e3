"""The blog's pages."""

import pytest

from blog.models import Follow, Post
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast():
    return person("alice"), person("bob"), person("charlie")


def test_a_draft_exists_for_its_author_alone(client, cast):
    alice, bob, _charlie = cast
    draft = Post.objects.create(author=alice, title="Secret plans")
    for reader, status in ((None, 404), (bob, 404), (alice, 200)):
        client.logout()
        if reader:
            client.force_login(reader)
        assert client.get(draft.get_absolute_url()).status_code == status
        assert "Secret plans" not in client.get("/posts/").content.decode()
        assert "Secret plans" not in client.get("/authors/alice/").content.decode()


def test_following_and_unfollowing_are_posts_and_may_be_repeated(client, cast):
    _alice, bob, _charlie = cast
    assert client.post("/authors/alice/follow/")["Location"].startswith("/accounts/login/")
    client.force_login(bob)
    assert client.get("/authors/alice/follow/").status_code == 405
    for _ in range(2):
        assert client.post("/authors/alice/follow/")["Location"] == "/authors/alice/"
        assert Follow.objects.count() == 1
    assert client.get("/authors/alice/").context["is_following"]
    for _ in range(2):
        assert client.post("/authors/alice/unfollow/")["Location"] == "/authors/alice/"
        assert Follow.objects.count() == 0


def test_unfollowing_ends_the_own_follow_only(client, cast):
    alice, bob, charlie = cast
    Follow.objects.create(follower=bob, author=alice)
    client.force_login(charlie)
    client.post("/authors/alice/unfollow/")
    assert Follow.objects.count() == 1


def test_nobody_follows_themselves_or_nobody(client, cast):
    client.force_login(cast[0])
    assert client.post("/authors/alice/follow/").status_code == 400
    assert client.post("/authors/nobody/follow/").status_code == 404


def test_an_author_with_an_unusual_name_has_a_page(client):
    for name in ("élise.o'neil@example.org", "作者"):
        author = person(name)
        post = Post.objects.create(author=author, title="Hello", status=Post.Status.PUBLISHED)
        page = client.get(post.get_absolute_url())
        assert page.status_code == 200
        assert client.get(f"/authors/{name}/").status_code == 200
