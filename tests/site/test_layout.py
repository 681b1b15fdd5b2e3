"""The layout of docs/design.md, as far as imports do not show it: import-linter (pyproject.toml) holds the directions."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "notifications", "orders", "blog")


def modules(app: str) -> list[Path]:
    return [path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]


def test_the_templates_that_the_notifications_app_renders_come_with_it():
    """Other sites have the app's own folder alone."""
    folder = ROOT / "notifications" / "templates"
    sources = [path.read_text() for path in [*modules("notifications"), *folder.rglob("*.html")]]
    named = {name for source in sources for name in re.findall(r"""["']([\w/]+\.(?:html|txt))["']""", source)}
    assert len(named) > 8
    own = {name for name in named if not name.startswith("admin/") or "notifications" in name}
    assert [name for name in sorted(own) if not (folder / name).is_file()] == []


def test_there_is_no_further_package_at_the_top():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == {"config", "notifications", "orders", "blog", "tests"}


def test_modules_stay_small():
    for app in APPS:
        for path in modules(app):
            assert len(path.read_text().splitlines()) <= 300, path


def test_the_root_of_notifications_has_room_for_what_sites_name():
    assert len(list((ROOT / "notifications").glob("*.py"))) <= 30


def test_no_migration_is_missing(db):
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


# Django and Python give these names their meaning.
CONVENTIONAL = {"urlpatterns", "logger", "Command", "app_name", "register", "T", "P"}


def public_names(path: Path) -> set[str]:
    """The public names that a module defines at its top level; imports are not definitions."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if not name.startswith("_")} - CONVENTIONAL


@pytest.mark.parametrize("app", ["notifications", "orders", "blog"])
def test_one_name_is_one_thing(app):
    homes: dict[str, list[str]] = {}
    for path in modules(app):
        for name in public_names(path):
            homes.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert homes
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}
