"""What the documentation site does beyond its generator: documents link to each other as a forge shows them.

The files at the top of the checkout become pages, and links to source files, which the site does not have, become their
names. With `repo_url` in mkdocs.yml they lead there.
"""

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

log = logging.getLogger("mkdocs.hooks")

# The files at the top of the checkout, and their pages. A README.md would be taken for the start page.
PAGES = {
    "README.md": "demo.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
}
# Pictures are shown, other targets linked.
LINK = re.compile(r"(?<!\!)\[([^\]]+)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]+)?\)")
PICTURE = re.compile(r"(?<=[(\"])docs/img/(?=[\w/.-]+\.(?:webp|svg)[)\"])")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_config(config: Any) -> Any:
    """Shows the version below each page."""
    source = Path(config.config_file_path).parent / "notifications" / "__init__.py"
    found = re.search(r'^__version__ = "(.+)"$', source.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    config.copyright = f"Version {found[1]}"
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the documents at the top of the checkout, and the icon of the app."""
    root = Path(config.config_file_path).parent
    for name, uri in PAGES.items():
        files.append(File.generated(config, uri, content=(root / name).read_text(encoding="utf-8")))
    icon = root / "notifications" / "static" / "notifications" / "favicon.svg"
    files.append(File.generated(config, "img/favicon.svg", content=icon.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Leads each link of the page to where the site has its target."""
    root = Path(config.config_file_path).parent
    uri = page.file.src_uri
    # Where the document is in the checkout.
    place = {site: name for name, site in PAGES.items()}.get(uri, f"docs/{uri}")
    if uri in PAGES.values():
        markdown = PICTURE.sub("img/", markdown)

    def target(match: re.Match[str]) -> str:
        text, path, anchor = match[1], match[2], match[3] or ""
        source = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        on_site = PAGES.get(source) or (source.removeprefix("docs/") if source.startswith("docs/") else None)
        if on_site and files.get_file_from_path(on_site):
            return f"[{text}]({posixpath.relpath(on_site, posixpath.dirname(uri) or '.')}{anchor})"
        if not (root / source).exists():
            # A warning ends the build.
            log.warning("%s links to %s, which does not exist", place, source)
        if config.repo_url:
            return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{source})"
        return text if text.startswith("`") else f"`{source}`" if text == path.lstrip("./") else f"{text} (`{source}`)"

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(target, part) for part in parts)
