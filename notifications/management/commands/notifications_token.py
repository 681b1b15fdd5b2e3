"""`manage.py notifications_token`: a token for a script or a phone."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import tokens
from notifications.management.commands.prune_events import days


class Command(BaseCommand):
    help = (
        "Prints a token with which a program reads a user's notifications: it sends it as Authorization: Bearer. "
        "A changed password, or a deactivation, ends all tokens of the user."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user's name, as for a log-in")
        parser.add_argument("--days", type=days, default=90, help="days until it expires (default %(default)s)")
        parser.add_argument("--read-only", action="store_true", help="it may not mark, mute or change preferences")

    def handle(self, *, user: str, days: int, read_only: bool, **options: Any) -> None:
        """Prints the token alone; exit code 1 for a user who does not exist or is not active."""
        model = get_user_model()
        found = model._default_manager.filter(**{model.USERNAME_FIELD: user}).first()  # noqa: SLF001  Django documents it
        if found is None or not found.is_active:
            raise CommandError(f"there is no active user {user!r}")
        self.stdout.write(tokens.make(found, lifetime=timedelta(days=days), read_only=read_only))
