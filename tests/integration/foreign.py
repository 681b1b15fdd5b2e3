"""A Django site that is not ours: made by django-admin, with the app from its wheel and the lines of the document."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from django.core.management import call_command

from tests.support.documents import Block
from tests.support.forks import completed
from tests.support.processes import free_port, program
from tests.support.services import ROOT, ForkedServer, ServeProcess

# What the site has before: a page of its own, in a frame of its own.
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>My site</title></head>
<body><h1>My site</h1>
</body></html>
"""
URLS = """
from django.views.generic import TemplateView

urlpatterns += [path("", TemplateView.as_view(template_name="base.html"))]
"""

# Emails of the site go where a test can see them; Django 6.1 refuses the settings from before it.
MAIL = """
import django
if django.VERSION >= (6, 1):
    MAILERS = {{"default": {{"BACKEND": "django.core.mail.backends.{backend}.EmailBackend"}}}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.{backend}.EmailBackend"
"""


def build_wheel(folder: Path) -> Path:
    """Builds the wheel of the app as `make wheel` does."""
    program("msgfmt", package="gettext")
    variables = {"RUN": sys.executable, "DEV": "", "WHEEL_SOURCE": folder / "source", "DIST": folder / "dist"}
    command = ["make", "--no-print-directory", "wheel", *(f"{name}={value}" for name, value in variables.items())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


class ForeignSite:
    """A site in a folder of its own; nothing of this checkout is on its path but the wheel.

    What its manage.py does is done by forks (tests/support/forks.py), unless `forks` is off. With a `python` of its own it
    has the packages of that one, and no forks.
    """

    def __init__(self, folder: Path, packages: Path | None, python: str | Path = sys.executable) -> None:
        """Makes what the document supposes."""
        self.python = str(python)
        self.forks = python == sys.executable
        self.folder = folder
        self.servers: list[ServeProcess] = []
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
        }
        if self.forks:
            # The packages of another Python are compiled when they are first imported, instead of in each process.
            self.environment["PYTHONDONTWRITEBYTECODE"] = "1"
        if packages is not None:
            self.environment["PYTHONPATH"] = str(packages)
        if self.forks:
            call_command("startproject", "mysite", str(folder))
            (folder / "invoices").mkdir()
            call_command("startapp", "invoices", str(folder / "invoices"))
        else:
            self.run("-m", "django", "startproject", "mysite", ".")
            self.run("-m", "django", "startapp", "invoices")
        settings = folder / "mysite" / "settings.py"
        text = settings.read_text()
        settings.write_text(text.replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "invoices",'))
        with (folder / "mysite" / "urls.py").open("a") as urls:
            urls.write(URLS)
        (folder / "invoices" / "templates").mkdir()
        (folder / "invoices" / "templates" / "base.html").write_text(PAGE)

    def use_persons(self, field: str) -> None:
        """Gives the site a user model of its own, `people.Person`, with this line for its primary key."""
        (self.folder / "people").mkdir()
        (self.folder / "people" / "__init__.py").write_text("")
        (self.folder / "people" / "models.py").write_text(
            "import uuid\n\nfrom django.contrib.auth.models import AbstractUser\nfrom django.db import models\n\n\n"
            f"class Person(AbstractUser):\n    {field}\n"
        )
        with (self.folder / "mysite" / "settings.py").open("a") as settings:
            settings.write('INSTALLED_APPS = ["people", *INSTALLED_APPS]\nAUTH_USER_MODEL = "people.Person"\n')

    def follow(self, block: Block) -> None:
        """Does what a block of the document says."""
        path = self.folder / block.path
        if block.place == "at the end":
            path.write_text(path.read_text() + "\n" + block.code)
        elif block.place == "before </body>":
            text = path.read_text()
            assert text.count("</body>") == 1
            path.write_text(text.replace("</body>", block.code + "</body>"))
        else:
            assert not block.place, block
            path.write_text(block.code)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs Python in the site's folder."""
        if self._is_forked(arguments):
            done = completed(self.folder / arguments[0], arguments[1:], self.environment, timeout=100)
        else:
            done = subprocess.run(
                [self.python, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=100,
            )
        if check:
            assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done

    def _is_forked(self, arguments: Sequence[str]) -> bool:
        return self.forks and arguments[0] == "manage.py"

    def shell(self, code: str) -> str:
        """Runs code as somebody would in a shell beside the server; returns what it prints."""
        return self.run("manage.py", "shell", "--no-imports", "--command", code).stdout

    def serve(self, *command: str) -> ServeProcess:
        """Starts a server of the site, `manage.py serve` where no other is named, and returns once it answers."""
        port = free_port()
        arguments = [part.format(port=port) for part in command or ("manage.py", "serve", "--port", "{port}")]
        log = self.folder / f"server-{len(self.servers)}.log"
        kind = ForkedServer if self._is_forked(arguments) else ServeProcess
        server = kind(
            [self.python, *arguments], port, log, self.environment, folder=self.folder, health="/admin/login/"
        )
        self.servers.append(server)
        return server

    def close(self) -> None:
        """Ends its servers."""
        for server in self.servers:
            server.kill()
