"""What a loss is divided by, told from two calls of different shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sad.judge.losses.sample import Fit, Sample, used
from sad.subjects.divergence import IGNORED, Contract, Given, Reduction, counted

EQUAL = 1e-4
"""Relative, between the factors that two calls show."""
OWN_WEIGHTS = "weights of its own"
SOMETHING_ELSE = "something else"
PER_ENTRY = {
    "rows that count and vocabulary": Reduction.MEAN,
    "the given count and vocabulary": Reduction.COUNT,
    "all rows and vocabulary": Reduction.ROWS,
    "sequences and vocabulary": Reduction.BATCH,
    "the vocabulary": Reduction.SUM,
}
"""By what the rows are divided, where each is a mean over its entries."""
Number = Callable[[Given], float]


@dataclass(frozen=True, slots=True)
class Divided:
    """By what, and the constant factor that is left. ``reduction`` is None where a contract has no name for it."""

    reduction: Reduction | None
    name: str
    factor: float
    number: Number
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unfit: str = ""
    """What equal rows are weighted by, where that is no usual divisor."""
    per_entry: bool = False
    """The rows themselves are means over their entries."""

    def scale(self, of: Given) -> float:
        """What a call's loss is divided by, so that the sum over rows is left divided by ``number``."""
        return self.factor / _vocab(of) if self.per_entry else self.factor

    @property
    def shared(self) -> str:
        """By what all rows are divided, where a contract has no name for it; '' for weights of their own."""
        return self.name if self.reduction is None and self.name not in (OWN_WEIGHTS, SOMETHING_ELSE) else ""


def divided(samples: Sequence[Sample], fits: Sequence[Fit], *, shift: bool) -> Divided:
    """Return the divisor that leaves the same factor in both calls."""
    amounts = [f.kd[used(f.kd)] for f in fits]
    uneven = max(float((a.max() - a.min()) / a.abs().max()) for a in amounts if a.numel())
    if uneven > EQUAL:
        return _uneven(samples, fits, uneven)
    sizes = [float(a.mean()) for a in amounts]
    fitting = []
    for reduction, name, number, fault in _candidates(shift=shift):
        factors = [size * number(s.given) for size, s in zip(sizes, samples, strict=True)]
        if abs(factors[0] - factors[1]) <= EQUAL * abs(factors[0]):
            fitting.append((abs(factors[0] - 1) > EQUAL, bool(fault), reduction, name, factors[0], number, fault))
    if not fitting:
        shown = ", ".join(f"1/{1 / size:.4g}" if size else "0" for size in sizes)
        shapes = " and ".join(_told(s.given, shift=shift) for s in samples)
        says = f"each row is weighted by {shown} for {shapes}: no usual divisor"
        return Divided(None, SOMETHING_ELSE, 1.0, lambda _: 1.0, notes=(says,), unfit=says)
    _, _, reduction, name, factor, number, fault = min(fitting, key=lambda entry: entry[:2])
    notes: tuple[str, ...] = (f"divided by {name}" if reduction is not Reduction.SUM else "summed, not divided",)
    if factor < 0:
        return Divided(
            reduction, name, factor, number, (f"its sign is wrong: {factor:.4g} times the divergence",), notes
        )
    if abs(factor - 1) > EQUAL:
        notes = (*notes, f"multiplied by {factor:.5g}")
    if fault and fits[0].family.plain:
        # a squared error is of the numbers: its mean over every entry is as good as its sum
        rows = PER_ENTRY.get(name)
        return Divided(rows, name, factor, number, notes=notes, per_entry=rows is not None)
    return Divided(reduction, name, factor, number, (fault,) if fault else (), notes)


def _told(of: Given, *, shift: bool) -> str:
    batch, length, _ = of.student_logits.shape
    return f"{int(counted(Contract(shift=shift), of).sum())} rows that count in {batch} sequences of {length}"


@dataclass(frozen=True, slots=True)
class _Counts:
    """What a sum over rows could be divided by; with ``shift`` row i has the label i + 1, and the last none."""

    shift: bool

    def counting(self, of: Given) -> float:
        return float(counted(Contract(shift=self.shift), of).sum())

    def unshifted(self, of: Given) -> float:
        return float((of.labels != IGNORED).sum()) if of.labels is not None else float(self.rows(of))

    def rows(self, of: Given) -> float:
        batch, length = of.student_logits.shape[:2]
        return batch * (length - self.shift)

    def longest(self, of: Given) -> float:
        return float(counted(Contract(shift=self.shift), of).sum(dim=1).max())


