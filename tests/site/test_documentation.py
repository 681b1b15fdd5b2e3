"""The documentation site: it is built without a warning, each link leads somewhere, and nothing is loaded from elsewhere."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import notifications
from tests.support import reference
from tests.support.services import ROOT

# What a browser loads by itself, by tag and attribute; links are followed by people.
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("source", "src"), ("iframe", "src"), ("use", "href")}
# Relations of <link> that load nothing.
NAMED_ONLY = {"canonical", "prev", "next"}
# Lines of a document, and what the warning of each names.
MISTAKES = {
    "[gone](gone.md)": "docs/gone.md",
    "[no such heading](testing.md#gone)": "testing.md#gone",
    "[no such file](../config/gone.py)": "config/gone.py",
    "![no such picture](img/gone.webp)": "img/gone.webp",
}


class Page(HTMLParser):
    """The anchors, the links and the resources of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        for name in values.keys() & {"href", "src"}:
            if (tag, name) in LOADED and values.get("rel") not in NAMED_ONLY:
                self.loaded.append(values[name])
            self.links.append(values[name])


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, without a way to the network."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    variables = [f"RUN={sys.executable}", "DEV=", f"DOCS={folder}"]
    done = subprocess.run(
        ["make", "--no-print-directory", "docs", *variables],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder.parent),
            "https_proxy": "http://127.0.0.1:9",
            "LANG": "C.UTF-8",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def pages(built: Path) -> dict[Path, Page]:
    # The page of errors is shown at any address, so its links are absolute.
    return {path: Page(path) for path in built.rglob("*.html") if path.name != "404.html"}


def local_links(pages: dict[Path, Page]) -> Iterator[tuple[Path, str, Path, str]]:
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if not parts.scheme and not parts.netloc:
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                yield path, link, target / "index.html" if target.is_dir() else target, unquote(parts.fragment)


def test_every_link_leads_to_a_page_and_an_anchor_that_are_there(pages):
    links = list(local_links(pages))
    assert len(links) > 1000
    assert [(path.name, link) for path, link, target, _anchor in links if not target.is_file()] == []
    broken = [
        (path.name, link)
        for path, link, target, anchor in links
        if anchor and target in pages and anchor not in pages[target].anchors | {"__skip", "top"}
    ]
    assert broken == []


def test_nothing_is_loaded_from_another_host(built, pages):
    loaded = {link for page in pages.values() for link in page.loaded}
    assert loaded
    assert [link for link in loaded if urlsplit(link).netloc] == []
    styles = "".join(path.read_text(encoding="utf-8") for path in built.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", styles) == []


def build_with(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Builds the site from a copy of its sources, in which these lines end a document."""
    for name in ("mkdocs.yml", "docs", "notifications", *(path.name for path in ROOT.glob("*.md"))):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    # What documents link to beside these.
    for name in ("config", "deploy", "orders", "templates", "LICENSE"):
        (folder / name).symlink_to(ROOT / name)
    with (folder / "docs" / "releasing.md").open("a", encoding="utf-8") as document:
        document.write("".join(f"\n{line}\n" for line in lines))
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder / "site")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_every_mistake_is_a_warning_and_warnings_end_the_build(tmp_path):
    """All in one build: it takes as long as the other tests here together."""
    done = build_with(tmp_path, *MISTAKES)
    assert done.returncode != 0
    warnings = [line for line in done.stderr.splitlines() if line.startswith("WARNING")]
    assert [sum(named in warning for warning in warnings) for named in MISTAKES.values()] == [1] * len(MISTAKES)
    assert f"Aborted with {len(MISTAKES)} warnings in strict mode" in done.stdout + done.stderr


def test_a_name_that_is_gone_ends_the_build(tmp_path):
    done = build_with(tmp_path, "::: notifications.log.gone")
    assert done.returncode != 0
    assert "notifications.log.gone" in done.stderr


def test_every_document_is_a_page(built):
    documents = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"package"}
    documents |= {"CHANGELOG", "CONTRIBUTING", "SECURITY", "demo"}
    assert len(documents) > 12
    assert documents <= {path.stem for path in built.glob("*.html")}


def test_the_reference_has_every_public_name_with_its_signature(pages, built):
    page = pages[built / "reference" / "python.html"]
    wanted = {f"{module}.{name}" for module in reference.MODULES for name in reference.public_names(module)}
    assert len(wanted) > 60
    assert wanted - page.anchors == set()
    # From the docstring, and from the signature.
    assert "Writes one event in the caller" in page.text
    assert "silenced" in page.text


def test_links_to_files_that_the_site_lacks_are_their_names(pages, built):
    text = pages[built / "deploying.html"].text
    assert "deploy/nginx.conf</code>" in text
    assert 'href="../deploy' not in text


def test_each_page_shows_the_version(pages):
    assert all(f"Version {notifications.__version__}" in page.text for page in pages.values())
