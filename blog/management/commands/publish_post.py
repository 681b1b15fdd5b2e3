"""`manage.py publish_post`: publishes demo posts; its last lines are their ids."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from blog.models import Post

MOST = 100_000
# From this number on there is a progress bar.
MANY = 100


class Command(BaseCommand):
    """Publishes posts, one transaction each."""

    help = "Publishes posts of an author; prints their ids, one a line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--author", default="author", help="user name (default %(default)s)")
        parser.add_argument("--title", default="A note from the road", help="title (default %(default)r)")
        parser.add_argument("--count", type=int, default=1, help="how many (default %(default)s)")

    def handle(self, *, author: str, title: str, count: int, **options: Any) -> None:
        if not 1 <= count <= MOST:
            raise CommandError(f"--count must be from 1 to {MOST}")
        person = get_user_model().objects.filter(username=author).first()
        if person is None:
            raise CommandError(f"there is no user {author!r}; `manage.py seed_demo` makes the demo's people")
        for _place in tqdm(range(count), disable=count < MANY, unit="post"):
            post = Post(author=person, title=title, body=title, status=Post.Status.PUBLISHED)
            try:
                post.clean_fields(exclude=["author"])
            except ValidationError as error:
                raise CommandError(f"--title: {' '.join(error.messages)}") from None
            post.save()
            self.stdout.write(str(post.pk))
