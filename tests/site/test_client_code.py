"""The browser client stays small, and says what it imports."""

import gzip
import re
from pathlib import Path

CLIENT = Path(__file__).resolve().parents[2] / "notifications" / "static" / "notifications"
MOST = 12 * 1024


def test_the_client_is_at_most_12_kilobytes_gzipped():
    scripts = sorted(CLIENT.glob("*.js"))
    size = len(gzip.compress(b"".join(script.read_bytes() for script in scripts), 9))
    assert size <= MOST, f"{size} bytes"


def test_modules_import_what_is_there_and_stay_small():
    for script in CLIENT.glob("*.js"):
        text = script.read_text()
        assert len(text.splitlines()) <= 300, script
        for name in re.findall(r'from "\./([a-z]+\.js)"', text):
            assert (CLIENT / name).exists(), (script, name)
