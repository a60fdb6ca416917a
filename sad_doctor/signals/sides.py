"""Terms that a log names by itself: columns that look like parts of the loss and are none that we know."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.signals.learning import falls
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite, tidy

_OF_THE_TOTAL = re.compile(
    r"(?:.*_)?(?:mean|avg|average|ema|smooth(?:ed)?|running|best|lowest|min|max|last|prev|batch|epoch|step|final|global"
    r"|all|sum|total|scale|current|raw|interval|log|logging)(?:_.*)?"
)
"""Names of the total itself, or of a mean of it."""


_HOLDS = re.compile(r"aux|balanc|router|z_?loss|^z$|^l[12]$|reg|entropy|penalty|decay", re.IGNORECASE)


def of_the_total(term: str) -> bool:
    """Say whether a name is one of the total itself, or of a mean of it."""
    return _OF_THE_TOTAL.fullmatch(term) is not None


def sides(run: Run) -> dict[str, Column]:
    """Return such columns by term, tidy and finite: ``loss_feat_kd`` gives ``feat_kd``.

    Whether they are in the total, and with which weight, is not known: pictures can be read from them, no shares.
    """
    known = {term for name in run.columns if (term := names.term_of(name)) is not None}
    found: dict[str, Column] = {}
    for name, column in run.columns.items():
        term = names.maybe_term(name)
        if term is None or term in known or term in found or of_the_total(term) or not len(column):
            continue
        found[term] = finite(tidy(column))
    return found


def negligible(run: Run, term: str, column: Column, share: float) -> bool:
    """Say whether a term, as it is in the total, is below ``share`` of it all along and not only at its end.

    Terms that hold something back may rightly be; and one that falls was more once.
    """
    total = run.get(names.LOSS)
    before = run.get(names.WEIGHT + term) is not None and run.get(names.WEIGHTED + term) is None
    if total is None or _HOLDS.search(term) or before or not len(column):
        return False
    size, level = np.abs(column.value), float(median(np.abs(known.value))) if len(known := finite(total)) else 0.0
    return bool(size.any()) and float(size.max()) < share * level and not falls(column, 0.3)


def totalled(run: Run) -> Run:
    """Return the run with its only term as the total too, where the log tells no total: ``lm loss`` alone."""
    terms = [name for name in run.columns if name.startswith(names.PREFIXES)]
    if run.get(names.LOSS) is not None or len(terms) != 1 or not terms[0].startswith(names.RAW) or sides(run):
        return run
    return replace(run, columns={**run.columns, names.LOSS: run.columns[terms[0]]})