def _batch(of: Given) -> float:
    return of.student_logits.shape[0]


def _length(of: Given) -> float:
    return of.student_logits.shape[1]


def _vocab(of: Given) -> float:
    return of.student_logits.shape[2]


Candidate = tuple[Reduction | None, str, Number, str]
"""A reduction, its name, its number, and what is wrong with it."""


def _candidates(*, shift: bool) -> list[Candidate]:
    """Every divisor that is looked for, the right ones first."""
    of = _Counts(shift)
    right: list[Candidate] = [
        (Reduction.MEAN, "the rows that count", of.counting, ""),
        (Reduction.COUNT, "the given count", lambda g: float(g.count or of.counting(g)), ""),
        (Reduction.SUM, "nothing", lambda _: 1.0, ""),
        (Reduction.BATCH, "the number of sequences", _batch, ""),
        (Reduction.ROWS, "all rows", of.rows, ""),
    ]
    return [*right, *_of_lengths(of), *_with_the_vocabulary(of), *_twice(of)]


def _of_lengths(of: _Counts) -> list[Candidate]:
    """Lengths alone, and numbers that are off by a row a sequence."""
    wrong = " and not by the number of sequences"
    fewer: Candidate = (
        (None, "rows that count by the unshifted labels", of.unshifted, "counts labels that it does not use")
        if of.shift
        else (
            None,
            "all rows but the last",
            lambda g: _batch(g) * (_length(g) - 1),
            "divided by one row a sequence too few",
        )
    )
    return [
        (None, "the length", _length, f"divided by the length{wrong}"),
        fewer,
        (None, "the mean length", lambda g: of.counting(g) / _batch(g), f"divided by the mean length{wrong}"),
        (None, "the longest", of.longest, f"divided by the longest length{wrong}"),
    ]


def _with_the_vocabulary(of: _Counts) -> list[Candidate]:
    fault = "divided by the vocabulary's size too: `mean` over every entry is the divergence divided by it"
    return [
        (None, "rows that count and vocabulary", lambda g: of.counting(g) * _vocab(g), fault),
        (None, "the given count and vocabulary", lambda g: float(g.count or of.counting(g)) * _vocab(g), fault),
        (None, "all rows and vocabulary", lambda g: of.rows(g) * _vocab(g), fault),
        (None, "sequences and vocabulary", lambda g: _batch(g) * _vocab(g), fault),
        (None, "the vocabulary", _vocab, fault),
    ]


def _twice(of: _Counts) -> list[Candidate]:
    """Two numbers of which one would do."""
    return [
        (
            None,
            "rows that count and length",
            lambda g: of.counting(g) * _length(g),
            "divided by the rows that count, and by the length as well",
        ),
        (
            None,
            "all rows and sequences",
            lambda g: of.rows(g) * _batch(g),
            "divided by all rows, and by the number of sequences as well",
        ),
        (
            None,
            "sequences twice over",
            lambda g: _batch(g) * of.counting(g),
            "divided by the number of sequences as well",
        ),
        (None, "rows that count, twice", lambda g: of.counting(g) ** 2, "divided by the rows that count twice over"),
    ]


def _uneven(samples: Sequence[Sample], fits: Sequence[Fit], uneven: float) -> Divided:
    """Rows that weigh differently: one mean a sequence, or weights of their own."""
    of, first = samples[0], fits[0]
    some = used(first.kd)
    a_mean = [
        bool(s.sum()) and float((k[s] * s.sum()).std()) + abs(float((k[s] * s.sum()).mean()) * len(some) - 1) < EQUAL
        for k, s in zip(first.kd, some, strict=True)
        if int(s.sum()) > 1
    ]
    if a_mean and all(a_mean):
        note = "each sequence has its own mean, and the mean of those is taken: a token of a short one weighs more"
        return Divided(None, "rows of its sequence, then sequences", 1.0, lambda _: 1.0, notes=(note,))
    wrong = ("its sign is wrong: every row pushes away",) if float(first.kd[some].max()) < 0 else ()
    if of.given.labels is None:
        says = f"rows that all count have weights that differ by {100 * uneven:.3g}%"
    else:
        says = f"rows that count have weights that differ by {100 * uneven:.3g}%"
    return Divided(None, OWN_WEIGHTS, 1.0, lambda _: 1.0, wrong, (says,))
