"""Texts made of captured parts: what is missing or cut in a part shows in the whole."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sey.ir.plan import Status
from sey.runtime.decode.views.addresses import colons, ip_text
from sey.runtime.decode.views.bignumbers import decimal
from sey.runtime.decode.views.parts import Text, joined, lost
from sey.runtime.decode.views.urls import Url, to_text


def test_texts_are_cut_where_a_part_is() -> None:
    cut = Text("grü", Status.TRUNCATED, 10)
    assert joined("a", Text("b"), "c") == Text("abc")
    assert joined("a: ", cut) == Text("a: grü", Status.TRUNCATED, 13)
    assert joined(cut, ": more") == Text("grü", Status.TRUNCATED, 16)
    assert joined(cut, lost(Status.DEPTH, 0xC000)) == Text("", Status.DEPTH, 0xC000)
    assert lost(Status.TRUNCATED).status == Status.BUDGET


@given(st.binary(min_size=16, max_size=16) | st.lists(st.sampled_from((0, 1)), min_size=16, max_size=16).map(bytes))
def test_ipv6_reads_as_others_write_it(address: bytes) -> None:
    assert colons(address) == str(ipaddress.IPv6Address(address))


def test_ipv4_is_dotted_also_within_ipv6() -> None:
    assert ip_text(bytes([192, 0, 2, 1])) == ip_text(bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1])) == "192.0.2.1"
    assert ip_text(b"") == "<nil>"
    assert ip_text(b"\x01") == "?01"


@given(st.integers(min_value=0, max_value=1 << 20000))
def test_numbers_of_any_size_have_all_their_digits(number: int) -> None:
    digits = decimal(number)
    assert digits.isdigit()
    assert digits == "0" or digits[0] != "0"
    value = 0
    for at in range(0, len(digits), 1000):
        part = digits[at : at + 1000]
        value = value * 10 ** len(part) + int(part)
    assert value == number


def url(**parts: str | bool) -> Url:
    texts = dict.fromkeys(("scheme", "opaque", "host", "path", "raw_path", "raw_query", "fragment", "raw_fragment"), "")
    return Url(**{**texts, "user": None, "force_query": False, "omit_host": False, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"scheme": "http", "host": "h", "path": "/a b"}, "http://h/a%20b"),
        ({"scheme": "http", "host": "h", "path": "/a/b", "raw_path": "/a%2Fb"}, "http://h/a%2Fb"),
        ({"scheme": "http", "host": "h", "path": "/a/b", "raw_path": "/a%2Fc"}, "http://h/a/b"),
        ({"scheme": "file", "path": "/x"}, "file:///x"),
        ({"scheme": "file", "path": "/x", "omit_host": True}, "file:/x"),
        ({"path": "a:b"}, "./a:b"),
        ({"path": "*"}, "*"),
        ({"force_query": True}, "?"),
        ({"fragment": "a/b c!"}, "#a/b%20c!"),
        # Releases differ here.
        ({"scheme": "http", "path": "//h/p", "omit_host": True}, None),
        # This may be a byte, or these four characters.
        ({"path": "/a\\xff"}, None),
    ],
)
def test_urls_read_as_go_writes_them(parts: dict[str, str | bool], text: str | None) -> None:
    assert to_text(url(**parts)) == text
