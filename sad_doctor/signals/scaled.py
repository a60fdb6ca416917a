"""Whether a loss that is logged so many times too large or too small is trained so too, by the norm of the gradient."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite

_FEWEST = 5

_LEAST, _MOST = 0.04, 5.0
"""The norm of a mean loss's gradient in runs that learn. Real ones of tiny models come down to 0.06."""


def number_alone(run: Run, times: float) -> float | None:
    """Return the gradient's median norm where it says that only the logged loss is ``times`` what it is to be.

    None where the norm is not logged or leaves it open.
    """
    norm = run.get(names.GRAD_NORM)
    known = np.empty(0) if norm is None else finite(norm).value
    if known.size < _FEWEST or not times > 0:
        return None
    middle = float(median(known))
    alone = 0 < middle / times < _LEAST if times > 1 else middle / times > _MOST
    return middle if alone else None
