"""The cursor of a page: the log's position before the page reads anything else."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from notifications import log


def cursor_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Sets `request.cursor` for logged-in readers.

    Taken before the view runs: what happens while the page is made is on the page, on its stream, or on both (the
    client drops what it has), but never on neither (trap 25).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method == "GET" and request.user.is_authenticated:
            request.cursor = log.head()  # type: ignore[attr-defined]
        return get_response(request)

    return middleware
