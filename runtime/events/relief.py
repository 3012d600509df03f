"""What to do about probes that cost too much, worked out from what each function's probes take of a processor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sey.runtime.pages import F64Array, I64Array


@dataclass(frozen=True)
class Load:
    """Shares of a processor by function of an event: `always` what its probes take whatever is kept, `kept` what they
    take for the calls that are kept. `event` has the number of the event."""

    event: I64Array
    always: F64Array
    kept: F64Array


@dataclass(frozen=True)
class Relief:
    """How many calls there are to be for each that is kept, by event, and the functions to detach, by their number."""

    samples: tuple[int, ...]
    detach: tuple[int, ...]


def relief(load: Load, samples: list[int], most: list[int], goal: float) -> Relief:
    """Bring the load down to `goal`, if only just: thin what takes most, up to `most`; detach what takes most where the
    load without any kept calls is too much, or nothing can be thinned more."""
    samples, always, kept = list(samples), load.always.copy(), load.kept.copy()
    gone = []
    while always.sum() + kept.sum() > goal:
        by_event = np.bincount(load.event, kept, len(samples))
        worst = int(by_event.argmax())
        if always.sum() < goal and by_event[worst] > 0 and samples[worst] < most[worst]:
            samples[worst] *= 2
            kept[load.event == worst] /= 2
            continue
        function = int((always + kept).argmax())
        gone.append(function)
        always[function] = kept[function] = 0
    return Relief(tuple(samples), tuple(gone))


def recovery(load: Load, samples: list[int], least: list[int], goal: float) -> tuple[int, ...]:
    """How far events can be thinned less, down to `least`, with no more than `goal` to be expected."""
    samples, kept = list(samples), np.bincount(load.event, load.kept, len(samples))
    always = load.always.sum()
    for event, fewest in enumerate(least):
        while samples[event] > fewest and always + kept.sum() + kept[event] <= goal:
            samples[event] //= 2
            kept[event] *= 2
    return tuple(samples)
