"""Where two columns were logged at the same steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sad_doctor.run import Floats

Places = NDArray[np.intp]


def shared(one: Floats, other: Floats) -> tuple[Floats, Places, Places]:
    """Return the steps that two columns have in common, each once and in order, and where each stands in both.

    Columns of one log were mostly logged together, and then nothing is looked for.
    """
    together = one is other or np.array_equal(one, other)
    if together and bool((one[1:] > one[:-1]).all()):
        every = np.arange(one.size)
        return one, every, every
    steps, at, among = np.intersect1d(one, other, return_indices=True)
    return steps, at, among
