"""Who asks: sessions and people of many requests at once, by the rules of django.contrib.auth; and sessions to ask with."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user,
    get_user_model,
    load_backend,
)
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string


class SessionStore(DatabaseStore):
    """A session whose row has been read together with others. Its name is part of the salt that signs sessions."""

    def __init__(self, session_key: str | None, stored: str | None) -> None:
        """stored: the row's data; None where there is no row, or one that has expired."""
        super().__init__(session_key)
        self._stored = stored

    def load(self) -> dict[str, Any]:
        """Returns the session's data."""
        if self._stored is None:
            self._session_key = None
            return {}
        return dict(self.decode(self._stored))


def authenticate_all(requests: Sequence[HttpRequest]) -> None:
    """Sets `session` and `user` of each request as Django's middleware would, with two queries for all of them.

    Only what is plainly right is settled here: a session in the database, a person of ModelBackend, a hash that matches.
    All else goes to Django's own get_user(), one by one.
    """
    for request, session in zip(requests, sessions_of(requests), strict=True):
        request.session = session
    people = people_of(requests)
    for request in requests:
        # The stubs know no other user model than their own.
        request.user = person_of(request, people)  # type: ignore[assignment]


def person_of(request: HttpRequest, people: Mapping[str, AbstractBaseUser]) -> AbstractBaseUser | AnonymousUser:
    """Returns who asks."""
    person = people.get(person_id(request.session)) if is_plain(request.session) else None
    if person is not None and is_verified(request.session, person):
        return person
    try:
        return get_user(request)
    except ValidationError:
        # Of the time before the model of users was another: what Django's middleware answers with an error.
        return AnonymousUser()


def engine() -> Any:
    """The class of the site's sessions."""
    return import_string(f"{settings.SESSION_ENGINE}.SessionStore")


def sessions_of(requests: Sequence[HttpRequest]) -> list[SessionBase]:
    """Returns each request's session."""
    keys = [request.COOKIES.get(settings.SESSION_COOKIE_NAME) for request in requests]
    store = engine()
    if store is not DatabaseStore:
        return [store(key) for key in keys]
    rows = DatabaseStore.get_model_class().objects.filter(
        session_key__in={key for key in keys if key}, expire_date__gt=timezone.now()
    )
    stored = dict(rows.values_list("session_key", "session_data"))
    return [SessionStore(key, stored.get(key or "")) for key in keys]


def people_of(requests: Iterable[HttpRequest]) -> dict[str, AbstractBaseUser]:
    """Returns the people whom the sessions name, by the id as sessions have it."""
    model = get_user_model()
    ids = {}
    for request in requests:
        if is_plain(request.session):
            named = person_id(request.session)
            try:
                ids[named] = model._meta.pk.to_python(named)
            except ValidationError:
                continue
    # The manager that ModelBackend asks; Django documents it.
    found = model._default_manager.in_bulk(list(ids.values()))  # noqa: SLF001
    return {named: found[pk] for named, pk in ids.items() if pk in found}


def person_id(session: SessionBase) -> str:
    """The id in a session, as it was written by login(); empty for strangers."""
    return str(session.get(SESSION_KEY, ""))


def is_verified(session: SessionBase, person: AbstractBaseUser) -> bool:
    """Whether the session was begun by this person with the present password, who may still log in."""
    backend: Any = load_backend(session[BACKEND_SESSION_KEY])
    return bool(
        backend.user_can_authenticate(person)
        and constant_time_compare(session.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash())
    )


def is_plain(session: SessionBase) -> bool:
    """Whether a session names a person of a backend that looks its people up as ModelBackend does."""
    path = session.get(BACKEND_SESSION_KEY)
    return path in settings.AUTHENTICATION_BACKENDS and looks_up_by_id(path)


@lru_cache(maxsize=16)
def looks_up_by_id(path: str) -> bool:
    """Whether a backend has ModelBackend's own way of finding a person."""
    return getattr(import_string(path), "get_user", None) is ModelBackend.get_user
