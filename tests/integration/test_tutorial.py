"""docs/tutorial.md, done as it is written, from an empty folder: every block is run, in its order."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.test_screenshots import picture
from tests.integration.environments import INSTALLS_WITHIN, skip_without_index
from tests.support.documents import FENCE, HEAD
from tests.support.processes import free_port
from tests.support.services import ROOT, ServeProcess

IMAGES = ROOT / "docs" / "img"
SIZE = {"width": 900, "height": 420}
NETWORK = re.compile(r"PIP_|SSL_CERT_|REQUESTS_CA_|\w+_proxy$", re.IGNORECASE)
SERVE = "python manage.py serve"


class Reader:
    """A person in front of a terminal, an editor and a browser, who does what each block says."""

    def __init__(self, folder: Path, find_links: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.server: ServeProcess | None = None
        # The index, the proxy and the certificates with which pip works here.
        network = {name: value for name, value in os.environ.items() if NETWORK.match(name)}
        self.environment = {
            **network,
            "PATH": os.pathsep.join([str(folder / "venv" / "bin"), os.environ["PATH"]]),
            "HOME": os.environ["HOME"],
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # What the page says of a package that is on no index yet.
            "PIP_FIND_LINKS": str(find_links),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def follow(self, language: str, code: str) -> None:
        if language == "console":
            for line in code.splitlines():
                assert line.startswith("$ "), line
                self.type(line[2:])
            return
        head = HEAD.match(code)
        assert head, f"a block without the name of its file:\n{code}"
        path, text = self.folder / head[1], code[head.end() :]
        if head[2]:
            assert head[2] == "at the end"
            text = path.read_text() + "\n" + text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def type(self, line: str) -> None:
        """Types a line into the terminal; the server goes on in its own."""
        if line == SERVE:
            self.start()
            return
        command = ["bash", "-e", "-c", line]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=INSTALLS_WITHIN
        )
        if line.startswith("pip install"):
            skip_without_index(done)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if line.endswith(" check"):
            assert "no issues" in done.stdout

    def start(self) -> None:
        command = [*shlex.split(SERVE), "--port", str(self.port)]
        command[0] = str(self.folder / "venv" / "bin" / "python")
        log = self.folder / "server.log"
        self.server = ServeProcess(
            command, self.port, log, self.environment, folder=self.folder, health="/admin/login/"
        )

    def stop(self) -> None:
        assert self.server is not None
        self.server.terminate()


@pytest.fixture
def reader(wheel: Path, tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path, wheel.parent)
    yield made
    if made.server is not None:
        made.server.kill()


def keep(page: Page, name: str) -> None:
    if os.environ.get("SCREENSHOTS"):
        picture(page, IMAGES / name)


def test_every_block_of_the_tutorial_does_what_it_says(reader, browser_page):
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    *before, serve, greet, greet_again = FENCE.findall(text)
    assert serve == ("console", f"$ {SERVE}\n")
    for block in (*before, serve):
        reader.follow(*block)
    assert reader.server is not None
    page = browser_page(viewport=SIZE, reduced_motion="reduce")
    page.goto(f"{reader.server.url}/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("demo")
    with page.expect_response(lambda response: response.url.endswith("/embed/live.js")):
        page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Greetings to alice").wait_for()

    reader.follow(*greet)
    page.locator(".toast", has_text="Hello from another process").wait_for()
    assert "bob greets you" in page.locator(".toast").inner_text()
    keep(page, "tutorial-toast.webp")

    reader.stop()
    reader.follow(*greet_again)
    reader.start()
    # The page that was open all the while.
    page.locator(".toast", has_text="You were away").wait_for()
    page.get_by_role("link", name="Notifications").click()
    unread = page.locator("main")
    unread.get_by_text("You were away").wait_for()
    assert "Hello from another process" in unread.inner_text()
    assert page.context.request.get(f"{reader.server.url}/api/unread").json()["unread"] == 2
    page.mouse.move(0, 0)
    keep(page, "tutorial-inbox.webp")
    assert {match[1] for match in re.finditer(r"\(img/([\w.-]+)\)", text)} == {
        "tutorial-toast.webp",
        "tutorial-inbox.webp",
    }
