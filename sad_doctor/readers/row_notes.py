"""The notes on what was assumed and left out while rows became columns."""

from __future__ import annotations

from collections.abc import Mapping

from sad_doctor import words
from sad_doctor.readers.columns import MOST_COLUMNS

_FEW, _SHARE = 3, 0.1
"""The losses that must repeat a step, and their share of all, before two writers are suspected."""


def notes(told: Mapping[str, float], losses: int, has_epoch: bool, last_wins: bool) -> tuple[str, ...]:
    """Return one line for each thing.

    ``told`` counts: back, epochs, nulls, unstepped, again, and all rows as count; stepped and full are 0 or 1, step is
    that of the last row. ``losses`` is the number of values of the total loss.
    """
    found = []
    if told["unstepped"] and not told["stepped"]:
        found.append(f"no step was logged: the {'epoch' if has_epoch else 'number of the row'} stands for it")
    elif told["unstepped"]:
        found.append(f"{_rows(told['unstepped'])} without a step: they take the step before them")
    if told["epochs"]:
        found.append(f"the step began anew with {told['epochs']:g} epochs: it is counted on")
    if told["back"]:
        kept = (
            "the later values count"
            if last_wins
            else "all values are kept, in file order; of those of one step the rules that need one take the later"
        )
        found.append(f"the step went back {_times(told['back'])}: {kept}")
    if told["again"] >= max(_FEW, _SHARE * losses):
        found.append(
            f"{told['again']:g} of {losses} losses repeat the step of the row before: two runs, or the ranks of "
            "one, seem to write into one log, and each step is judged with the values of all of them"
        )
    if told["nulls"]:
        found.append(f"{told['nulls']:g} null values were left out; some writers write NaN so")
    if told["full"]:
        rows = f"{words.counted(int(told['count']), 'row')}, the last of step {words.step(told['step'])}"
        found.append(
            f"more than {MOST_COLUMNS:,} different metrics: further ones that no rule knows were left out, of {rows}"
        )
    return tuple(found)


def _rows(count: float) -> str:
    return f"{count:g} row{'' if count == 1 else 's'}"


def _times(count: float) -> str:
    return f"{count:g} time{'' if count == 1 else 's'}"
