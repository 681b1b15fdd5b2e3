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
WRONG = """
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from invoices.models import Invoice


def save(name):
    for each in ("alice", "bob"):
        User.objects.get_or_create(username=each)
    Invoice.objects.create(customer=User.objects.get(username=name), number=7)


def test_somebody_else(notified):
    save("bob")
    notified.assert_told_only("alice")


def test_nobody(notified):
    save("bob")
    notified.assert_told_nobody()


def test_nothing(notified):
    notified.assert_told_only("alice")


@pytest.mark.asyncio
async def test_a_thread(notified):
    await sync_to_async(notified)()
"""
BOBS = "'Invoice 7 is there' (invoices.invoice_sent) to bob"
WORDS = {
    "test_somebody_else": ["not told: alice; told as well: bob", BOBS],
    "test_nobody": ["told as well: bob", BOBS],
    "test_nothing": ["not told: alice", "nothing was notified"],
    "test_a_thread": ["notified() is called in another thread than the test's transaction, as in an async test: mark"],
}
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


# --reuse-db finds the database of the run before it in its second run.
@pytest.mark.parametrize("options", [(), ("-n", "2"), ("--reuse-db", "--create-db"), ("--reuse-db",)], ids=" ".join)
def test_the_documents_own_tests_pass_with_the_fixtures_of_the_wheel(tested_site, options):
    written = "".join(block.code for block in blocks("testing.md"))
    done = tested_site.run("-m", "pytest", *ARGUMENTS, *options, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(re.findall(r'^ *(?:async )?def test_', written, re.MULTILINE))} passed" in done.stdout


def test_test_cases_run_with_django_s_own_runner(tested_site):
    done = tested_site.run("manage.py", "test", "--noinput")
    assert "Ran 3 tests" in done.stderr
    assert "\nOK\n" in done.stderr


def test_wrong_tests_fail_with_what_was_notified_to_whom(tested_site):
    path = tested_site.folder / "invoices" / "test_wrong.py"
    path.write_text(WRONG)
    done = tested_site.run("-m", "pytest", *ARGUMENTS, "--tb=short", "invoices/test_wrong.py", check=False)
    path.unlink()
    assert done.returncode == 1
    reports = re.split(r"^_+ (test_\w+) _+$", done.stdout, flags=re.MULTILINE)
    said = {
        name: re.findall(r"^E +(?:AssertionError: )?(.+)$", text, re.MULTILINE)
        for name, text in zip(reports[1::2], reports[2::2], strict=True)
    }
    assert {
        name: [line[: len(word)] for line, word in zip(lines, WORDS[name], strict=True)] for name, lines in said.items()
    } == WORDS


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
