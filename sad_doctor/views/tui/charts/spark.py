"""A series in one line of blocks."""

from __future__ import annotations

import numpy as np

from sad_doctor.run import Column
from sad_doctor.views import axis
from sad_doctor.views.tui.charts import raster

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(column: Column, width: int) -> str:
    """Return ``width`` characters: the mean of each stretch as a block, ``×`` where only NaN or infinity lies.

    The scale is logarithmic where the values span much. A stretch without a point is a space.
    """
    left, right = axis.span([column])
    mean = raster.bins(column, left, right, width)
    odd = np.zeros(width, dtype=np.bool_)
    bad = ~np.isfinite(column.value) & np.isfinite(column.step)
    odd[raster.place(column.step[bad], left, right, width)] = True
    known = mean[np.isfinite(mean)]
    log = axis.wants_log(known)
    level = np.log10(mean) if log else mean
    if known.size:
        low, high = float(np.nanmin(level)), float(np.nanmax(level))
        height = raster.place(level, low, high, len(_BLOCKS)) if high > low else np.full(width, 1)
    else:
        height = np.zeros(width, dtype=np.int64)
    return "".join(
        _BLOCKS[h] if finite else ("×" if bad_here else " ")
        for h, finite, bad_here in zip(height.tolist(), np.isfinite(mean).tolist(), odd.tolist(), strict=True)
    )
