"""Which held-out texts an evaluation was measured on, and whether they changed: then its losses cannot be compared."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

from sad_doctor import names, words
from sad_doctor.run import Column, Floats

_OF_A_SET = re.compile(r"(eval_.{1,80})_loss")
_TIMED = ("_runtime", "_samples_per_second")
_SIZES = ("eval_samples", "eval_num_samples", "eval_n_samples", "eval_num_examples", "eval_examples", "eval_size")
_OTHER = 0.05
"""Sizes that differ by less count as the same: a runtime of four digits is no more precise than that."""


def of_a_set(key: str, row: Collection[str]) -> bool:
    """Say whether ``key`` is the loss on one of several evaluation sets, as Hugging Face's Trainer names them.

    It writes ``eval_NAME_loss`` with a runtime beside it, which the parts of a loss do not have.
    """
    found = _OF_A_SET.fullmatch(key)
    return found is not None and any(f"{found[1]}{end}" in row for end in _TIMED)


def changed(columns: Mapping[str, Column]) -> tuple[float, float, float] | None:
    """Return since which step the last evaluations have another size, and the sizes before and now; else None.

    The size is what a column of the number of samples tells, else a runtime times the samples per second.
    """
    found = _sizes(columns)
    if found is None:
        return None
    step, size = found
    other = np.flatnonzero(np.abs(np.diff(size)) > _OTHER * np.maximum(size[1:], size[:-1]))
    if not other.size:
        return None
    at = int(other[-1]) + 1
    return float(step[at]), float(size[at - 1]), float(size[at])


def facts(columns: Mapping[str, Column]) -> dict[str, object]:
    """Return :data:`sad_doctor.names.EVALUATED_SINCE` where the set changed."""
    found = changed(columns)
    return {} if found is None else {names.EVALUATED_SINCE: found[0]}


def notes(columns: Mapping[str, Column]) -> tuple[str, ...]:
    """Return a line that says that the set changed."""
    found = changed(columns)
    if found is None:
        return ()
    step, *sizes = found
    before, now = (words.step(round(size)) for size in sizes)
    return (
        f"the evaluation set changed at step {words.step(step)}: about {now} samples, {before} before; only the "
        "evaluations since then are compared with each other",
    )


def _sizes(columns: Mapping[str, Column]) -> tuple[Floats, Floats] | None:
    told = next((columns[name] for name in _SIZES if name in columns), None)
    if told is not None:
        return _known(told.step, told.value)
    stems = [name.removesuffix(_TIMED[0]) for name in columns if name.startswith("eval") and name.endswith(_TIMED[0])]
    stems = ["eval"] if "eval" in stems else stems
    if len(stems) != 1 or f"{stems[0]}{_TIMED[1]}" not in columns:
        return None
    runtime, pace = (columns[f"{stems[0]}{end}"] for end in _TIMED)
    if len(runtime) != len(pace) or not np.array_equal(runtime.step, pace.step):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return _known(runtime.step, runtime.value * pace.value)


def _known(step: Floats, size: Floats) -> tuple[Floats, Floats]:
    here = np.isfinite(size) & (size > 0)
    return step[here], size[here]
