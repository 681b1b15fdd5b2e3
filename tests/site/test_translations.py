"""Every text of the site is there in Chinese."""

import re
from gettext import GNUTranslations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
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
    texts = {text for text in compiled._catalog if text}
    in_source = {
        "".join(re.findall(r'"(.*)"', found)).replace('\\"', '"').replace("\\n", "\n")
        for entry in entries()
        for found in re.findall(r'^msgid ((?:".*"\n?)+)', entry, re.MULTILINE)
    }
    in_mo = {text[0] if isinstance(text, tuple) else text.split("\x04")[-1] for text in texts}
    assert in_mo == in_source


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_no_template_says_anything_untranslated(path):
    text = path.read_text()
    text = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", text, flags=re.DOTALL)
    text = re.sub(r"{%\s*blocktranslate.*?endblocktranslate\s*%}", "", text, flags=re.DOTALL)
    text = re.sub(r"{%\s*block main_class.*?endblock main_class\s*%}", "", text)
    text = re.sub(r"{%.*?%}|{{.*?}}|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<(script|style|svg).*?</\1>", "", text, flags=re.DOTALL)
    words = re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", " ", text))
    # The site's name is a name.
    assert set(words) <= {"Tidings"}, words
