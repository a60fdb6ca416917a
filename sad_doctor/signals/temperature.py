"""The temperature of the soft targets, where a log tells it."""

from __future__ import annotations

import re

from sad_doctor.run import Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite

_NAME = re.compile(r"(?:.*[/_.])?(?:temperature|temp|tau|T)")
_MACHINE = re.compile(r"gpu|cpu|device|sampl", re.IGNORECASE)


def temperature(run: Run) -> float | None:
    """Return the median of a column that is called a temperature (also ``T``, ``tau``), if above 1; else None.

    A machine's temperature and that of a sampler are none.
    """
    for name, column in run.columns.items():
        values = finite(column).value
        if values.size and _NAME.fullmatch(name) and not _MACHINE.search(name):
            middle = float(median(values))
            return middle if middle > 1 else None
    return None
