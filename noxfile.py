"""The tests on every pair of Python and Django that is supported: `make matrix`.

nox uses uv where it is there, and leaves out the interpreters that this machine does not have: it names them.
`nox --list` lists the sessions; `nox --session "full(3.12-6.0)"` runs one pair with everything. The oldest pair is not among those
that run by themselves: `make test` and `make test-postgres` are that, on Python 3.11.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nox

PYTHONS = {"5.2": ["3.11", "3.12", "3.13"], "6.0": ["3.12", "3.13", "3.14"], "6.1": ["3.12", "3.13", "3.14"]}
PAIRS = [f"{python}-{django}" for django, pythons in PYTHONS.items() for python in pythons]
OLDEST = "3.11-5.2"
NEWER = [pair for pair in PAIRS if pair != OLDEST]

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["app"]
# A machine without one of the interpreters leaves it out, and downloads none.
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
# pyenv's, whether it is set to use them or not.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
FOLDERS = [str(folder) for folder in sorted(PYENV.glob("3.*/bin"))]
os.environ["PATH"] = os.pathsep.join([*FOLDERS, os.environ.get("PATH", os.defpath)])


def parametrize(pairs: list[str]) -> Callable[[Callable[..., None]], Any]:
    return nox.parametrize(("python", "django"), [nox.param(*pair.split("-"), id=pair) for pair in pairs])


def install(session: nox.Session, django: str) -> None:
    """Installs the pinned set, with another Django where the pair has another than this Python gets."""
    # The tests of the package run it; uv makes environments without it.
    session.install("pip")
    session.install("--require-hashes", "--requirement", "requirements-dev.txt")
    session.install(f"django=={django}.*")
    session.run(
        "python", "-c", "import django, sys; print('Python', sys.version.split()[0], 'Django', django.__version__)"
    )


@nox.session
@parametrize(NEWER)
def app(session: nox.Session, django: str) -> None:
    """The tests of the notifications app, on SQLite and on PostgreSQL."""
    install(session, django)
    for module in ("pytest", "tests.support.on_postgresql"):
        session.run("python", "-m", module, "--numprocesses", "auto", "tests/notifications", *session.posargs)


@nox.session
@parametrize(PAIRS)
def full(session: nox.Session, django: str) -> None:
    """All tests, on SQLite and on PostgreSQL."""
    install(session, django)
    session.run("python", "-m", "tests.support.on_postgresql", *session.posargs)
    session.run("python", "-m", "pytest", "--numprocesses", "auto", *session.posargs)
