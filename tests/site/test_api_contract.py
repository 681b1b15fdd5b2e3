"""The API's answers are those that its OpenAPI description promises, for whatever requests that allows (schemathesis)."""

from functools import cache

import pytest
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given, settings

from notifications import log, subscriptions, tokens
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)
OPERATIONS = [
    "GET /api/inbox",
    "GET /api/unread",
    "GET /api/events",
    "POST /api/read",
    "POST /api/unread",
    "POST /api/dismiss",
    "GET /api/preferences",
    "PUT /api/preferences",
    "POST /api/mute",
]


@cache
def description():
    # Late: it takes two seconds, and every worker collects this module (tests/support/scheduling.py).
    import schemathesis

    return schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())


@pytest.fixture
def api(db):
    """The description, as the running application gives it."""
    return description()


@pytest.fixture
def bearer() -> dict[str, dict[str, str]]:
    """A program with a token, and something in its inbox. Cookies are invented: the token counts."""
    alice = person("alice")
    for _ in range(3):
        log.append(f"user:{alice.pk}", "happened", {"number": 1}, url="/")
    subscriptions.subscribe(alice, f"author:{person('carol').pk}")
    return {"headers": {"Authorization": f"Bearer {tokens.make(alice)}"}}


def test_these_are_all_operations(api):
    assert {result.ok().label for result in api.get_all_operations()} == set(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_answers_are_as_described(api, bearer, label):
    operation = api.find_operation_by_label(label)
    statuses = set()

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case):
        statuses.add(case.call_and_validate(**bearer).status_code)

    check()
    # Not the refusals alone; names of channels and kinds are not guessed.
    assert 200 in statuses or label in {"POST /api/mute", "PUT /api/preferences"}
    assert statuses <= {200, 400, 403, 404, 409, 422}
