"""Emails at once, sent by real processes of `manage.py deliver` to a real mail server: at once, by two, killed in the middle."""

import signal
import sys
import time

import pytest

from tests.support.mail import MailServer, mail_server
from tests.support.processes import Daemon
from tests.support.services import POSTGRESQL, ROOT, SQLITE, Site

both_engines = pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)
PATIENCE = 60
PEOPLE = 12
EVERYBODY = sorted(f"reader-{number}@shop.example" for number in range(PEOPLE))
MADE = f"""
from django.contrib.auth.models import User
from notifications import subscriptions
for number in range({PEOPLE}):
    user = User.objects.create(username=f"reader-{{number}}", email=f"reader-{{number}}@shop.example")
    subscriptions.subscribe(user, "shop:1")
"""
TELL = """
from notifications import log
log.append("shop:1", "payment.succeeded", {"number": 1, "product": "Mug", "amount": "1", "currency": "EUR"})
"""
EXPIRE = """
from datetime import timedelta
from django.db.models import F
from notifications.models import ImmediateEmail
print(ImmediateEmail.objects.exclude(claimed_at=None).update(claimed_at=F("claimed_at") - timedelta(minutes=6)))
"""


def shell(site: Site, code: str) -> str:
    return site.manage("shell", "--command", code).stdout


def prepared(site: Site, server: MailServer) -> None:
    site.environment |= {"EMAIL_URL": server.url, "SITE_URL": "https://shop.example"}
    shell(site, MADE)
    # Makes the cursor, at the head.
    site.manage("deliver", "--once")


def started(site: Site, name: str) -> Daemon:
    command = [sys.executable, "manage.py", "deliver"]
    made = Daemon(command, site.folder / f"{name}.log", cwd=ROOT, env=site.environment)
    made.wait_until(lambda: "Consumers: " in made.log(), PATIENCE)
    return made


def until(ready, what=lambda: "") -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < end, what()
        time.sleep(0.02)


@both_engines
def test_two_processes_send_each_email_once_and_one_that_is_killed_loses_none(site: Site):
    with mail_server() as server:
        server.stalls_after = 3
        prepared(site, server)
        processes = [started(site, name) for name in ("one", "two")]
        try:
            shell(site, TELL)
            assert server.stalled.wait(PATIENCE)
            # Whichever is in the middle of an email, or both.
            for process in processes:
                process.terminate(signal.SIGKILL)
            in_flight = {message["Message-ID"] for message in server.messages[3:]}
            server.stalls_after = None
            server.released.set()
            processes.append(started(site, "three"))
            until(lambda: len(set(server.recipients())) == PEOPLE, server.recipients)
            # Those that the mail server had taken, but whose processes did not live to hear so, come again: no others do.
            expired = int(shell(site, EXPIRE).splitlines()[-1])
            assert expired == len(in_flight)
            until(lambda: len(server.messages) == PEOPLE + expired, server.recipients)
            assert processes[-1].terminate() == 0
        finally:
            for process in processes:
                process.kill()
        # The lease of a process that was killed may last for some seconds yet.
        until(lambda: site.manage("deliver", "--once", check=False).returncode == 0)
        ids = [message["Message-ID"] for message in server.messages]
        assert {each for each in ids if ids.count(each) > 1} == in_flight
        assert sorted(set(server.recipients())) == EVERYBODY
        assert len(server.messages) == PEOPLE + expired


def test_a_mail_server_that_comes_back_gets_all_of_them(site: Site):
    with mail_server() as server:
        prepared(site, server)
        port = server.port
    process = started(site, "one")
    try:
        shell(site, TELL)
        until(lambda: "the mail server is down" in process.log(), process.log)
        with mail_server(port) as server:
            until(lambda: sorted(server.recipients()) == EVERYBODY, process.log)
        assert process.terminate() == 0
    finally:
        process.kill()
