"""Names resolved and types checked against one binary: a syntax tree becomes a bound spec."""

from sey.frontend.bind.spec import bind

__all__ = ["bind"]
