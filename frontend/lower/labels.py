"""The labels that pprof gives goroutines: their type in the plan, and where the prelude finds them.

Since Go 1.24 `runtime/pprof.labelMap` is a struct around a slice of pairs, which is captured as any value is. Up to
Go 1.23 it is a map: what is captured is the array of its buckets, a slice to the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sey.binary.errors import SeyError
from sey.frontend import bound
from sey.frontend.debuginfo.model import DebugInfo, GoType, Kind, MadeType
from sey.frontend.lower.problems import NoRuntimeFact
from sey.frontend.redaction import Redactor
from sey.ir.plan import LABEL_CHAIN

TYPE = "runtime/pprof.labelMap"
MAX_BUCKETS_LOG = 6
LIMITS = bound.Limits(max_string=256, max_items=1 << MAX_BUCKETS_LOG, depth=1)
MAP_LIMITS = bound.Limits(max_string=256, max_items=1 << MAX_BUCKETS_LOG, depth=LABEL_CHAIN)
_NO_MAP = {
    "labels_are_map": 0,
    "labels_map_size": 8,
    "labels_map_log": 0,
    "labels_map_buckets": 0,
    "labels_map_old": 0,
    "labels_max_log": 0,
}


@dataclass(frozen=True)
class Labels:
    """How a binary keeps labels; without a `type` it has none."""

    type: GoType | None = None
    limits: bound.Limits = LIMITS
    constants: dict[str, int] = field(default_factory=lambda: dict(_NO_MAP))
    """What the prelude has to know of the map, where it is one."""


def without_secrets(labels: Labels, redactor: Redactor) -> Labels:
    """The labels, if those with redacted names can be told from others; else none."""
    if labels.type is None or not redactor.redaction.names:
        return labels
    pending, seen = [labels.type], set[int]()
    while pending:
        go_type = pending.pop()
        if any(hole.key for hole in redactor.holes(go_type)):
            return labels
        inner = [of.type for of in go_type.fields] + ([go_type.elem] if go_type.elem is not None else [])
        pending += [redactor.info.type(each) for each in inner if each not in seen]
        seen.update(inner)
    return Labels()


def find_labels(info: DebugInfo) -> Labels:
    """The labels of a binary. Raises SeyError where they are a map of another shape than any known."""
    found = info.find_type(TYPE)
    if found is None:
        return Labels()
    labels = info.type(found)
    if labels.kind is not Kind.MAP:
        return Labels(labels)
    layout = info.type(labels.layout) if labels.layout is not None else None
    fields = {f.name: f for f in layout.fields} if layout is not None else {}
    if layout is None or layout.size > 64 or not {"B", "buckets", "oldbuckets"} <= fields.keys():
        raise SeyError(NoRuntimeFact(TYPE))
    bucket = info.type(info.type(fields["buckets"].type).elem or 0)
    return Labels(
        GoType(MadeType.LABEL_BUCKETS, f"[]{bucket.name}", Kind.SLICE, 24, elem=bucket.id),
        MAP_LIMITS,
        {
            "labels_are_map": 1,
            "labels_map_size": layout.size,
            "labels_map_log": fields["B"].offset,
            "labels_map_buckets": fields["buckets"].offset,
            "labels_map_old": fields["oldbuckets"].offset,
            "labels_max_log": MAX_BUCKETS_LOG,
        },
    )
