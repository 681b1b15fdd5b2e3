"""docs/testing.md, done as it is written, in a site that has the app from its wheel."""

import re

import pytest

from tests.support.documents import blocks

# Schemathesis is a plugin of the tests' own environment, and takes longer to import than all the others.
ARGUMENTS = ["-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
IN_MEMORY = """
def test_a_stream(sse_client):
    sse_client(None)
"""
BEFORE_SETTINGS = """
import sys
import notifications.pytest_plugin
print("django.conf" in sys.modules, "notifications.models" in sys.modules)
"""


@pytest.fixture(scope="module")
def tested_site(foreign_site):
    for block in blocks("testing.md"):
        foreign_site.follow(block)
    return foreign_site


def test_the_documents_own_tests_pass_with_the_fixtures_of_the_wheel(tested_site):
    written = "".join(block.code for block in blocks("testing.md"))
    done = tested_site.run("-m", "pytest", *ARGUMENTS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(re.findall(r'^def test_', written, re.MULTILINE))} passed" in done.stdout


def test_a_database_in_memory_is_refused_with_what_to_do(tested_site):
    (tested_site.folder / "memory.py").write_text(
        'from mysite.settings import *\nDATABASES = {"default": {**DATABASES["default"], "TEST": {}}}\n'
    )
    (tested_site.folder / "invoices" / "test_memory.py").write_text(IN_MEMORY)
    done = tested_site.run("-m", "pytest", *ARGUMENTS, "--ds", "memory", "invoices/test_memory.py", check=False)
    (tested_site.folder / "invoices" / "test_memory.py").unlink()
    assert done.returncode == 1
    assert "the test database 'default' is in memory" in done.stdout


def test_the_plugin_is_loaded_without_settings_or_models(foreign_site):
    assert foreign_site.run("-c", BEFORE_SETTINGS).stdout.split() == ["False", "False"]
