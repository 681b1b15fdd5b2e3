"""Every text of the site is there in Chinese."""

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(
    path
    for folder in (ROOT / "templates", ROOT / "notifications" / "templates")
    for form in ("html", "txt")
    for path in folder.rglob(f"*.{form}")
)
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES"


def entries() -> list[str]:
    return (CATALOGUE / "django.po").read_text().split("\n\n")[1:]


def test_no_text_is_missing_fuzzy_or_obsolete():
    assert len(entries()) > 150
    for entry in entries():
        assert "#, fuzzy" not in entry, entry
        assert not entry.startswith("#~"), entry
        assert not re.search(r'^msgstr(\[\d\])? ""(?!\n")', entry, re.MULTILINE), entry


def test_the_compiled_catalogue_is_that_of_the_source():
    with (CATALOGUE / "django.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    compared = 0
    for entry in entries():
        found = re.search(r'^msgid ((?:".*"\n?)+)msgstr ((?:".*"\n?)+)', entry, re.MULTILINE)
        if found is None or "msgctxt" in entry:
            continue
        source, text = (ast.literal_eval(f"({part.strip()})") for part in found.groups())
        assert compiled.gettext(source) == text
        compared += 1
    assert compared > 150


def marked_in_python(source: str) -> Iterator[str]:
    """The texts that Python code marks for translation."""
    markers = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in markers:
            continue
        text = node.args[0]
        assert isinstance(text, ast.Constant), f"{ast.unparse(node)}: a text that is not there cannot be collected"
        yield str(text.value)


def marked_in_template(source: str) -> Iterator[str]:
    """The texts that a template marks for translation."""
    calls = re.findall(r"""gettext\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", templatize(source))
    return map(ast.literal_eval, calls)


def test_every_marked_text_is_in_the_catalogue():
    apps = [path for app in ("config", "notifications", "orders", "blog") for path in (ROOT / app).rglob("*.py")]
    marked = {text for path in apps if "migrations" not in path.parts for text in marked_in_python(path.read_text())}
    marked |= {text for path in TEMPLATES for text in marked_in_template(path.read_text())}
    known = set()
    for entry in entries():
        source = re.search(r'^msgid ((?:".*"\n?)+)', entry, re.MULTILINE)
        assert source
        known.add(ast.literal_eval(f"({source[1].strip()})"))
    assert len(marked) > 150
    assert marked == known, "run: make translations"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_anything_untranslated(path):
    text = path.read_text()
    text = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", text, flags=re.DOTALL)
    text = re.sub(r"{%\s*blocktranslate.*?endblocktranslate\s*%}", "", text, flags=re.DOTALL)
    text = re.sub(r"{%\s*block main_class.*?endblock main_class\s*%}", "", text)
    text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}|<!--.*?-->", "", text, flags=re.DOTALL)
    # Attributes without their element: notifications/attributes.html.
    text = re.sub(r"""[\w-]+=("[^"]*"|'[^']*')""", "", text)
    text = re.sub(r"<(script|style|svg).*?</\1>", "", text, flags=re.DOTALL)
    words = re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", " ", text))
    # The site's name is a name.
    assert set(words) <= {"Tidings"}, words
