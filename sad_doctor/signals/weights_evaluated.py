"""The weights of the terms at evaluation beside those of the training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names
from sad_doctor.run import Run
from sad_doctor.signals.parts import table
from sad_doctor.signals.series import tidy


def other_weights(run: Run, share: float, fewest: int) -> Iterator[tuple[str, float, float, int]]:
    """Yield terms whose weight at evaluation is not the training's about that step: both of the last, and how often.

    For terms whose value at evaluation is logged before and after its weight, at ``fewest`` evaluations or more; the
    weight must lie beyond the training's on either side by ``share``.
    """
    weighted, raw, own = run.terms(names.EVAL_WEIGHTED), run.terms(names.EVAL_RAW), run.terms(names.WEIGHT)
    for term in sorted(set(weighted) & set(raw) & set(own)):
        step, values = table({"weighted": weighted[term], "raw": raw[term]})
        used = np.isfinite(values["weighted"]) & np.isfinite(values["raw"]) & (np.abs(values["raw"]) > 1e-6)
        if int(used.sum()) < fewest:
            continue
        there = values["weighted"][used] / values["raw"][used]
        column = tidy(own[term])
        after = np.clip(np.searchsorted(column.step, step[used]), 0, len(column) - 1)
        beside = np.stack([column.value[np.maximum(after - 1, 0)], column.value[after]])
        slack = share * np.maximum(np.abs(there), np.abs(beside).max(axis=0))
        apart = (there > beside.max(axis=0) + slack) | (there < beside.min(axis=0) - slack)
        if bool(np.all(apart[1:])):
            yield term, float(there[-1]), float(beside[0, -1]), int(apart.sum())
