"""docs/embedding.md, "A phone or a script", done as it is written."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from notifications.testing import ChildProcess, LocalServer
from tests.integration.conftest import PEOPLE
from tests.integration.foreign import ForeignSite
from tests.integration.test_document import SAVE
from tests.support.documents import Block, blocks
from tests.support.services import ServeProcess
from tests.support.sse import SseClient

# For the server to be started again, on a busy machine.
WAIT = 60


def block(path: str) -> Block:
    (found,) = [each for each in blocks("embedding.md") if each.path == path]
    return found


@pytest.fixture
def token_site(packages, tmp_path) -> Iterator[ForeignSite]:
    """A site that did what docs/integrating.md says and has tokens of Django REST framework, with alice and bob in it."""
    site = ForeignSite(tmp_path, packages)
    for each in blocks("integrating.md")[:5]:
        site.follow(each)
    site.follow(block("invoices/authentication.py"))
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS += ["rest_framework", "rest_framework.authtoken"]\n')
        settings.write(block("mysite/settings.py").code)
    site.run("manage.py", "makemigrations", "invoices")
    site.run("manage.py", "migrate", "--verbosity", "0")
    site.shell(PEOPLE)
    yield site
    site.close()


def make_token(site: ForeignSite, name: str, *options: str) -> str:
    return site.run("manage.py", "notifications_token", name, *options).stdout.strip()


def printed(script: ChildProcess) -> list[str]:
    """The titles that the script has printed."""
    return [line.partition(" ")[2] for line in script.log().splitlines()]


def test_the_script_loses_nothing_and_repeats_nothing_when_the_server_is_killed(token_site):
    token = make_token(token_site, "alice", "--days", "30", "--read-only")
    server = token_site.serve()
    path = token_site.folder / "follow.py"
    path.write_text(block("follow.py").code)
    environment = token_site.environment | {"NOTIFICATIONS_TOKEN": token}
    log = token_site.folder / "script.log"
    expected: list[str] = []

    def save(*numbers: int) -> None:
        token_site.shell(
            "".join(SAVE.format("alice", number) for number in numbers) + SAVE.format("bob", numbers[0] + 500)
        )
        expected.extend(f"Invoice {number} is there" for number in numbers)

    with SseClient(f"{server.url}/events/", headers={"Authorization": f"Bearer {token}"}) as ready:
        assert ready.status == 200
    with ExitStack() as stack:
        script = stack.enter_context(
            ChildProcess([sys.executable, path, f"{server.url}/events/"], log, env=environment)
        )
        script.wait_until(lambda: is_open(server), WAIT)
        save(1, 2)
        script.wait_until(lambda: len(printed(script)) >= 2, WAIT)
        # By SIGKILL.
        server.kill()
        save(*range(3, 9))
        again = stack.enter_context(start_again(token_site, server.port))
        script.wait_until(lambda: len(printed(script)) >= 8, WAIT)
        save(9)
        script.wait_until(lambda: len(printed(script)) >= 9, WAIT)
        assert printed(script) == expected
        # A changed password ends the token, the stream and the script.
        token_site.shell(
            "from django.contrib.auth.models import User\n"
            "alice = User.objects.get(username='alice')\nalice.set_password('another')\nalice.save()\n"
        )
        assert script.process.wait(WAIT) == 1
        assert script.log().splitlines()[-1].startswith("the token is not accepted: HTTP Error 401")
        assert token not in script.log() + again.log()
    assert not [log for log in token_site.folder.glob("server-*.log") if token in log.read_text(errors="replace")]


def start_again(site: ForeignSite, port: int) -> LocalServer:
    """Starts the site's server on the port that it had."""
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    log = site.folder / "again.log"
    return LocalServer(command, port, log, starts_within=WAIT, cwd=site.folder, env=site.environment)


def is_open(server: ServeProcess) -> bool:
    """Whether the script's stream is open: the metrics of this machine are readable here."""
    metrics = httpx.get(f"{server.url}/metrics").text
    return any(line.split() == ["notifications_streams_open", "1.0"] for line in metrics.splitlines())


def test_tokens_of_rest_framework_are_taken_by_the_api_and_the_stream_on_every_server(token_site):
    key = token_site.shell(
        "from django.contrib.auth.models import User\nfrom rest_framework.authtoken.models import Token\n"
        "print(Token.objects.create(user=User.objects.get(username='alice')).key)\n"
    ).strip()
    own = make_token(token_site, "alice")
    token_site.environment["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
    uvicorn = ("-m", "uvicorn", "notifications.asgi:application", "--port", "{port}")
    for number, command in enumerate([(), uvicorn], start=1):
        server = token_site.serve(*command)
        for authorization in (f"Token {key}", f"Bearer {own}"):
            with SseClient(f"{server.url}/events/?lastEventId=0", headers={"Authorization": authorization}) as stream:
                token_site.shell(SAVE.format("alice", number * 10 + len(authorization)))
                assert (
                    stream.wait_for(lambda event: event.event == "invoices.invoice_sent").json()["channel"] == "user:1"
                )
            headers = {"Authorization": authorization}
            assert httpx.get(f"{server.url}/api/unread", headers=headers).json()["unread"] > 0
            assert httpx.post(f"{server.url}/api/read", json={"through": 1}, headers=headers).status_code == 200
        for authorization in ("Token 0", f"Token {own}", f"Bearer {key}"):
            for path in ("/api/unread", "/events/"):
                refused = httpx.get(server.url + path, headers={"Authorization": authorization})
                assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (
                    401,
                    'Bearer error="invalid_token"',
                )
