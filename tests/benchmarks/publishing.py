"""The publisher of a site under test, which says when each commit was over: a view inside the serving process, or a loop."""

import time
from collections.abc import Callable
from contextlib import nullcontext

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST


def publish_events(
    publish: Callable[[str], None], *, run: int, first: int, count: int, together: bool = False
) -> list[int]:
    """Publish events one after the other, each in a transaction of its own or all in one; return when each was committed."""
    commits: list[int] = []
    with transaction.atomic() if together else nullcontext():
        for sequence in range(first, first + count):
            with transaction.atomic():
                # Registered before the site's own hooks, so that it runs before them: the clock starts at the commit.
                transaction.on_commit(lambda: commits.append(time.monotonic_ns()))
                publish(f"{run}.{sequence}.{time.monotonic_ns()}")
    return commits


def publishing_view(publish: Callable[[str], None]) -> Callable[[HttpRequest], JsonResponse]:
    """Make the view that publishes `count` events."""

    @csrf_exempt
    @require_POST
    def view(request: HttpRequest) -> JsonResponse:
        run, first, count = (int(request.GET[name]) for name in ("run", "first", "count"))
        together = request.GET.get("together") == "1"
        return JsonResponse({"commits": publish_events(publish, run=run, first=first, count=count, together=together)})

    return view
