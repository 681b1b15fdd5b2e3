"""The blog's notifications: their kind, wording and recipients.

post_published() may be called again for the same post, because the keys of its events are unique. save() calls it
through signals.py; after QuerySet.update() or bulk_create(), which send no signals, call it yourself.
"""

from collections.abc import Collection

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from blog.models import Follow, Post
from notifications import log, subscriptions
from notifications.kinds import Kind, register
from notifications.models import Event

PUBLISHED = register(
    Kind(
        "post.published",
        label=_("New post"),
        title=_("%(author)s published a new post: %(title)s"),
        grouped=ngettext_lazy("%(author)s published %(count)d post", "%(author)s published %(count)d posts", "count"),
    )
)


def author_channel(author_id: int) -> str:
    """The channel to which an author's followers are subscribed."""
    return f"author:{author_id}"


def post_key(post: Post) -> str:
    """Returns the key of a post's event."""
    return f"{PUBLISHED.name}:{post.pk}"


def author_names(ids: Collection[str]) -> dict[str, str]:
    """Returns the display names of authors' channels, by author id."""
    authors = get_user_model().objects.filter(pk__in=ids)
    return {str(author.pk): gettext("Posts by %(author)s") % {"author": author.get_username()} for author in authors}


def post_published(*posts: Post) -> None:
    """Notifies the followers of each post's author, with one row for all of them."""
    log.append_all(
        Event(
            channel=author_channel(post.author_id),
            kind=PUBLISHED.name,
            data={"author": post.author.get_username(), "title": post.title},
            url=post.get_absolute_url(),
            key=post_key(post),
        )
        for post in posts
    )


def post_withdrawn(*posts: Post) -> None:
    """Retracts the event of each post: it leaves the inboxes and the open pages of the followers."""
    log.retract(*map(post_key, posts))


def author_withdrawn(author: AbstractBaseUser) -> None:
    """Retracts the events of all posts of an author."""
    log.retract(channel=author_channel(author.pk), kind=PUBLISHED.name)


def author_followed(follow: Follow) -> None:
    """Subscribes the follower to the author's channel."""
    subscriptions.subscribe(follow.follower, author_channel(follow.author_id))


def author_unfollowed(follower: AbstractBaseUser, author_id: int) -> None:
    """Removes the follower's subscription to the author's channel."""
    subscriptions.unsubscribe(follower, author_channel(author_id))
