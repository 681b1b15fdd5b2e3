from django.db import transaction
from django.utils import timezone
from django_eventstream import send_event


def publish(mark: str) -> None:
    """One event of about the size that this project sends, after commit as its author would have to."""
    data = {
        "kind": "post.published",
        "channel": "author",
        "title": "author published a new post",
        "body": "What is new",
        "url": "/posts/1/",
        "created_at": timezone.now(),
        "data": {"author": "author", "title": "What is new", "mark": mark},
        "unread": True,
    }
    transaction.on_commit(lambda: send_event("author", "post.published", data))
