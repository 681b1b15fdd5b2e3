"""The layout of docs/design.md, held by reading the imports and the tree."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {"notifications": {"orders", "blog", "config"}, "orders": {"blog", "config"}, "blog": {"orders", "config"}}
# What the domain calls of the notifications app; everything else is its own affair.
PUBLIC = {
    "notifications",
    "notifications.admin",
    "notifications.client",
    "notifications.opening",
    "notifications.plans",
    "notifications.kinds",
    "notifications.models",
    "notifications.requests",
    "notifications.sessions",
    "notifications.together",
    "notifications.views",
}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


def modules(app: str) -> list[Path]:
    return [path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]


@pytest.mark.parametrize("app", FORBIDDEN)
def test_apps_import_only_what_they_may(app):
    assert modules(app)
    for path in modules(app):
        packages = {name.split(".")[0] for name in imported(path)}
        assert not packages & FORBIDDEN[app], path


@pytest.mark.parametrize("app", ["orders", "blog"])
def test_the_domain_calls_notifications_by_its_public_names(app):
    for path in modules(app):
        inner = {name for name in imported(path) if name.split(".")[0] == "notifications"}
        assert inner <= PUBLIC, path


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
    for app in ("config", *FORBIDDEN):
        for path in modules(app):
            assert len(path.read_text().splitlines()) <= 300, path


def test_no_migration_is_missing(db):
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
