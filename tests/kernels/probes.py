"""The bundles that every kernel loads, and which of their programs are captured there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.kernel.support import compiled
from tests.kernel.test_redact import CAPTURES, REDACT
from tests.kernel.test_values import spec_of
from tests.support.gobuild import ROOT, build
from tests.support.target import Target

SHOP = ROOT / "examples" / "shop"


@dataclass(frozen=True)
class Job:
    """A probe for a target: names of files of the guest. `engines`: what captures it there, one after the other.

    `asks`: what the target tells of itself afterwards. Without any the probe is loaded and nothing captured.
    """

    target: str
    probe: str
    asks: tuple[str, ...] = ()
    engines: tuple[str, ...] = ("ebpf", "interp")


@dataclass(frozen=True)
class _Case:
    program: str | Path
    release: str
    mode: str
    asks: tuple[str, ...]
    spec: Callable[[Path], str]


def _no_spec(_: Path) -> str:
    return ""


def _every_value(executable: Path) -> str:
    """All that the target tells of itself: some forty functions with two hundred captures."""
    with Target(executable) as target:
        return spec_of(target.ask_json("expected"), target.ask_json("globals"))[0]


def _of_the_demo(_: Path) -> str:
    return (SHOP / "shop.sey").read_text()


def _every_statement(_: Path) -> str:
    """Redaction by names, types and tags, parts of types, what contexts carry, types that dictionaries tell."""
    return CAPTURES + REDACT + 'type "main.creds" { user }\ntype "main.named" { value.user, pointer.user, slice, held }'


def _of_calls(_: Path) -> str:
    return """
event plain on return "main.plain" { a, s, p, ~r0 as r0, ~r1 as r1 }
event registers on entry "main.registers" { a, b, c, d, e, f, g, h }
event slow on return "main.slow" when duration > 1ms limit 100/s stack 16 { id, d }
event recurses on entry "main.recurses" when n > 1 sample 1/2 { n }
event each on entry glob "main.*" { }
"""


VALUES = ("expected", "globals", "addresses")
_CASES = {
    "zoo": _Case("zoo", "1.26", "plain", ("dump",), _no_spec),
    "zoo-without-debug-information": _Case("zoo", "1.26", "nodwarf", ("dump",), _no_spec),
    "zoo-1.21": _Case("zoo", "1.21", "plain", ("dump",), _no_spec),
    "values-1.21": _Case("values", "1.21", "plain", VALUES, _every_value),
    "values-1.26": _Case("values", "1.26", "plain", VALUES, _every_value),
    "values-1.27": _Case("values", "1.27", "plain", VALUES, _every_value),
    "secrets": _Case("secrets", "1.26", "noopt", (), _every_statement),
    "events": _Case("events", "1.26", "plain", (), _of_calls),
    "shop": _Case(SHOP, "1.26", "plain", (), _of_the_demo),
}


def make(targets: Path, probes: Path) -> list[Job]:
    """Build them all: executables into the one folder, bundles into the other."""
    jobs = []
    for name, case in _CASES.items():
        built = build(case.program, go=case.release, mode=case.mode)
        target, probe = targets / name, probes / f"{name}.seyp"
        target.write_bytes(built.read_bytes())
        target.chmod(0o755)
        compiled(built, case.spec(built)).save(str(probe))
        jobs.append(Job(target.name, probe.name, case.asks))
    jobs[0] = replace(jobs[0], engines=("auto", *jobs[0].engines))
    return jobs


def write_jobs(jobs: list[Job], path: Path) -> None:
    """As the guest reads them."""
    path.write_text(json.dumps([asdict(job) for job in jobs]))
