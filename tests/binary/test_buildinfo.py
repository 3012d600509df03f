"""Build information and identity against `go version -m`, `go tool buildid`, and files made in memory."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from sey.binary import problems
from sey.binary.buildinfo import BuildInfo, GoVersion, Module, parse_modules, parse_version, read_build_info
from sey.binary.elf import open_elf
from sey.binary.errors import SeyError
from sey.binary.identity import Identity, identity
from tests.binary.elfmaker import Section, make_elf
from tests.binary.support import HELLO, MATRIX, elf_of, frames_binary, go_output, opened
from tests.support.gobuild import build

MAGIC = b"\xff Go buildinf:"
MARK = b"0" * 16


def blob(version: bytes, modules: str = "", flags: int = 2) -> bytes:
    text = MARK + modules.encode() + MARK if modules else b""
    return MAGIC + bytes([8, flags]) + bytes(16) + varint(len(version)) + version + varint(len(text)) + text


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def info_of(data: bytes, name: str = ".go.buildinfo") -> BuildInfo:
    return read_build_info(elf_of(make_elf([Section(name, data, address=0x1000)])))


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_as_go_version_prints_it(go: str, mode: str) -> None:
    build_info = opened(go, mode).build
    printed = go_output(go, "version", "-m", str(frames_binary(go, mode)))
    first, *rest = printed.splitlines()
    assert first.endswith(f": {build_info.version}")
    assert f"\tpath\t{build_info.package}" in rest
    assert build_info.module == "example.com/frames"
    settings = dict(line.removeprefix("\tbuild\t").split("=", 1) for line in rest if line.startswith("\tbuild\t"))
    assert build_info.settings == {k: json.loads(v) if v.startswith('"') else v for k, v in settings.items()}
    assert build_info.settings["GOARCH"] == "amd64"
    assert build_info.settings["-buildmode"] == ("pie" if "pie" in mode else "exe")
    assert build_info.settings["CGO_ENABLED"] == ("1" if "cgo" in mode else "0")


def test_modules_and_settings() -> None:
    text = (
        "path\texample.com/cmd\nmod\texample.com\tv1.2.3\th1:aa=\ndep\tb.org/x\tv0.1.0\th1:bb=\n"
        'dep\tc.org/y\tv0.2.0\n=>\t../y\t(devel)\nbuild\t-ldflags="-s -w \\"x\\""\nbuild\t"odd key"=v\n'
        "build\tvcs.time=2024-01-01T00:00:00Z\nnews\tof\tlater\treleases\nbuild\tno equals sign\n=>\n"
    )
    found = info_of(blob(b"go1.25.1 X:nodwarf5", text))
    assert found == BuildInfo(
        GoVersion(1, 25, 1, "go1.25.1 X:nodwarf5"),
        "example.com/cmd",
        Module("example.com", "v1.2.3", "h1:aa="),
        (Module("b.org/x", "v0.1.0", "h1:bb="), Module("c.org/y", "v0.2.0", "", Module("../y", "(devel)"))),
        {"-ldflags": '-s -w "x"', "odd key": "v", "vcs.time": "2024-01-01T00:00:00Z"},
    )
    assert found.version.text == "go1.25.1 X:nodwarf5"


def test_without_modules() -> None:
    found = info_of(blob(b"go1.27"))
    assert (found.module, found.main, found.dependencies, found.settings) == ("", None, (), {})


def test_found_in_the_data_segment_of_a_file_without_the_section() -> None:
    assert info_of(b"x" * 7 + MAGIC + bytes(27) + blob(b"go1.26.8"), ".data").version.minor == 26


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.27", (1, 27, 0)),
        ("go1.28rc1", (1, 28, 0)),
        ("devel go1.28-abcdef Mon", (1, 28, 0)),
        ("go1.24.11-custom", (1, 24, 11)),
        ("devel +abcdef", None),
        ("", None),
    ],
)
def test_versions(text: str, expected: tuple[int, int, int] | None) -> None:
    found = parse_version(text)
    assert (found and (found.major, found.minor, found.patch)) == expected


def test_order_of_versions() -> None:
    order = [parse_version(v) for v in ("go1.9", "go1.21", "go1.21.3", "go1.24.11", "go2.0")]
    known = [v for v in order if v]
    assert len(known) == 5
    assert sorted([known[i] for i in (3, 0, 4, 2, 1)]) == known


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", problems.NotGo, "not a Go program"),
        (b"y" + MAGIC + bytes(40), problems.NotGo, "not a Go program"),
        (MAGIC + b"\x08\x02", problems.Damaged, "only 16 bytes"),
        (blob(b"go1.16.3", flags=0), problems.GoTooOld, "1.17 or older"),
        (blob(b"go1.20.14"), problems.GoTooOld, "go1.20.14"),
        (blob(b"devel +1234"), problems.Damaged, "no Go version"),
        (blob(b"go1.26")[:34], problems.Damaged, "with 1 left"),
        (blob(b"go1.26")[:32] + b"\xff" * 30, problems.Damaged, "a string length"),
        (blob(b"go1.26")[:32] + b"\xff\xff\xff\xff\xff\xff\xff\x7f", problems.Damaged, "bytes with 0 left"),
    ],
)
def test_refused(data: bytes, kind: type, words: str) -> None:
    with pytest.raises(SeyError, match=words) as caught:
        info_of(data)
    assert type(caught.value.problems[0]) is kind


def test_garbage_in_modules_is_passed_over() -> None:
    version = GoVersion(1, 26, 0, "go1.26")
    for text in (
        "mod",
        "mod\t",
        "=>\tx\ty",
        "build\t",
        'build\t"',
        'build\t"a',
        'build\t"a"',
        "\t\t\t",
        'build\tx="\\q"',
    ):
        assert parse_modules(version, text).version == version


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_ids_are_those_of_the_tools(go: str, mode: str) -> None:
    path = frames_binary(go, mode)
    found = identity(open_elf(path))
    assert found.go_build_id == go_output(go, "tool", "buildid", str(path)).strip()
    notes = subprocess.run(["readelf", "-nW", path], capture_output=True, text=True, check=True).stdout
    gnu = re.search(r"Build ID: ([0-9a-f]+)", notes)
    assert found.gnu_build_id == (gnu[1] if gnu else "")
    assert found.size == path.stat().st_size


def test_same_build_same_identity(tmp_path: Path) -> None:
    path = build(HELLO)
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    one, two = identity(open_elf(path)), identity(open_elf(copy))
    assert (one, one.key) == (two, two.key)
    assert Identity.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert one.go_build_id[-20:] in str(one)


def test_other_builds_have_other_identities(tmp_path: Path) -> None:
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", stripped, build(HELLO)], check=True)
    paths = [build(HELLO), build(HELLO, flags=["-ldflags=-X main.x=1"]), build(HELLO, mode="pie"), stripped]
    found = [identity(open_elf(p)) for p in paths]
    assert len({i.key for i in found}) == len(set(found)) == len(paths)
    assert found[0].go_build_id == found[3].go_build_id, "else the test shows nothing"


def test_without_a_build_id_every_byte_counts(tmp_path: Path) -> None:
    path = build(HELLO, flags=["-ldflags=-buildid="])
    data = bytearray(path.read_bytes())
    first = identity(open_elf(path))
    assert first.go_build_id == ""
    text = open_elf(path).section(".text")
    assert text is not None
    data[text.offset + text.size // 2] ^= 1
    changed = tmp_path / "changed"
    changed.write_bytes(data)
    assert identity(open_elf(changed)) != first


@pytest.mark.parametrize("fields", [{}, {"go_build_id": 1, "gnu_build_id": "", "content": "", "size": 1}])
def test_identity_from_bad_json(fields: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Identity.from_json(fields)
