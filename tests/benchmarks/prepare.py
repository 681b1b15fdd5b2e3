"""Run inside the settings of a site under test: make the people and their sessions, and count what an event costs.

    python -m tests.benchmarks.prepare STREAMS COOKIES_FILE PUBLISH [SUBSCRIBE]

PUBLISH and SUBSCRIBE are dotted names of the site's own functions. Sessions are written by the ORM: logging in
thousands of people would measure the password hasher.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.crypto import get_random_string
from django.utils.module_loading import import_string


def main(streams: str, cookies: str, publish: str, subscribe: str = "") -> None:
    django.setup()
    people = make_people(int(streams))
    if subscribe:
        import_string(subscribe)(people)
    open_sessions(people, Path(cookies))
    sys.stdout.write(json.dumps({"statements": statements_of_one_event(import_string(publish))}) + "\n")


def make_people(count: int) -> list[Any]:
    people = get_user_model().objects
    # The password is unusable, and no hasher is run for it; a session's hash is taken over it all the same.
    rows = [people.model(username=f"reader{number}", password="!") for number in range(count)]
    people.bulk_create(rows, batch_size=1000)
    return list(people.filter(username__startswith="reader").order_by("pk"))


def open_sessions(people: list[Any], cookies: Path) -> None:
    store = SessionStore()
    session = store.get_model_class()
    sessions = []
    for person in people:
        data = {
            SESSION_KEY: str(person.pk),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: person.get_session_auth_hash(),
        }
        sessions.append(
            session(
                session_key=get_random_string(32, VALID_KEY_CHARS),
                session_data=store.encode(data),
                expire_date=store.get_expiry_date(),
            )
        )
    session.objects.bulk_create(sessions, batch_size=1000)
    cookies.write_text("".join(f"{settings.SESSION_COOKIE_NAME}={session.session_key}\n" for session in sessions))


def statements_of_one_event(publish: Callable[[str], None]) -> list[str]:
    """Everything sent to the database for one event, its own BEGIN and COMMIT included, the caller's left out."""
    # The first one also makes what is made once: a counter, a placeholder row.
    with transaction.atomic():
        publish("0.0.0")
    with CaptureQueriesContext(connection) as captured, transaction.atomic():
        publish("0.1.0")
    statements = [query["sql"] for query in captured.captured_queries]
    # SQLite's immediate transactions begin with BEGIN IMMEDIATE.
    statements.remove(next(statement for statement in statements if statement.startswith("BEGIN")))
    statements.remove("COMMIT")
    return statements


if __name__ == "__main__":
    main(*sys.argv[1:])
