"""One number in training and at evaluation: whether the two keep their ratio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.evaluations import measured
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import parts
from sad_doctor.signals.series import finite, tidy
from sad_doctor.signals.unweighted import after_its_weight, label_loss, unweighted

EVALUATIONS = 6
RECORDS = 30
_NEAR = 5
"""Most records on either side of an evaluation that stand for the training there."""

_LARGEST = 20_000
"""A perplexity above this may be capped: see R301."""

_SAME = 2e-3
"""As printed: how far a total may lie from the logarithm of a perplexity that is of it."""

_LEAST = 0.05
"""The share of the total below which what is beside its label loss is too little to tell."""


@sealed(eq=False)
class Beside:
    """A series of the training and the evaluation's of the same thing, float64 [evaluations], both above 0.

    A constant weight on one side changes neither their drift nor its error.
    """

    training_name: str
    evaluation_name: str
    step: Floats
    training: Floats
    evaluation: Floats

    @property
    def ratio(self) -> Floats:
        """The training's over the evaluation's, float64 [evaluations]."""
        return self.training / self.evaluation

    @property
    def drift(self) -> float:
        """The logarithm of the last ratios over the first ones; 0 where both go together."""
        early, late = self._ends()
        return float(median(late) - median(early))

    @property
    def error(self) -> float:
        """The standard error of the drift, from second differences, in which no trend counts."""
        early, late = self._ends()
        known = np.log(self.ratio)
        noise = 1.4826 * float(median(np.abs(np.diff(known, 2)))) / float(np.sqrt(6))
        return 1.2533 * noise * float(np.sqrt(1 / early.size + 1 / late.size))

    @property
    def since(self) -> float | None:
        """The step of the evaluation by which the two part at once; None where they do so little by little.

        At once: from less than a quarter of the drift to more than three quarters within two evaluations, for good.
        """
        early, _ = self._ends()
        gone = (np.log(self.ratio) - float(median(early))) / (self.drift or 1.0)
        before = int(np.argmax(np.append(gone > 0.25, True)))
        after = gone.size - int(np.argmax(np.append((gone < 0.75)[::-1], True)))
        return float(self.step[after]) if before > 0 and after < gone.size and after - before <= 1 else None

    def surely_moved(self, factor: float) -> bool:
        """Say whether the ratio surely became ``factor`` times another one, up or down."""
        return abs(self.drift) - 3 * self.error > float(np.log(factor))

    def _ends(self) -> tuple[Floats, Floats]:
        known = np.log(self.ratio)
        few = max(3, known.size // 4)  # the first one may be of a student that is thrown back in the first step
        return known[:few], known[-few:]


def beside(run: Run) -> dict[str, Beside]:
    """Return what the log tells of training and evaluation alike, by term; the total as "".

    A term before its weight, or after it where the log tells no weights: then its ratio is that weight. Left out is
    what has fewer than :data:`EVALUATIONS` evaluations or :data:`RECORDS` records, or is 0 or below anywhere near.
    """
    found = {}
    for term, name, training, other in _pairs(run):
        evaluation = measured(_evaluation(run, other), run)
        both = _both(training, evaluation)
        if both is not None:
            found[term] = Beside(name, other, *both)
    return found


def _pairs(run: Run) -> Iterator[tuple[str, str, Column, str]]:
    """Terms, the training's columns by name, and the names of the evaluation's."""
    label = label_loss(run) or after_its_weight(run, sorted(names.ANCHORS))
    told = next((name for name in (names.EVAL_LM_LOSS, names.EVAL_PERPLEXITY) if run.get(name) is not None), None)
    if label is not None and told is not None:
        yield label[0].rsplit("/", 1)[1], *label, told
    total = run.get(names.LOSS)
    if total is not None and run.get(names.EVAL_LOSS) is not None:
        yield "", names.LOSS, finite(tidy(total)), names.EVAL_LOSS
    for term in sorted({*run.terms(names.RAW), *run.terms(names.UNWEIGHTED), *run.terms(names.WEIGHTED)}):
        if term in names.ANCHORS:
            continue
        own = unweighted(run, [term])
        others = [names.EVAL_RAW + term, *([names.EVAL_KL] if term == names.KD else [])]
        if own is None:
            own, others = after_its_weight(run, [term]), [names.EVAL_WEIGHTED + term, *others]
        other = next((name for name in others if run.get(name) is not None), None)
        if own is not None and other is not None:
            yield term, *own, other


def _evaluation(run: Run, name: str) -> Column:
    """The finite points of an evaluation; of a perplexity its logarithm, unless that may be capped."""
    column = finite(tidy(run.columns[name]))
    if name != names.EVAL_PERPLEXITY:
        return column
    here = (column.value > 1) & (column.value < _LARGEST)
    return Column(column.step[here], np.log(column.value[here]))


def rest(run: Run, label: Beside) -> Beside | None:
    """Return what the total has beside its label loss, in training and at evaluation, or None if that is little.

    For logs whose evaluation tells a total and the label loss only. The label loss's weight at the evaluation is taken
    to be the training's, at the first or at the last evaluations: of the two, the rest that drifts less is returned, as
    labels that are smoothed in training move that ratio a little.
    """
    total, evaluated = run.get(names.LOSS), run.get(names.EVAL_LOSS)
    terms = parts(run).terms
    own = next((term for term in terms if term in names.ANCHORS), None)
    if total is None or evaluated is None or own is None or len(terms) < 2:
        return None
    whole = _both(finite(tidy(total)), measured(finite(tidy(evaluated)), run))
    weighted = _both(finite(tidy(terms[own])), Column(label.step, label.evaluation))
    if whole is None or weighted is None or not np.array_equal(whole[0], weighted[0]):
        return None
    step, training, evaluation = whole
    if bool(np.all(np.abs(evaluation / label.evaluation - 1) < _SAME)):
        return None  # the evaluation's total is its label loss, beside which there is nothing
    ratio, here, found = weighted[1] / weighted[2], training - weighted[1], []
    for weight in (float(median(ratio[:3])), float(median(ratio[-3:]))):
        there = evaluation - weight * weighted[2]
        if np.any(here < _LEAST * training) or np.any(there < _LEAST * evaluation):
            return None
        found.append(Beside(names.LOSS, names.EVAL_LOSS, step, here, there))
    return min(found, key=lambda pair: abs(pair.drift))


def weight_moves(run: Run, told: Mapping[str, Beside]) -> Beside | None:
    """Return the label losses where the training's weight of it falls, and that in the evaluation's total; else None.

    For logs without weights: the label loss after its weight falls below the evaluation's, and the totals go together.
    """
    label, total = next((told[term] for term in told if term in names.ANCHORS), None), told.get("")
    if run.terms(names.WEIGHT) or label is None or total is None or not label.surely_moved(1.5):
        return None
    if label.drift > 0:
        return None
    return label if abs(total.drift) < 0.25 * abs(label.drift) else None


def _both(training: Column, evaluation: Column) -> tuple[Floats, Floats, Floats] | None:
    """Steps of the evaluations, the training's median about each, and the evaluation's values; None with too few."""
    if len(training) < RECORDS or len(evaluation) < EVALUATIONS:
        return None
    inside = (evaluation.step <= training.step[-1]) & (evaluation.value > 0)
    step, value = evaluation.step[inside], evaluation.value[inside]
    if step.size < EVALUATIONS:
        return None
    places = np.searchsorted(training.step, step)
    width = int(np.clip(median(np.diff(places)) // 2, 2, _NEAR))
    near = np.array([float(median(training.value[max(0, at - width) : at + width])) for at in places.tolist()])
    return (step, near, value) if bool(np.all(near > 0)) else None
