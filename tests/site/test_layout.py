"""The layout of docs/design.md, as far as imports do not show it: import-linter (pyproject.toml) holds the directions."""

import re
from pathlib import Path

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
