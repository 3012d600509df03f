"""A real bundle damaged in thousands of ways behind right checksums: each is refused as a file, or read to the end."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest

from sey.backends.interp.disassemble import disassemble
from sey.backends.interp.format import decode
from sey.backends.interp.verify import verify
from sey.binary.errors import Exit, SeyError
from sey.cli.commands.inspect import with_lines
from sey.cli.contents import _lines, described
from sey.runtime import container
from sey.runtime.bundle import Bundle
from sey.runtime.container import BUNDLE
from tests.fuzz.damage import Damage, damaged, lying
from tests.interp.mutants import mutant
from tests.kernel.support import compiled
from tests.support.gobuild import build

VARIANTS = 700
_SECONDS = 2.0
"""Processor time that one may take: a hundred times what a sound one does."""
_MEMORY = 300 << 20

SPEC = """program crowd { executable "*/many" }
func "main.request" as parked when id > 3 { id, name, job }
func glob "main.handle*" as handled { id, &job.Tags as tags }
event called on return "main.request" when id > 3 sample 1/2 { id, name, job }
global "main.parked" as parked_now
table who = "select count(*) as n from parked"
"""


@pytest.fixture(scope="module")
def sections() -> Mapping[str, bytes]:
    return {name: bytes(data) for name, data in compiled(build("many"), SPEC).sections().items()}


def test_each_is_refused_or_read_to_the_end(sections: Mapping[str, bytes]) -> None:
    before, endings = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, Counter[str]()
    weights = [4 if name.endswith(("plan", "manifest", "bpf")) else 1 for name in sections]
    for number in range(VARIANTS):
        random = Random(number)
        (name,) = random.choices(list(sections), weights)
        what, changed = change(name, sections[name], random)
        data = b"".join(container.pack(BUNDLE, {**sections, name: changed}))
        start = time.process_time()
        endings[ending(data, f"{number}: {name}: {what}")] += 1
        assert time.process_time() - start < _SECONDS, f"{number}: {name}: {what}"
    assert set(endings) <= {"read", "SEY0703", "SEY0704", "SEY0705", "SEY0770", "SEY0771"}
    assert min(endings[code] for code in ("read", "SEY0704", "SEY0705", "SEY0770")) > 10
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < _MEMORY


def change(name: str, part: bytes, random: Random) -> Damage:
    """Other contents of a section: any damage, or one that is still a document, or bytecode, with other values."""
    if random.random() < 0.7:
        if part.startswith(b"{"):
            return lying(part, random)
        if name.endswith("seyb"):
            return "mutant", mutant(part, random)
    areas = [("it", 0, len(part)), ("its start", 0, min(256, len(part)))]
    return damaged(part, areas, random.randrange(1 << 40))


def ending(data: bytes, what: str) -> str:
    """The code of the error that it ended with, or `read`."""
    try:
        read_everything(data)
    except SeyError as error:
        return error.problems[0].code if error.exit_status is Exit.FILE else f"{what}: {error}"
    return "read"


def read_everything(data: bytes) -> None:
    """What `sey inspect` does with a bundle, in all forms but that of BPF."""
    _, opened = container.unpack("x", data, BUNDLE)
    bundle = Bundle.from_container(opened)
    for line in _lines(described(opened, "a bundle", (bundle,), None), layouts=True):
        assert isinstance(line, str)
    for binary in bundle.binaries:
        with_lines(binary.ir, bundle.texts)
        if binary.bytecode is not None:
            program = decode("x", binary.bytecode)
            verify("x", program)
            assert list(disassemble(program))
