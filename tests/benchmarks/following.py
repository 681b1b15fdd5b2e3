"""Run inside the settings of this project: authors with few and with very many followers, and what a post of each costs.

    python -m tests.benchmarks.following REPEATS FOLLOWERS ...

Prints one JSON object a line: what it costs to make the followers of an author as `seed_demo` does, then all posts.
"""

import json
import sys
import time
from typing import Any

import django
from django.apps import apps
from django.contrib.auth import get_user_model


def main(repeats: str, *sizes: str) -> None:
    django.setup()
    from config.crowd import make_followers

    authors = {}
    for size in map(int, sizes):
        author = get_user_model().objects.create_user(f"author-{size}")
        begun = time.monotonic()
        made = sum(make_followers(author, size))
        say({"followers": made, "seconds": time.monotonic() - begun})
        authors[size] = author
    rows = {size: rows_of_a_post(author) for size, author in authors.items()}
    took: dict[int, list[float]] = {size: [] for size in authors}
    for number in range(int(repeats)):
        # Each in turn, and none of them always first.
        for size in list(authors)[number % len(authors) :] + list(authors)[: number % len(authors)]:
            begun = time.perf_counter()
            publish(authors[size])
            took[size].append((time.perf_counter() - begun) * 1000)
    unread = {size: unread_of_the_last(author) for size, author in authors.items()}
    say({"rows": rows, "took_ms": took, "unread": unread})


def publish(author: Any) -> None:
    from blog.models import Post

    # Returns when the post is committed and its event has its position.
    Post.objects.create(author=author, title="What is new", status=Post.Status.PUBLISHED)


def rows_of_a_post(author: Any) -> int:
    """How many rows of all tables one post adds."""
    before = count_rows()
    publish(author)
    return count_rows() - before


def count_rows() -> int:
    return sum(model._default_manager.count() for model in apps.get_models())


def unread_of_the_last(author: Any) -> int:
    """What the follower who came last finds unread of this author."""
    from blog.models import Follow
    from blog.notifiers import author_channel
    from notifications import inbox

    follower = Follow.objects.filter(author=author).latest("pk").follower
    page, _following = inbox.page(follower, 1000, unread_only=True)
    return sum(event.channel == author_channel(author.pk) for event in page)


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
