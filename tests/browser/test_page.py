"""The page of `sey report --html` in a real browser: it runs without errors, and draws what is in the capture."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from sey.runtime.capture import Capture
from sey.runtime.database import open_database
from sey.runtime.report.base import Source
from sey.runtime.report.gather import gather
from sey.runtime.report.page import write_page
from tests.report.conftest import captures as captures
from tests.support.captures import Shop

pytestmark = pytest.mark.browser

HOSTILE = "main.</script><img src=x onerror=alert(1)>\u2028@@DATA@@&lt;\"'"


def browse(page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Have chromium open a page, without a window."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: tools/chromium.sh installs it"
    return subprocess.run(
        [
            chromium,
            *("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1400,1200"),
            *(f"--user-data-dir={page.parent / 'profile'}", *arguments, page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def written(capture: Capture, folder: Path) -> Path:
    path = folder / "report.html"
    with open_database(capture, cached=False) as database:
        source = Source(database)
        write_page(str(path), gather(source), source)
    return path


def dom(page: Path) -> str:
    """What the page became; any error that the browser logged fails the test."""
    done = browse(page, "--virtual-time-budget=3000", "--dump-dom")
    assert not re.findall(r"CONSOLE.*", done.stderr)
    return done.stdout


def test_both_pictures_are_drawn(captures: tuple[Path, Path], tmp_path: Path) -> None:
    page = written(Capture.load(str(captures[0])), tmp_path)
    shown = dom(page)
    drawn = re.search(r'<body data-drawn="(\d+)" data-millis="\d+"', shown)
    assert drawn, shown[-300:]
    assert int(drawn[1]) > 40
    graph, flame = re.findall(r'<svg .*? aria-label="(.*?)"', shown)
    assert (graph, flame) == ("who waits for whom", "flame graph of stacks")
    assert shown.count('class="edge stuck"') == 4
    assert "goroutine 8: main.(*store).report" in shown or "main.(*store).report waits/main.go" in shown
    assert re.search(r"<title>main\.leak: 60 of \d+ goroutines</title>", shown)


def test_the_picture_is_not_empty(captures: tuple[Path, Path], tmp_path: Path) -> None:
    page, picture = written(Capture.load(str(captures[0])), tmp_path), tmp_path / "page.png"
    browse(page, f"--screenshot={picture}")
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    parts, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            parts.append(data[at + 8 : at + 8 + size])
        at += size + 12
    pixels = zlib.decompress(b"".join(parts))
    # A blank page has next to no rows that differ, and a few colours.
    width = len(pixels) // 1200
    assert len({pixels[start : start + width] for start in range(0, len(pixels), width)}) > 200


def test_names_of_a_hostile_program_are_text(tmp_path: Path) -> None:
    capture = Shop().capture()
    (process, *others) = capture.processes
    assert process.symbols is not None
    names = tuple(HOSTILE if name.startswith("main.") else name for name in process.symbols.names)
    hostile = replace(process, symbols=replace(process.symbols, names=names))
    page = written(replace(capture, processes=(hostile, *others)), tmp_path)
    assert "<img" not in page.read_text()
    shown = dom(page)
    assert 'data-drawn="' in shown
    assert "<img" not in shown
    assert "main.&lt;/script&gt;&lt;img" in shown
