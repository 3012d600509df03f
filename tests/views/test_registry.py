"""spec/capture.md lists the known types as they are."""

from __future__ import annotations

import re

from sey.runtime.decode.views.registry import KNOWN
from tests.support.gobuild import ROOT


def test_the_document_lists_every_known_type() -> None:
    text = (ROOT / "spec" / "capture.md").read_text()
    _, _, section = text.partition("## Known types\n")
    rows = re.findall(r"^\| `([\w/.]+)` \| (.+?) \| (.+) \|$", section, re.MULTILINE)
    assert [tuple(row) for row in rows] == [(name, known.column, known.reads) for name, known in KNOWN.items()]
    assert list(KNOWN) == sorted(KNOWN)
