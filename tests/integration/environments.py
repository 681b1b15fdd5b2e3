"""Environments that pip fills from the package index, as it does for a site of somebody else."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# Seconds: pip downloads some thirty packages, unless its cache has them.
INSTALLS_WITHIN = 240


def interpreter(version: str) -> Path:
    """Returns a Python of this version, from PATH or from pyenv."""
    roots = [Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"]
    named = [
        shutil.which(f"python{version}"),
        *(str(path) for root in roots for path in sorted(root.glob(f"{version}.*/bin/python"))),
    ]
    for found in filter(None, named):
        asked = subprocess.run(
            [found, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], capture_output=True, text=True
        )
        if asked.stdout.strip() == version:
            return Path(found)
    pytest.skip(f"Python {version} is not installed")


def make_environment(folder: Path, python: Path, *requirements: str | Path) -> Path:
    """Makes a virtual environment with what pip installs unasked, and returns its Python; skips the test without an index."""
    subprocess.run([python, "-m", "venv", folder], check=True, capture_output=True)
    made = folder / "bin" / "python"
    install(made, *requirements)
    return made


def install(python: Path, *requirements: str | Path) -> None:
    """Installs packages from the index, as in make_environment()."""
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-compile", *requirements]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALLS_WITHIN)
    skip_without_index(done)
    assert done.returncode == 0, done.stderr


def skip_without_index(done: subprocess.CompletedProcess[str]) -> None:
    """Skips the test where pip reached no index. That the index lacks a version which the wheel requires is a failure."""
    if done.returncode and (broken := re.search(r"connection broken by '(\w+)", done.stderr)):
        pytest.skip(f"the package index cannot be reached: {broken[1]}")
