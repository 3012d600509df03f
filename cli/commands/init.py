"""`sey init`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import click

from sey.binary.errors import Exit, Problem, SeyError
from sey.binary.gobinary import open_go
from sey.cli import completion
from sey.cli.capturing import capture_chosen, snapshot_of
from sey.cli.options import debug_file_option, max_pause_option
from sey.cli.params import is_pid
from sey.cli.probes import Probe, choose
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.cli.targets import binary_of
from sey.frontend.compile import Options, bind_spec
from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.diagnostics.base import SpannedProblem
from sey.frontend.globs import matching
from sey.frontend.source import Source
from sey.frontend.suggest import SuggestedBlock, Suggester, by_column, spec_text
from sey.ir.plan import Status
from sey.runtime.decode.process import decode_process
from sey.runtime.decode.vectors import STATUS_WORDS
from sey.runtime.process import Process
from sey.runtime.snapshot import Limits
from sey.runtime.summary import is_standard

_MOST_FUNCTIONS = 8
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class NothingToSuggest(Problem):
    """No goroutine is in a function of the program itself, or the main package has no code with variables."""

    code = "SEY0665"
    exit_status = Exit.NOTHING
    title = "{target} has nothing to suggest: {why}"
    help = "`sey functions {target}` lists all functions; see spec/language.md for how to write a spec"
    target: str
    why: str


@click.command()
@click.argument("target", shell_complete=completion.targets)
@max_pause_option
@debug_file_option
@format_option
def init(target: str, max_pause: int, debug_file: str | None) -> None:
    """Print a commented spec to start from.

    For a pid: of the functions that most of its goroutines are in now, with the variables that can be had there (it is
    captured twice for that, like by `sey snapshot`). For a binary: of the functions of its main package.
    """
    options = Options(debug_file=debug_file)
    click.echo(
        _of_process(target, Limits(max_pause, _MAX_BYTES), options) if is_pid(target) else _of_binary(target, options),
        nl=False,
    )


def _of_binary(target: str, options: Options) -> str:
    maker = _Maker(target, target, options)
    names = [n for n in matching(maker.info.function_names(), "main.*") if n not in ("main.init", "main.main")]
    blocks = [block for name in names if (block := maker.suggester.block(name)) is not None]
    # What takes no variables says little; methods and functions come before the closures in them.
    blocks = [block for block in blocks if block.variables]
    blocks.sort(key=lambda block: block.function.count(".func"))
    if not blocks and (block := maker.suggester.block("main.main")) is not None:
        blocks = [block]
    if not blocks:
        raise SeyError(NothingToSuggest(target, "its main package has no functions"))
    head = [
        f"What to collect from {os.path.basename(target)}: functions of its main package, to start from.",
        *_NEXT,
    ]
    return maker.finish(head, blocks[:_MOST_FUNCTIONS])


_NEXT = (
    "Keep what you want to know, and add more: `sey functions` and `sey vars` show what there is.",
    "Fields are written as in Go (`s.mu.state as state`); spec/language.md has the rest.",
)


_EVENT = """
# Events tell what happens, as it happens: take away the `# ` of the next line, and run `sey trace` with this spec.
# event slow on return "{function}" when duration > 10ms limit 100/s {{ }}
"""


def _of_process(target: str, limits: Limits, options: Options) -> str:
    pid = int(target[:18])
    maker = _Maker(target, binary_of(target), options)
    found = _functions_now(pid, limits, options)
    blocks = []
    for function, count in found:
        many = "goroutine was" if count == 1 else "goroutines were"
        block = maker.suggester.block(function, f"{count} {many} in it.")
        if block is not None:
            blocks.append(block)
        if len(blocks) == 2 * _MOST_FUNCTIONS:
            break
    if not blocks:
        raise SeyError(NothingToSuggest(target, "no goroutine is in a function of the program's own code"))
    name = os.path.basename(Process.look(pid).executable)
    head = [
        f"What the goroutines of {name} do, as they were found in process {pid}, to start from.",
        "Variables that could not be had then are commented out, with the reason.",
        *_NEXT,
    ]
    blocks = maker.checked(head, blocks)
    blocks = _as_found(pid, maker.text(head, blocks), blocks, limits, options)
    # A frame without any value says no more than a stack does.
    useful = [block for block in blocks if block.useful]
    return maker.finish(head, (useful or blocks)[:_MOST_FUNCTIONS])


def _functions_now(pid: int, limits: Limits, options: Options) -> list[tuple[str, int]]:
    """The functions of the program's own code by how many goroutines are in them; the innermost first among equals."""
    capture = snapshot_of(pid, limits, options)
    (process,) = capture.processes
    decoded = decode_process(process, capture.plan(process.facts))
    goroutines = decoded.goroutines.select(["stack_id", "system"]).to_pydict()
    weights = Counter(s for s, system in zip(*goroutines.values(), strict=True) if not system)
    frames = decoded.frames.select(["stack_id", "depth", "function", "hidden"]).to_pydict()
    counts: Counter[str] = Counter()
    depths: dict[str, int] = {}
    seen: set[tuple[int, str]] = set()
    for stack, depth, function, hidden in zip(*frames.values(), strict=True):
        if hidden or not function or is_standard(function) or (stack, function) in seen:
            continue
        seen.add((stack, function))
        counts[function] += weights.get(stack, 0)
        depths.setdefault(function, depth)
    return sorted(((f, n) for f, n in counts.items() if n), key=lambda item: (-item[1], depths[item[0]], item[0]))


