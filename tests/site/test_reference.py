"""docs/reference/ agrees with the code, and has all of it."""

import ast
import re
from importlib import import_module

import pytest

import notifications
from tests.support import reference

# Packages whose names are for this app itself, and the old import paths.
OWN = {"api", "checks", "concurrency", "mailing", "server"}


@pytest.mark.parametrize("name", ["python.md", "settings.md", "commands.md", "urls.md", "checks.md"])
def test_a_page_is_what_the_code_says(name):
    text = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert text == reference.pages()[name], "run: make reference"


def test_every_page_but_the_first_is_made():
    assert {path.name for path in reference.FOLDER.glob("*.md")} == {"index.md", *reference.pages()}


def test_every_package_with_public_names_is_in_the_reference():
    packages = {path.parent.name for path in reference.APP.glob("*/__init__.py") if "__all__" in path.read_text()}
    assert packages
    assert {f"notifications.{name}" for name in packages - OWN} <= reference.MODULES.keys()


def test_every_public_name_is_there_and_its_functions_have_docstrings():
    for module in reference.MODULES:
        for name in reference.public_names(module):
            value = getattr(import_module(module), name)
            if callable(value) and getattr(value, "__module__", "").startswith("notifications"):
                assert value.__doc__, f"{module}.{name}"


def test_the_package_lists_all_public_names_and_nothing_else():
    listed = dict(
        re.findall(r"^- (notifications[.\w]*): ([^\n]+(?:\n  [^\n]+)*)$", notifications.__doc__, re.MULTILINE)
    )
    found = {module: names.replace("\n ", "").split(", ") for module, names in listed.items()}
    assert found == {module: reference.public_names(module) for module in reference.MODULES}


def test_every_setting_that_the_code_reads_is_on_the_page():
    read = set()
    for path in reference.APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr" and len(node.args) > 1:
                where, name = node.args[:2]
                if ast.unparse(where) == "settings" and isinstance(name, ast.Constant):
                    read.add(str(name.value))
            elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("settings.NOTIFICATIONS_"):
                read.add(node.attr)
    read = {name for name in read if name.startswith("NOTIFICATIONS_")}
    assert len(read) > 10
    shown = re.findall(r"^\| `(NOTIFICATIONS_\w+)`", (reference.FOLDER / "settings.md").read_text(), re.MULTILINE)
    assert read == set(shown)
