"""Streams as tests read them, with a session from the site's own log-in form."""

import re

import httpx

from notifications.testing import SseClient
from notifications.testing.sse_client import WAIT
from notifications.testing.sse_parser import ServerSentEvent as Event
from notifications.testing.sse_parser import SseParser

__all__ = ["Event", "SseClient", "SseParser", "login"]


def login(
    base_url: str, username: str, password: str = "demo", path: str = "/accounts/login/", **options
) -> httpx.Client:
    """Logs in by the site's own form, and returns the client that holds the session. options: of the client."""
    # Django asks for a referer of the site where the site has HTTPS.
    client = httpx.Client(base_url=base_url, trust_env=False, timeout=WAIT, headers={"Referer": base_url}, **options)
    try:
        page = client.get(path)
        assert page.status_code == 200, page.text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text
        form = {"csrfmiddlewaretoken": token[1], "username": username, "password": password}
        answer = client.post(path, data=form)
        assert answer.status_code == 302, f"{username} is not let in: {answer.status_code}"
        assert "sessionid" in client.cookies
    except BaseException:
        client.close()
        raise
    return client
