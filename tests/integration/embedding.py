"""The site of docs/embedding.md, with the packages of npm that its pages use."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.integration.conftest import PEOPLE
from tests.integration.foreign import ForeignSite
from tests.support.documents import Block, blocks
from tests.support.proxy import Proxy
from tests.support.services import ROOT, ServeProcess
from tests.support.sse import login

NODE = ROOT / "node_modules"
# What the pages name: files that a browser takes as they are.
FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "sse.js": "htmx-ext-sse/sse.js",
    "turbo.es2017-esm.js": "@hotwired/turbo/dist/turbo.es2017-esm.js",
}
# React has no such files: each module of CommonJS becomes one that a browser takes, as a bundler makes it.
MODULES = {
    "react": ("react/cjs/react.production.js", "Children, createElement, useEffect, useState"),
    "react-dom": ("react-dom/cjs/react-dom.production.js", "flushSync"),
    "scheduler": ("scheduler/cjs/scheduler.production.js", "unstable_now"),
    "react-dom/client": ("react-dom/cjs/react-dom-client.production.js", "createRoot"),
}
SAVE = """
from django.contrib.auth.models import User
from invoices.models import Invoice
Invoice.objects.create(customer=User.objects.get(username={!r}), number={})
"""


def block(path: str) -> Block:
    (found,) = [each for each in blocks("embedding.md") if each.path.endswith(path)]
    return found


def lines(code: str) -> list[str]:
    return [line.strip() for line in code.splitlines() if line.strip()]


def added(name: str) -> list[str]:
    """The lines that an example's page has beyond the page that all start from."""
    before = lines(block("invoices/list.html").code)
    return [line for line in lines(block(f"invoices/{name}.html").code) if line not in before]


def static_name(module: str) -> str:
    return module.replace("/", "-") + ".js"


def as_module(source: str, names: str) -> str:
    needed = sorted(set(re.findall(r'require\("([\w/-]+)"\)', source)))
    imports = "".join(f'import m{at} from "./{static_name(name)}";\n' for at, name in enumerate(needed))
    table = ", ".join(f'"{name}": m{at}' for at, name in enumerate(needed))
    return (
        f"{imports}const module = {{ exports: {{}} }};\nconst table = {{ {table} }};\n"
        f"(function (module, exports, require) {{\n{source}\n}})(module, module.exports, (name) => table[name]);\n"
        f"export default module.exports;\nexport const {{ {names} }} = module.exports;\n"
    )


def needs(*packages: str) -> None:
    """Skips a test whose packages npm has not installed."""
    missing = [name for name in packages if not (NODE / name).is_dir()]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (npm ci)")


class EmbeddingSite(ForeignSite):
    """A site that did what docs/integrating.md and docs/embedding.md say, without the toasts of the former."""

    def prepare(self) -> None:
        # The section on scripts has a test of its own, and settings that these pages do not need.
        for each in [*blocks("integrating.md")[:4], *blocks("embedding.md", until="## A phone or a script")]:
            (self.folder / each.path).parent.mkdir(parents=True, exist_ok=True)
            self.follow(each)
        static = self.folder / "invoices" / "static"
        for name, path in FILES.items():
            if (NODE / path).exists():
                (static / name).write_bytes((NODE / path).read_bytes())
        if (NODE / "react").is_dir():
            for name, (path, names) in MODULES.items():
                (static / static_name(name)).write_text(as_module((NODE / path).read_text(), names))
            imports = ", ".join(f'"{name}": "/static/{static_name(name)}"' for name in MODULES)
            page = self.folder / "invoices" / "templates" / "invoices" / "react.html"
            head = f'<script type="importmap">{{"imports": {{{imports}}}}}</script>\n'
            page.write_text(page.read_text().replace("<script", head + "<script", 1))
        self.run("manage.py", "makemigrations", "invoices")
        self.run("manage.py", "migrate", "--verbosity", "0")
        self.shell(PEOPLE)

    def save(self, number: int, name: str = "alice") -> None:
        """Saves an invoice, in a process of its own."""
        self.shell(SAVE.format(name, number))


def made(packages: Path, folder: Path) -> Iterator[EmbeddingSite]:
    site = EmbeddingSite(folder, packages)
    site.prepare()
    yield site
    site.close()


def enter(page: Page, server: ServeProcess | Proxy, path: str, name: str = "alice") -> Page:
    """Opens a page of the site as somebody who has logged in."""
    client = login(server.url, name, path="/admin/login/")
    page.context.add_cookies(
        [{"name": key, "value": value, "url": server.url} for key, value in client.cookies.items()]
    )
    page.goto(server.url + path)
    return page
