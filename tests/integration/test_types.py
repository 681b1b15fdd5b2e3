"""A site that takes the app from its wheel is checked with the app's own types: py.typed is there, and they are right."""

import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.foreign import ForeignSite
from tests.support.services import ROOT

PYRIGHT = ROOT / "node_modules" / ".bin" / "pyright"

# Each assert_type fails where the app's types do not arrive: what has no types is Any.
RIGHT = """
from collections.abc import Mapping
from datetime import time
from typing import Any, assert_type

from django.contrib.auth.models import User
from django.http import HttpRequest

from notifications import inbox, kinds, log, preferences, saves, subscriptions
from notifications.models import Event
from notifications.preferences import Choice, Preferences, Quiet
from notifications.stream import EventStream, Plan, Refused, each
from notifications.testing import SseClient

SENT = kinds.register(kinds.Kind("invoice.paid", label="Paid invoice", title="Invoice %(number)s is paid"))
assert_type(SENT, kinds.Kind)
assert_type(SENT.render({"number": 7}).title, str)
saves.notify_on_create("invoices.Invoice", SENT, to=lambda invoice: f"user:{invoice.pk}", fields=["number"])
log.append("user:7", SENT.name, {"number": 7}, url="/invoices/7/", key="invoice.paid:7")
log.append_all([Event(channel="user:7", kind=SENT.name)])


def counts(user: User) -> int:
    assert_type(subscriptions.subscribe(user, "depot:3"), bool)
    assert_type(subscriptions.channels_of(user), dict[str, int])
    assert_type(preferences.checked({SENT.name: Choice(page=False)}, Quiet(on=True, start=time(22))), Preferences)
    assert_type(inbox.unread_count(user), int)
    assert_type(log.head(), int)
    return inbox.unread_count(user)


def plan(request: HttpRequest, kwargs: Mapping[str, Any]) -> Plan:
    if not kwargs["number"]:
        raise Refused(404, "There is no such auction.")
    return Plan(channels={f"auction:{kwargs['number']}": 0}, start=0)


stream = EventStream(each(plan))
with SseClient("http://127.0.0.1:8000/events/") as client:
    assert_type(client.status, int)
"""
WRONG = """
from notifications import kinds, log

log.append(7, "invoice.paid")
kinds.Kind("invoice.paid", label="Paid invoice", titel="Invoice")
"""


@pytest.fixture(scope="module")
def project(packages: Path, foreign_site: ForeignSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The foreign site with a module that is right and one that is wrong, and a Python that has the wheel installed."""
    folder = tmp_path_factory.mktemp("typed")
    shutil.copytree(foreign_site.folder / "mysite", folder / "mysite")
    shutil.copytree(foreign_site.folder / "invoices", folder / "invoices")
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(WRONG)
    (folder / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nplugins = mypy_django_plugin.main\n"
        "[mypy.plugins.django-stubs]\ndjango_settings_module = mysite.settings\n"
    )
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard", "venvPath": ".", "venv": "venv"}')
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (installed,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # As if they were installed there; checkers follow these files, but not PYTHONPATH.
    (installed / "others.pth").write_text("\n".join([str(packages), *site.getsitepackages()]))
    return folder


def check(command: list[str | Path], folder: Path, packages: Path) -> subprocess.CompletedProcess[str]:
    # The plug-in of django-stubs imports the settings, in mypy's own process.
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": f"{folder}:{packages}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_mypy_strict_takes_the_app_s_types_from_the_wheel(project, packages):
    python = project / "venv" / "bin" / "python"
    mypy: list[str | Path] = [sys.executable, "-m", "mypy", "--python-executable", python]
    right = check([*mypy, "right.py"], project, packages)
    assert right.returncode == 0, right.stdout + right.stderr
    wrong = check([*mypy, "wrong.py"], project, packages)
    assert wrong.returncode == 1
    assert 'Argument 1 to "append" has incompatible type "int"; expected "str"' in wrong.stdout
    assert 'Unexpected keyword argument "titel" for "Kind"' in wrong.stdout
    assert "found module but no type hints" not in right.stdout + wrong.stdout


def test_pyright_takes_them_too(project, packages):
    if not PYRIGHT.exists():
        pytest.skip("pyright is not installed (npm ci)")
    right = check([PYRIGHT, "right.py"], project, packages)
    assert right.returncode == 0, right.stdout + right.stderr
    assert "0 errors, 0 warnings" in right.stdout
    wrong = check([PYRIGHT, "wrong.py"], project, packages)
    assert wrong.returncode == 1
    assert "2 errors" in wrong.stdout
    assert "reportArgumentType" in wrong.stdout
    assert "reportCallIssue" in wrong.stdout
