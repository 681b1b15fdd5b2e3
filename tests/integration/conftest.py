"""The wheel, and a site that was made with it, once for all tests here."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.foreign import ForeignSite, build_wheel
from tests.support.documents import blocks

PEOPLE = """
from django.contrib.auth.models import User
for name in ("alice", "bob"):
    User.objects.create_superuser(name, password="demo")
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def packages(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the app as pip installs it; all it depends on is in the tests' own environment."""
    folder = tmp_path_factory.mktemp("packages")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    done = subprocess.run([*pip, "--no-index", "--no-deps", "--target", folder, wheel], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def foreign_site(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignSite]:
    """A site that did what docs/integrating.md says, with alice and bob in it."""
    site = ForeignSite(tmp_path_factory.mktemp("foreign"), packages)
    for block in blocks("integrating.md")[:5]:
        site.follow(block)
    site.run("manage.py", "makemigrations", "invoices")
    site.run("manage.py", "migrate", "--verbosity", "0")
    site.shell(PEOPLE)
    yield site
    site.close()