def _as_found(
    pid: int, text: str, blocks: Sequence[SuggestedBlock], limits: Limits, options: Options
) -> list[SuggestedBlock]:
    """The blocks without the variables that no goroutine had when the process was captured with all of them."""
    with working("preparing the probe"):
        chosen = choose([Probe("init", spec=text.encode())], [pid], options)
    chosen.warnings.clear()
    capture = capture_chosen(chosen, limits)
    (process,) = capture.processes
    decoded = decode_process(process, capture.plan(process.facts))
    result = []
    for block, rows in zip(blocks, decoded.blocks, strict=True):
        problems = {}
        for shape, counts in zip(rows.shapes, rows.status_counts(), strict=True):
            if len(rows) and not counts[[Status.OK, Status.NIL, Status.TRUNCATED]].any():
                problems[shape.column.name] = f"{STATUS_WORDS[int(counts.argmax())]} in all {len(rows)}"
        result.append(block.without(problems))
    return result


class _Maker:
    """Makes the spec of one binary, and sees to it that it is right."""

    def __init__(self, target: str, path: str, options: Options) -> None:
        self.target, self.path, self.options = target, path, options
        self.binary = open_go(path)
        with working("reading the debug information"):
            self.info = open_debug_info(path, debug_file=options.debug_file)
        self.suggester = Suggester(self.info)

    def text(self, head: Sequence[str], blocks: Sequence[SuggestedBlock]) -> str:
        module = self.binary.build.module
        rule = f'module "{module}"' if module else f'executable "*/{os.path.basename(self.path)}"'
        return spec_text(head, f"program target {{\n  {rule}\n}}\n", blocks)

    def checked(self, head: Sequence[str], blocks: Sequence[SuggestedBlock]) -> list[SuggestedBlock]:
        """The blocks without what the checker has something against, be it a warning."""
        kept = list(blocks)
        for _ in range(3):
            source = Source("init.sey", self.text(head, kept))
            try:
                _, problems = bind_spec(source, self.info, self.path, self.binary.build.module, False)
            except SeyError as error:
                problems = error.problems
            if not problems:
                break
            spanned = [p for p in problems if isinstance(p, SpannedProblem)]
            kept = by_column(source, spanned, kept)
        return kept

    def finish(self, head: Sequence[str], blocks: Sequence[SuggestedBlock]) -> str:
        kept = self.checked(head, blocks)
        return self.text(head, kept) + _EVENT.format(function=(kept or blocks)[0].function)
