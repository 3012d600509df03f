"""time.Location (time/zoneinfo.go): its name."""

from __future__ import annotations

import numpy as np

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.forms import TEXT
from sey.runtime.decode.vectors import Vector
from sey.runtime.decode.views.parts import Text, Types, View, lost, part, place, text_vector, texts_at
from sey.runtime.pages import U8Array


def location(kind: PlanType, types: Types) -> View | None:
    """Its name. time.Local has none, and no zones either, before the program first needed them."""
    name, zones = place(kind, types, "name", "string"), place(kind, types, "zone", "slice")
    if name is None or zones is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        names = part(vector, "name")
        if names is None:
            return vector
        empty = (zones.word(raw, 1) == 0) & (name.word(raw, 1) == 0)
        return text_vector(kind, [_told(*one) for one in zip(texts_at(names, range(len(names))), empty, strict=True)])

    return View(show, TEXT)


def _told(name: Text, empty: np.bool_) -> Text:
    return lost(Status.UNSUPPORTED) if empty else name
