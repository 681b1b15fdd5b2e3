"""The rules for text, JSON, links and positions from outside."""

import json

import pytest

from notifications.sanitizing import LARGEST_POSITION, clean_json, clean_text, local_path, parse_position, read_json


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("中文 🎉", "中文 🎉"),
        ("lone \ud800!", "lone \ufffd!"),
        ("\udfff\ud83d", "\ufffd\ufffd"),
        ("nul \0!", "nul \ufffd!"),
        ("é\0", "é\ufffd"),
    ],
)
def test_text_is_cleaned_of_nul_and_lone_surrogates_alone(text, clean):
    assert clean_text(text) == clean
    assert clean_text(text).encode().decode() == clean


def test_json_is_cleaned_in_its_keys_and_at_every_level():
    dirty = {"\ud800": ["\0", {"a": "\udfff", "n": 1.5, "t": True, "z": None}]}
    assert clean_json(dirty) == {"\ufffd": ["\ufffd", {"a": "\ufffd", "n": 1.5, "t": True, "z": None}]}


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        (r'{"a": "\ud83c\udf89"}', {"a": "🎉"}),
        (r'{"a": "\ud800", "\u0000": 1}', {"a": "\ufffd", "\ufffd": 1}),
        ('{"a": NaN, "b": [Infinity, -Infinity]}', {"a": None, "b": [None, None]}),
        ("[" * 5000 + "]" * 5000, {}),
        ("[" * 501 + "]" * 501, {}),
        ("1" * 5000, {}),
        ("no json", {}),
    ],
)
def test_a_stored_document_is_read_whatever_it_is(stored, value):
    assert read_json(stored) == value
    json.dumps(read_json(stored), allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize("path", ["/", "/orders/7/", "/search/?q=a&b=//c", "/中文/", "/a\\b"])
def test_a_path_of_this_site_is_a_link(path):
    assert local_path(path) == path


@pytest.mark.parametrize(
    "url",
    [
        *("", "orders/7/", "//evil.example/", "/\\evil.example/", "\\\\evil.example", "https://evil.example/"),
        *("javascript:alert(1)", " /a", "/\n/evil.example", "/\t/evil.example", "\t//evil.example", "/a\0", "/\ud800"),
    ],
)
def test_anything_else_is_none(url):
    assert local_path(url) == ""


@pytest.mark.parametrize(
    ("text", "position"),
    [("0", 0), ("7", 7), ("007", 7), (str(LARGEST_POSITION), LARGEST_POSITION), ("0" * 5000 + "12", 12), ("000", 0)],
)
def test_a_position_is_read(text, position):
    assert parse_position(text) == position


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "+1", "1.0", " 1", "1 ", "1_0", "0x1", "one", "١٢", "²", "1\n"),
        *(str(LARGEST_POSITION + 1), "0000000000000000000099999999999999999999", "9" * 5000),
    ],
)
def test_any_other_number_is_refused(text):
    with pytest.raises(ValueError, match=f"a whole number from 0 to {LARGEST_POSITION}"):
        parse_position(text)
