"""Every examination, in order, on one bench. One that fails reports it, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sad.preflight.bench import Bench
from sad.preflight.coverage import coverage
from sad.preflight.cutting import cutting
from sad.preflight.finding import Finding, Level
from sad.preflight.fit import fit
from sad.preflight.isolation import isolation
from sad.preflight.labels import labels
from sad.preflight.magnitudes import magnitudes
from sad.preflight.memory import begin_early, end
from sad.preflight.models import models
from sad.preflight.overfit import overfit
from sad.preflight.parity import parity
from sad.preflight.places import places
from sad.preflight.resume import resume
from sad.preflight.teacher import teacher
from sad.preflight.terms import terms
from sad.preflight.tokenizers import tokenizers

Examination = Callable[[Bench], Iterator[Finding]]

EXAMINATIONS: tuple[Examination, ...] = (
    tokenizers,
    coverage,
    places,
    models,
    teacher,
    magnitudes,
    terms,
    cutting,
    labels,
    isolation,
    parity,
    resume,
    overfit,
    fit,
)


def examine(
    bench: Bench, starting: Callable[[str], object], examinations: tuple[Examination, ...] = EXAMINATIONS
) -> Iterator[Finding]:
    """Yield all findings; ``starting`` is told the name of each examination before it begins."""
    try:
        if fit in examinations:
            begin_early(bench)
        yield from _each(bench, starting, examinations)
    finally:
        end(bench)


def _each(bench: Bench, starting: Callable[[str], object], examinations: tuple[Examination, ...]) -> Iterator[Finding]:
    for one in examinations:
        name = one.__name__
        starting(name)
        try:
            yield from one(bench)
        except Exception as error:
            # a broken model can raise anything anywhere: the other examinations say why
            told = str(error).strip().splitlines() or [""]
            bench.reset()
            says = f"could not be examined: {type(error).__name__}: {told[0]}"
            yield Finding(name, Level.WRONG, says, advice="the findings above may say why")
