"""Searches readers for crashes, guided by coverage: `make fuzz TARGET=elf` until ctrl-C.

Targets are elf, dwarf, scan, capture, bundle, core, plan, ir, bytecode and index. Whatever isn't a SeyError ends it,
with the input left in a file. Needs the extra `fuzz` (atheris); options of libFuzzer follow the target's name:
`-max_total_time=300`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping

import atheris

with atheris.instrument_imports(include=["sey"]):
    from sey.binary.coreexec import named_executable
    from sey.binary.corefile import parse_core
    from sey.binary.corememory import dumped
    from sey.binary.errors import SeyError
    from sey.frontend.debuginfo.data import DamageError
    from sey.frontend.debuginfo.native import kernel
    from sey.runtime.bundle import Bundle
    from sey.runtime.capture import Capture
    from sey.runtime.database import open_database
    from tests.binary.test_damage import original, read_everything, sensitive_areas
    from tests.debuginfo.test_damage import open_damaged, sample, use_everything
    from tests.debuginfo.test_index import assert_same
    from tests.debuginfo.test_native import natively, plainly
    from tests.fuzz import programs
from sey.runtime import container
from tests.binary.coremaker import WHOLE
from tests.support.captures import Shop


def elf(data: bytes) -> None:
    """An executable, changed in the parts that readers look at."""
    reader = atheris.FuzzedDataProvider(data)
    mode = reader.PickValueInList(["plain", "stripped", "pie"])
    raw, areas = bytearray(original(mode)), list(sensitive_areas(mode))
    while reader.remaining_bytes():
        start, size = reader.PickValueInList(areas)
        raw[start + reader.ConsumeIntInRange(0, size - 1)] = reader.ConsumeIntInRange(0, 255)
    read_everything(bytes(raw))


def dwarf(data: bytes) -> None:
    """Debug sections."""
    reader = atheris.FuzzedDataProvider(data)
    use_everything(open_damaged(changed(reader, sample(reader.PickValueInList([4, 5])))))


def scan(data: bytes) -> None:
    """The scan in machine code against the plain one; where it is less strict, only that it ends."""
    reader = atheris.FuzzedDataProvider(data)
    sections, compiled = changed(reader, sample(reader.PickValueInList([4, 5]))), kernel()
    assert compiled is not None
    try:
        expected = plainly(sections)
    except DamageError:
        with contextlib.suppress(DamageError):
            natively(sections, compiled)
        return
    assert_same(natively(sections, compiled), expected)


def capture(data: bytes) -> None:
    """Sections of a capture, behind right checksums."""
    sections = changed(atheris.FuzzedDataProvider(data), _CAPTURE)
    open_database(Capture.from_bytes("x", b"".join(container.pack(container.CAPTURE, sections)))).close()


def bundle(data: bytes) -> None:
    """Sections of a bundle, likewise."""
    sections = changed(atheris.FuzzedDataProvider(data), _BUNDLE)
    Bundle.from_bytes("x", b"".join(container.pack(container.BUNDLE, sections)))


def core(data: bytes) -> None:
    """Headers and notes of a core file."""
    parts = changed(atheris.FuzzedDataProvider(data), {"core": WHOLE.to_bytes()})
    opened = parse_core(memoryview(parts["core"]), "x")
    memory = dumped(opened)
    for start, piece in memory.ranges():
        memory.read(start, len(piece))
    named_executable(opened, memory)


def changed(reader: atheris.FuzzedDataProvider, sections: Mapping[str, bytes]) -> dict[str, bytes]:
    """Sections with bytes changed at the places that the input names."""
    parts = {name: bytearray(part) for name, part in sections.items() if part}
    while reader.remaining_bytes():
        part = parts[reader.PickValueInList(sorted(parts))]
        part[reader.ConsumeIntInRange(0, len(part) - 1)] = reader.ConsumeIntInRange(0, 255)
    return dict(sections) | {name: bytes(part) for name, part in parts.items()}


_CAPTURE = {name: bytes(part) for name, part in Shop(waiting=2).capture().sections().items()}
_BUNDLE = {name: bytes(part) for name, part in Shop(waiting=1).bundle().sections().items()}


def _choosing(target: Callable[[programs.Reader], None]) -> Callable[[bytes], None]:
    return lambda data: target(atheris.FuzzedDataProvider(data))


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    **{target.__name__: target for target in (elf, dwarf, scan, capture, bundle, core)},
    **{t.__name__: _choosing(t) for t in (programs.plan, programs.ir, programs.bytecode, programs.index)},
}


def main() -> None:
    """Fuzz the target that the first argument names."""
    target = TARGETS[sys.argv.pop(1)]

    def once(data: bytes) -> None:
        try:
            target(data)
        except SeyError:
            return

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
