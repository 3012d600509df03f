"""A report as one HTML page that needs nothing else: its texts, and the data that its script draws pictures of."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import Any

from sey.runtime.files import write_whole
from sey.runtime.report.base import Source
from sey.runtime.report.flame import flame
from sey.runtime.report.graph import graph
from sey.runtime.report.model import Report
from sey.runtime.report.text import render

_TITLE_MOST = 3


def write_page(path: str, report: Report, source: Source) -> None:
    """Write the page, whole or not at all. Raises SeyError where it can't be written."""
    write_whole(path, [page(report, source).encode()])


def page(report: Report, source: Source) -> str:
    """The page. Nothing of the capture gets into it but as escaped text or as data that no one runs."""
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    names = ", ".join(f"{p.executable} ({p.pid})" for p in report.processes[:_TITLE_MOST])
    data = {"flame": flame(source), "graph": graph(report)}
    parts = {
        "TITLE": escape(f"sey report: {names}"),
        "STYLE": files(__package__).joinpath("page.css").read_text(encoding="utf-8"),
        "SCRIPT": files(__package__).joinpath("page.js").read_text(encoding="utf-8"),
        "TEXT": escape(render(report)),
        "DATA": _json(data),
    }
    # In one pass: what is put in isn't looked through for further names.
    pieces = template.split("@@")
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def _json(data: Any) -> str:
    """JSON that nothing can end the element by that it is in, nor begin another one."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
