"""Which of the snapshots in a capture a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sey.binary.errors import SeyError

if TYPE_CHECKING:
    from sey.runtime.capture import Capture

    _Which = click.ParamType[int]
else:
    _Which = click.ParamType  # generic only in newer releases of click

LAST = -1


class _Snapshot(_Which):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or LAST."""
        if isinstance(value, int):
            return value
        if value == "last":
            return LAST
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            self.fail(f"{value!r} is neither the number of a snapshot nor `last`", param, ctx)
        return int(value)


snapshot_option = click.option(
    "--snapshot", type=_Snapshot(), metavar="N|last", help="Only this one of several snapshots, numbered from 0."
)


def only(capture: Capture, snapshot: int | None) -> Capture:
    """The capture with one of its snapshots, or all of it where None is given. Raises SeyError (NoSnapshot)."""
    if snapshot is None:
        return capture
    there = capture.snapshots
    if snapshot == LAST and there:
        return capture.only(there[-1])
    if snapshot not in there:
        from sey.runtime.query_errors import NoSnapshot

        raise SeyError(NoSnapshot(capture.path, snapshot, len(there)))
    return capture.only(snapshot)
