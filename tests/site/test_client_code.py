"""The browser client stays small, and says what it imports."""

import gzip
import re
from pathlib import Path

CLIENT = Path(__file__).resolve().parents[2] / "notifications" / "static" / "notifications"
MOST = 12 * 1024
SCRIPTS = sorted(path for folder in (".", "stream", "page") for path in (CLIENT / folder).glob("*.js"))
EMBEDDED = sorted((CLIENT / "embed").glob("*.js"))


def test_the_client_is_at_most_12_kilobytes_gzipped():
    size = len(gzip.compress(b"".join(script.read_bytes() for script in SCRIPTS), 9))
    assert size <= MOST, f"{size} bytes"


def test_the_script_of_the_elements_is_one_small_file_that_any_storage_serves():
    text = (CLIENT / "embed" / "elements.js").read_text()
    assert not re.search(r"^import |import\(\s*[\"'`]", text, re.MULTILINE), "an address in it would have to be hashed"
    assert len(gzip.compress(text.encode(), 9)) <= 4 * 1024


def test_modules_import_what_is_there_and_stay_small():
    imports = 0
    for script in [*SCRIPTS, *EMBEDDED]:
        text = script.read_text()
        assert len(text.splitlines()) <= 300, script
        for path in re.findall(r'^import .*"(.+)";$', text, re.MULTILINE):
            assert (script.parent / path).exists(), (script, path)
            imports += 1
    assert imports >= len(SCRIPTS)


def test_the_stream_client_knows_nothing_of_the_page():
    for script in (CLIENT / "stream").glob("*.js"):
        assert "../" not in script.read_text(), script


def test_style_sheets_stay_small():
    for sheet in CLIENT.rglob("*.css"):
        assert len(sheet.read_text().splitlines()) <= 300, sheet
