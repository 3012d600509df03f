"""What can be wrong with a spec (SEY01xx to SEY03xx), and how problems of any kind are shown."""

from sey.frontend.diagnostics.base import Severity, SpannedProblem, SpecError
from sey.frontend.diagnostics.render import render_json, render_text

__all__ = ["Severity", "SpannedProblem", "SpecError", "render_json", "render_text"]
