"""spec/report.md names every member of what the two commands print."""

from __future__ import annotations

import dataclasses

import pytest

from sey.runtime.diff import compare
from sey.runtime.report import model
from tests.support.gobuild import ROOT

TEXT = (ROOT / "spec" / "report.md").read_text()


@pytest.mark.parametrize(
    "kind",
    [
        *(model.Place, model.Crowd, model.State, model.Holder, model.Lock, model.Step, model.Chain, model.Channels),
        *(model.Leak, model.LateContext, model.Missing, model.Process, model.Report, compare.Diff),
        *(compare.StackChange, compare.LockChange, compare.Followed),
    ],
)
def test_every_member_is_documented(kind: type) -> None:
    assert not [field.name for field in dataclasses.fields(kind) if f"`{field.name}`" not in TEXT]


def test_the_version_is_the_codes() -> None:
    assert f"version {model.REPORT_VERSION}\n" in TEXT
    assert model.REPORT_VERSION == compare.DIFF_VERSION
