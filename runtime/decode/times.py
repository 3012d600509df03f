"""Instants as DuckDB timestamps and as text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.runtime.decode.vectors import Times
from sey.runtime.pages import I64Array

# DuckDB's TIMESTAMP (src/common/types/timestamp.cpp): microseconds of 64 bits, whose two ends mean infinity, from
# 290309-12-22 BC on.
_LOWEST_MICROSECOND = -9223372022400000000
_HIGHEST_MICROSECOND = 9223372036854775806

# Within these years numpy writes dates as everybody does.
_YEAR_0, _YEAR_10000 = -62167219200, 253402300800


def microseconds(times: Times) -> tuple[I64Array, npt.NDArray[np.bool_]]:
    """Microseconds since 1970, rounded down, and where they fit into a TIMESTAMP."""
    # Divided first: seconds * 10**6 may not fit into 64 bits.
    fits = (times.seconds >= _LOWEST_MICROSECOND // 1_000_000) & (times.seconds < _HIGHEST_MICROSECOND // 1_000_000)
    fits &= ~times.wrapped
    return np.where(fits, times.seconds, 0) * 1_000_000 + times.nanoseconds // 1000, fits


def texts(times: Times) -> pa.StringArray:
    """RFC 3339 with as many digits of the second as it takes: `2026-01-02T03:04:05.6Z`."""
    seconds, index = np.unique(times.seconds, return_inverse=True)
    common = (seconds >= _YEAR_0) & (seconds < _YEAR_10000)
    shown = np.where(common, seconds, 0).astype("datetime64[s]")
    # At most these distinct seconds are written one by one: years that no calendar of this century uses.
    whole = np.datetime_as_string(shown).astype(object)
    for at in np.flatnonzero(~common).tolist():
        whole[at] = civil(int(seconds[at]))
    index = index.reshape(-1)
    result = whole[index]
    for at in np.flatnonzero(times.wrapped).tolist():
        result[at] = civil(int(times.seconds[at]) - (1 << 64))
    fraction, which = np.unique(times.nanoseconds, return_inverse=True)
    digits = np.array([_fraction(n) for n in fraction.tolist()], dtype=object)
    return pa.array(result + digits[which.reshape(-1)] if len(result) else [], pa.string())


def _fraction(nanoseconds: int) -> str:
    return f".{nanoseconds:09d}".rstrip("0").rstrip(".") + "Z"


def civil(seconds: int) -> str:
    """Date and time of a Unix time in the Gregorian calendar, whatever the year (0 is 1 BC), without fractions."""
    days, second = divmod(seconds, 86400)
    # Howard Hinnant's days_from_civil, turned around: eras of 400 years beginning on 1 March 0000.
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    year = year_of_era + era * 400 + (month >= 10)
    month += 3 if month < 10 else -9
    sign = "-" if year < 0 else ""
    return f"{sign}{abs(year):04d}-{month:02d}-{day:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
