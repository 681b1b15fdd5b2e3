"""The blog's notifications: their kind, wording and recipients.

After QuerySet.update() or bulk_create(), which send no signals, call PostPublished.notify() yourself; it may be called again for the
same post.
"""

from collections.abc import Collection

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from blog.models import Follow, Post
from notifications import log, subscriptions
from notifications.notifiers import Notifier, changed


def author_channel(author_id: int) -> str:
    """The channel to which an author's followers are subscribed."""
    return f"author:{author_id}"


class PostPublished(Notifier):
    """Notifies the followers of a post's author, with one row for all of them.

    A post that is withdrawn takes its event with it. Published again it does not notify again: its key is in the log.
    """

    model = Post
    when = changed("status", to=Post.Status.PUBLISHED, withdraw=True)
    to = "author:%(author_id)s"
    name = "post.published"
    label = _("New post")
    title = _("%(author)s published a new post: %(title)s")
    grouped = ngettext_lazy("%(author)s published %(count)d post", "%(author)s published %(count)d posts", "count")

    @classmethod
    def key(cls, row: Post, channel: str) -> str:
        return f"{cls.name}:{row.pk}"


def author_names(ids: Collection[str]) -> dict[str, str]:
    """Returns the display names of authors' channels, by author id."""
    authors = get_user_model().objects.filter(pk__in=ids)
    return {str(author.pk): gettext("Posts by %(author)s") % {"author": author.get_username()} for author in authors}


def author_withdrawn(author: AbstractBaseUser) -> None:
    """Retracts the events of all posts of an author."""
    log.retract(channel=author_channel(author.pk), kind=PostPublished.name)


def author_followed(follow: Follow) -> None:
    """Subscribes the follower to the author's channel."""
    subscriptions.subscribe(follow.follower, author_channel(follow.author_id))


def author_unfollowed(follower: AbstractBaseUser, author_id: int) -> None:
    """Removes the follower's subscription to the author's channel."""
    subscriptions.unsubscribe(follower, author_channel(author_id))
