"""The files that a release uploads: the wheel, the source distribution, and what the index shows of them."""

import ast
import email
import gettext
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from email.message import Message
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import markdown
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import notifications
from tests.support.documents import FENCE
from tests.support.services import ROOT

# pytest itself loads the plugin.
PLUGIN = "notifications/pytest_plugin.py"
# Extras of other sites; `site` and `dev` are those of this checkout.
EXTRAS = {"postgresql": {"psycopg"}, "redis": {"channels-redis"}}


@pytest.fixture(scope="session")
def sdist(wheel: Path) -> Path:
    (found,) = wheel.parent.glob("*.tar.gz")
    return found


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_string(archive.read(name).decode())


def requirements(metadata: Message, extra: str = "") -> dict[str, Requirement]:
    """The packages that pip installs with the wheel, or that the extra adds."""
    found = [Requirement(line) for line in metadata.get_all("Requires-Dist") or []]
    wanted = [each for each in found if (f'"{extra}"' in str(each.marker) if extra else not each.marker)]
    return {canonicalize_name(each.name): each for each in wanted}


def imports(tree: ast.AST) -> set[ast.Import | ast.ImportFrom]:
    return {node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)}


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@cache
def distributions() -> Mapping[str, list[str]]:
    """The distributions that each importable name is of: to read them opens the files of every installed package."""
    return packages_distributions()


def distribution_of(name: str) -> str:
    """The distribution that a module is of; others may put plug-ins beside it, under its name."""
    homes = [canonicalize_name(home) for home in distributions()[name]]
    return canonicalize_name(name) if canonicalize_name(name) in homes else homes[0]


def imported_distributions() -> tuple[set[str], set[str]]:
    """The distributions that the app imports with its modules, and those that it imports within functions alone."""
    eager: set[str] = set()
    late: set[str] = set()
    for path in (ROOT / "notifications").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for_types = set().union(*(imports(node) for node in ast.walk(tree) if is_for_types(node)))
        within = set().union(
            *(imports(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        )
        for node in imports(tree) - for_types:
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"notifications"}:
                if path == ROOT / PLUGIN and name == "pytest":
                    continue
                (late if node in within else eager).add(distribution_of(name))
    return eager, late - eager


def test_the_wheel_requires_the_packages_that_the_app_imports_and_no_others(metadata):
    eager, late = imported_distributions()
    assert set(requirements(metadata)) == eager
    assert late <= set().union(*(requirements(metadata, extra) for extra in EXTRAS))


def test_the_extras_are_those_of_the_documents_and_agree_with_the_site(metadata):
    assert set(metadata.get_all("Provides-Extra") or []) == {*EXTRAS, "site", "dev"}
    site = requirements(metadata, "site")
    for extra, names in EXTRAS.items():
        own = requirements(metadata, extra)
        assert set(own) == names
        assert all(own[name].specifier == site[name].specifier for name in names)
        assert all(own[name].extras == site[name].extras for name in names)


def test_the_version_is_that_of_the_code(metadata, wheel, sdist):
    assert metadata["Version"] == notifications.__version__
    assert f"-{notifications.__version__}" in wheel.name
    assert sdist.name.endswith(f"-{notifications.__version__}.tar.gz")
    # Nowhere else: what is said twice differs one day.
    assert notifications.__version__ not in (ROOT / "pyproject.toml").read_text()


def test_types_and_texts_are_in_both_files(wheel, sdist):
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if name.startswith("notifications/")}
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    assert {"notifications/py.typed", "notifications/locale/zh_Hans/LC_MESSAGES/django.mo"} <= in_wheel <= in_sdist
    top = {name.split("/")[0] for name in in_sdist if name}
    assert top <= {
        "notifications",
        "docs",
        "LICENSE",
        "pyproject.toml",
        "PKG-INFO",
        "setup.cfg",
        "django_live_notifications.egg-info",
    }
    committed = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "notifications").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert committed <= in_wheel


def test_the_wheel_has_all_chinese_texts_of_the_app(wheel, tmp_path):
    """Those that a file of the app names as its own: in folders of any depth."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extract("notifications/locale/zh_Hans/LC_MESSAGES/django.mo", tmp_path)
    with (tmp_path / "notifications/locale/zh_Hans/LC_MESSAGES/django.mo").open("rb") as compiled:
        shipped = gettext.GNUTranslations(compiled)
    with (ROOT / "locale/zh_Hans/LC_MESSAGES/django.mo").open("rb") as compiled:
        whole = gettext.GNUTranslations(compiled)
    entries = (ROOT / "locale/zh_Hans/LC_MESSAGES/django.po").read_text(encoding="utf-8").split("\n\n")
    own = [entry for entry in entries if re.search(r"^#: (?:.* )?notifications/", entry, re.MULTILINE)]
    texts = [
        "".join(ast.literal_eval(line) for line in found[1].splitlines())
        for entry in own
        if (found := re.search(r'^msgid ((?:".*"\n?)+)', entry, re.MULTILINE)) and "msgctxt" not in entry
    ]
    assert len(texts) > 100
    assert [text for text in texts if whole.gettext(text) != shipped.gettext(text)] == []


def test_the_source_distribution_builds_the_same_wheel(wheel, sdist, tmp_path):
    """Without the checkout around it."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path]
    done = subprocess.run([*command, *tmp_path.glob("django*")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (again,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert {name: first.read(name) for name in first.namelist()} == {
            name: second.read(name) for name in second.namelist()
        }


@pytest.mark.parametrize(
    "checker", [("twine", "check", "--strict"), ("check_wheel_contents", "--config", "pyproject.toml")]
)
def test_the_checks_of_the_packaging_tools_pass(wheel, sdist, checker):
    files = [wheel, sdist] if "twine" in checker else [wheel]
    done = subprocess.run([sys.executable, "-m", *checker, *files], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_link_of_what_the_index_shows_is_absolute(metadata):
    assert metadata["Description-Content-Type"] == "text/markdown"
    text = metadata.get_payload()
    page = markdown.markdown(text, extensions=["fenced_code", "tables"])
    assert "A dozen lines" in page
    targets = re.findall(r'(?:href|src)="([^"]*)"', page) + re.findall(r"\]\(([^)\s]+)", text)
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_the_code_that_the_index_shows_is_that_of_the_tested_document():
    shown, tested = (
        [code for language, code in FENCE.findall((ROOT / "docs" / name).read_text()) if language != "console"]
        for name in ("package.md", "integrating.md")
    )
    assert shown == tested[:5]
