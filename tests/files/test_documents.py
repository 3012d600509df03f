"""spec/bundle.md and spec/capture.md: their readers, run as they are written there, read what sey writes."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.vectors import STATUS_WORDS
from tests.support.captures import Shop
from tests.support.gobuild import ROOT

BUNDLE, CAPTURE = (ROOT / "spec" / f"{name}.md" for name in ("bundle", "capture"))


def _code(document: Path) -> dict[str, Any]:
    """The names that the document's Python defines."""
    (text,) = re.findall(r"^```python\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(text, str(document), "exec"), names)
    return names


def test_the_documented_reader_reads_a_bundle() -> None:
    bundle = Shop().bundle()
    found = _code(BUNDLE)["sections"](bundle.to_bytes(), b"SEYP")
    assert json.loads(found["manifest"])["spec_path"] == bundle.spec_path
    assert found["spec"].decode() == bundle.spec
    assert json.loads(found["b0/plan"])["version"] == bundle.binaries[0].plan.version
    documented = set(re.findall(r"^\| `([a-zN/.]+)` \|", BUNDLE.read_text(), re.MULTILINE))
    assert {re.sub(r"\d", "N", name) for name in found} <= documented


def test_the_documented_readers_read_a_capture(tmp_path: Path) -> None:
    capture = Shop().capture()
    capture.save(str(tmp_path / "a.seyc"))
    sections = _code(BUNDLE)["sections"]
    found = sections((tmp_path / "a.seyc").read_bytes(), b"SEYC")
    plan = json.loads(sections(found["bundle0"], b"SEYP")["b0/plan"])
    counts = _code(CAPTURE)["starts"](found, plan)
    stream = next(s for s in capture.plan(capture.processes[0].facts).streams if s.name == "goroutine")
    pages = capture.processes[0].pages
    assert pages is not None
    assert sum(counts.values()) == len(pages.records(stream)) > 0
    documented = set(re.findall(r"^\| `([a-zN/]+)` \|", CAPTURE.read_text(), re.MULTILINE))
    assert {re.sub(r"\d", "N", name) for name in found} <= documented


def test_every_fact_and_status_is_documented() -> None:
    text = CAPTURE.read_text()
    assert not [f.name for f in fields(ProcessFacts) if f"`{f.name}`" not in text]
    assert not [word for word in STATUS_WORDS if word and f"`{word}`" not in text and word != "redacted"]
