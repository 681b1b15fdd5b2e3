"""What the documentation site does beyond its generator: documents link to each other as a forge shows them.

The files at the top of the checkout become pages, and links to source files, which the site does not have, become their
names. With `repo_url` in mkdocs.yml they lead there.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

TOP = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md")
PAGES = tuple(name for name in TOP if name not in ("LICENSE", "README.md"))
# Pictures are shown, other targets linked.
LINK = re.compile(r"(?<!\!)\[([^\]]+)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]+)?\)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Adds the documents at the top of the checkout, and the icon of the app."""
    root = Path(config.config_file_path).parent
    for name in PAGES:
        files.append(File.generated(config, name, content=(root / name).read_text(encoding="utf-8")))
    icon = root / "notifications" / "static" / "notifications" / "favicon.svg"
    files.append(File.generated(config, "img/favicon.svg", content=icon.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Leads each link of the page to where the site has its target."""
    uri = page.file.src_uri
    # Where the document is in the checkout.
    place = uri if uri in PAGES else f"docs/{uri}"

    def target(match: re.Match[str]) -> str:
        text, path, anchor = match[1], match[2], match[3] or ""
        source = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        on_site = source if source in PAGES else "index.md" if source == "README.md" else source.removeprefix("docs/")
        if (source.startswith("docs/") or source in TOP) and files.get_file_from_path(on_site):
            return f"[{text}]({posixpath.relpath(on_site, posixpath.dirname(uri) or '.')}{anchor})"
        if config.repo_url:
            return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{source})"
        return text if text.startswith("`") else f"`{source}`" if text == path.lstrip("./") else f"{text} (`{source}`)"

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(target, part) for part in parts)
