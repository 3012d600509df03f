"""Where Delve v1.27.1 itself is known to be wrong, each with how that was settled (the program's own word)."""

from __future__ import annotations

from tests.delve.compare import Part


def explained(part: Part) -> str | None:
    """Why a part that differs is Delve's fault, or None."""
    if isinstance(part.own, dict) and part.own.keys() == {"real", "imag"}:
        return "its complex numbers are go/constant's, which knows no infinities" if _infinite(part) else None
    if part.path.endswith(".C.cap") and (part.own, part.theirs) == (0, "1"):
        return "it shows the buffer of a timer's channel, of which Go's cap says that there is none (runtime.chancap)"
    return None


def _infinite(part: Part) -> bool:
    return any(str(value).lstrip("-") in ("Infinity", "NaN") for value in part.own.values())
