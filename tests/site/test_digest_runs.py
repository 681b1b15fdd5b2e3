"""`manage.py send_digests` as operators run it: twice, in two places, killed in the middle, with the mail server down."""

import subprocess
import sys

import pytest

from tests.support.mail import MailServer, mail_server
from tests.support.services import POSTGRESQL, ROOT, SQLITE, Site

both_engines = pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL], indirect=True)
PEOPLE = 12
# Everybody has an address, and something that has been unread for an hour.
TOLD = f"""
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from notifications import log
from notifications.models import Event
for number in range({PEOPLE}):
    user = User.objects.create(username=f"reader-{{number}}", email=f"reader-{{number}}@shop.example")
    log.append(f"user:{{user.pk}}", "payment.expired", {{"number": 1, "product": "Mug", "amount": "1", "currency": "EUR"}})
Event.objects.update(created_at=timezone.now() - timedelta(hours=1))
"""
FREED = """
from notifications.models import Digest
from notifications.digests.sending import LEASE
from django.db.models import F
print(Digest.objects.exclude(claimed_at=None).update(claimed_at=F("claimed_at") - LEASE))
"""
EVERYBODY = sorted(f"reader-{number}@shop.example" for number in range(PEOPLE))


def prepared(site: Site, server: MailServer) -> Site:
    site.environment |= {"EMAIL_URL": server.url, "SITE_URL": "https://shop.example"}
    site.manage("shell", "--command", TOLD)
    return site


def begun(site: Site) -> subprocess.Popen[str]:
    """Starts a run and does not wait for it."""
    command = [sys.executable, "manage.py", "send_digests"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=site.environment, stdout=pipe, stderr=pipe, text=True)


@both_engines
def test_two_runs_at_once_and_a_third_send_each_email_once(site: Site):
    with mail_server() as server:
        prepared(site, server)
        runs = [begun(site) for _ in range(2)]
        said = [run.communicate(timeout=60)[0] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], said
        assert sorted(server.recipients()) == EVERYBODY
        assert sum(int(text.split()[0]) for text in said) == PEOPLE
        assert site.manage("send_digests").stdout == "0 emails sent, 0 people not due yet\n"
        assert sorted(server.recipients()) == EVERYBODY


def test_a_run_that_is_killed_in_the_middle_loses_nothing_and_repeats_at_most_one(site: Site):
    with mail_server() as server:
        server.stalls_after = 3
        prepared(site, server)
        run = begun(site)
        assert server.stalled.wait(60)
        run.kill()
        run.communicate(timeout=60)
        server.stalls_after = None
        server.released.set()
        # Taken by the mail server, but the run did not live to hear so: left alone until its claim has grown old.
        in_flight = server.messages[3]
        assert site.manage("send_digests").stdout.startswith(f"{PEOPLE - 4} emails sent, 0 people not due yet, 1 left")
        assert sorted(server.recipients()) == EVERYBODY
        assert site.manage("shell", "--command", FREED).stdout.splitlines()[-1] == "1"
        assert site.manage("send_digests").stdout.startswith("1 emails sent")
        again = server.messages[-1]
        assert sorted({*server.recipients()}) == EVERYBODY
        assert len(server.messages) == PEOPLE + 1
        assert (again["To"], again["Message-ID"]) == (in_flight["To"], in_flight["Message-ID"])
        assert site.manage("send_digests").stdout.startswith("0 emails sent")


def test_a_mail_server_that_is_down_is_named_and_the_next_run_sends(site: Site):
    with mail_server() as server:
        prepared(site, server)
        port = server.port
    done = site.manage("send_digests", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: the mail server is down (")
    assert done.stderr.endswith("): 0 emails sent, the rest is for the next run\n")
    assert "Traceback" not in done.stderr
    with mail_server() as server:
        site.environment["EMAIL_URL"] = server.url
        assert server.port != port
        assert site.manage("send_digests").stdout.startswith(f"{PEOPLE} emails sent")
        assert sorted(server.recipients()) == EVERYBODY
        message = server.messages[0]
        assert message["List-Unsubscribe"].strip().startswith("<https://shop.example/notifications/unsubscribe/")
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert {part.get_content_type() for part in message.walk()} >= {"text/plain", "text/html"}


def test_a_mail_server_that_hangs_up_in_the_middle_loses_nothing(site: Site):
    with mail_server() as server:
        server.hangs_up_after = 5
        prepared(site, server)
        done = site.manage("send_digests", check=False)
        assert done.returncode == 1
        assert "): 5 emails sent, the rest is for the next run\n" in done.stderr
        server.hangs_up_after = None
        assert site.manage("send_digests").stdout.startswith(f"{PEOPLE - 5} emails sent")
        assert sorted(server.recipients()) == EVERYBODY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "mail.shop.example"),
        ("EMAIL_URL", "smtp://user:hidden@host:port"),
        ("EMAIL_FROM", "nobody"),
        ("SITE_URL", "shop.example"),
        ("DIGEST_AFTER_MINUTES", "soon"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_line(tmp_path, name, value):
    done = Site(tmp_path, f"sqlite:///{tmp_path}/none.sqlite3", env={name: value}).manage("check", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"{name}: ")
    assert "hidden" not in done.stderr
