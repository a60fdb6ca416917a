"""Where a temperature goes: into both distributions, and squared onto gradient or value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import Tensor

from sad.judge.losses.call import Call
from sad.judge.losses.discover import Shape
from sad.judge.losses.divisor import Divided
from sad.judge.losses.families import FORWARD
from sad.judge.losses.sample import Fit, Sample, fit, given, sample, used
from sad.judge.roles import Role, Space
from sad.subjects.divergence import Squared

HOT = 3.0
UNSQUARED = "no factor of T squared: its gradient shrinks as 1 / T squared, to a ninth at T = 3"
SOFT_LABELS = "the loss on the labels is taken on logits divided by the temperature"
SQUARED_LABELS = "the loss on the labels is multiplied by T squared"
CHANGES = "what its rows weigh beside each other changes with the temperature"
EQUAL = 1e-3
STRANGE = {
    (1.0, 1.0): "the temperature is taken and not used",
    (HOT, 1.0): "the temperature softens the student alone",
    (1.0, HOT): "the temperature softens the teacher alone",
    (1 / HOT, 1 / HOT): "logits are multiplied by the temperature where they should be divided",
    (HOT**2, HOT**2): "the temperature is divided by twice",
    (math.sqrt(HOT), math.sqrt(HOT)): "logits are divided by the temperature's root",
    (HOT**2, HOT): "the temperature is divided by twice for the student",
    (HOT, HOT**2): "the temperature is divided by twice for the teacher",
}
"""What else a temperature does to the student's and the teacher's distribution."""


@dataclass(frozen=True, slots=True)
class Softened:
    """Where the square went, and what is wrong."""

    squared: Squared
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unused: bool = False


def softened(call: Call, first: Fit, seed: int) -> Softened:
    """Compare a call at temperature 3 with one at 1."""
    if first.family.plain:
        return Softened(Squared.NOWHERE, notes=("a temperature is taken; it is judged at 1",), unused=True)
    cold, hot, beta = _calls(call, first, seed)
    smoothing = first.smoothing
    right = fit(hot, first.family, beta, first.labels, (HOT, HOT), smoothing=smoothing)
    if first.labels and not right.good:
        # a label loss on softened logits is told by `beside`: here it is taken off
        right = next((f for f in _heated(hot, first, beta) if f.good), right)
    if not right.good:
        for temperatures, fault in STRANGE.items():
            if fit(hot, first.family, beta, first.labels, temperatures, smoothing=smoothing).good:
                return Softened(Squared.NOWHERE, (fault,), unused=temperatures == (1.0, 1.0))
        return Softened(
            Squared.NOWHERE,
            (
                f"at temperature {HOT:g} it is no longer {first.family.name}: "
                f"{100 * right.residual:.3g}% of its gradient is something else",
            ),
        )
    each = fit(cold, first.family, beta, first.labels, smoothing=smoothing).kd
    times = (right.kd / each)[used(each) & used(right.kd)]
    if float(times.max() - times.min()) > EQUAL * float(times.abs().max()):
        # a weight of rows that is made of softened probabilities has no power of the temperature
        return Softened(Squared.NOWHERE, notes=(CHANGES,))
    before = float(each[used(right.kd)].mean())
    ratio = float(right.kd[used(right.kd)].mean()) / before
    student, teacher = hot.given.student_logits / HOT, hot.given.teacher_logits / HOT
    rows = first.family.formula(student, teacher, beta).detach()
    value = hot.value
    if first.labels:
        value -= float((right.ce * right.on_labels(hot.given.student_logits, hot.given)).sum().detach())
    sizes = [value / whole for whole in _wholes(rows, teacher, right, before)]
    return _told(ratio, sizes)


def beside(call: Call, first: Fit, seed: int) -> tuple[str, ...]:
    """Say what is wrong with a temperature's effect on the label loss that is mixed in: it should have none."""
    if not first.labels or not used(first.ce).any() or first.family.plain:
        return ()
    if first.heat != 1:
        return (f"{SOFT_LABELS}, {first.heat:g}: the student is trained to be right there, not at 1",)
    if not call.takes(Role.TEMPERATURE):
        return ()
    cold, hot, beta = _calls(call, first, seed)
    before = fit(cold, first.family, beta, first.labels, smoothing=first.smoothing)
    found = next((f for f in _heated(hot, first, beta) if f.good), None)
    if found is None or not before.good:
        return ()
    rows = used(before.ce)
    times = float((found.ce[rows] / before.ce[rows]).mean())
    if found.heat != 1:
        return (f"{SOFT_LABELS}: the student is trained to be right there, not at 1",)
    if abs(times - HOT**2) <= EQUAL * HOT**2:
        return (f"{SQUARED_LABELS}, as much as the divergence: at T = 8 the teacher counts a sixty-fourth",)
    return ()


def _calls(call: Call, first: Fit, seed: int) -> tuple[Sample, Sample, float]:
    """A call at temperature 1, one at 3, and the beta that they are judged at."""
    labels = call.takes(Role.LABELS, Role.MASK, Role.PADDING, Role.BATCH, Role.LABEL_LOSS, Role.MODEL)
    cold, hot = (
        sample(call, given(seed, labels=labels, count=call.takes(Role.COUNT), temperature=t)) for t in (1.0, HOT)
    )
    beta = hot.given.beta if first.family.beta and call.betas() and call.form.beta != "" else first.beta
    return cold, hot, beta


def _heated(hot: Sample, first: Fit, beta: float) -> list[Fit]:
    """The explanations of a call at temperature 3, its label loss at 1 and at 3."""
    softened_by = (HOT, HOT)
    return [
        fit(hot, first.family, beta, first.labels, softened_by, smoothing=first.smoothing, heat=heat)
        for heat in (1.0, HOT)
    ]


def _wholes(rows: Tensor, teacher: Tensor, right: Fit, before: float) -> tuple[float, float]:
    """The value with the weights of temperature 1, without and with the teacher's entropy."""
    weights = used(right.kd).double() * before
    log_p = teacher.log_softmax(dim=-1)
    entropy = -(log_p.exp() * log_p).sum(dim=-1)
    return float((weights * rows).sum()), float((weights * (rows + entropy)).sum())


def _told(ratio: float, sizes: list[float]) -> Softened:
    square = HOT**2

    def near(number: float, to: float) -> bool:
        return abs(number - to) <= EQUAL * to

    on_value = next((to for to in (1.0, square) if any(near(size, to) for size in sizes)), None)
    if near(ratio, 1):
        return Softened(Squared.NOWHERE, notes=(UNSQUARED,))
    if near(ratio, square) and on_value == 1.0:
        return Softened(Squared.GRADIENT, notes=("T squared on the gradient alone",))
    if near(ratio, square):
        return Softened(Squared.BOTH, notes=("T squared on value and gradient",))
    power = math.log(ratio) / math.log(HOT) if ratio > 0 else float("nan")
    return Softened(
        Squared.NOWHERE, (f"at T = {HOT:g} its size is {ratio:.4g} times that at 1, T to the power {power:.3g}",)
    )


def prepared(shape: Shape, seed: int) -> Shape:
    """A loss of the teacher's probabilities whose temperature is the student's: they are softened before."""
    call = shape.call
    if call.form.teacher is Space.LOGITS or not call.takes(Role.TEMPERATURE):
        return shape
    if not softened(call, shape.fit, seed).faults:
        return shape
    before = call.formed(softened=True)
    if softened(before, shape.fit, seed).faults:
        return shape
    says = "it softens the student alone: give it the teacher's probabilities at the same temperature"
    return replace(shape, call=before, notes=(*shape.notes, says))


def unsquared(call: Call, first: Fit, by: Divided, beside: Divided | None) -> list[str]:
    """A temperature that is fixed inside: where its square is missing the weights add up to 1 as they stand."""
    t, near = call.form.temperature, 1e-4
    if beside is None or first.family is not FORWARD or t == 1 or by.reduction is None or beside.reduction is None:
        return []
    soft, hard = by.factor, beside.factor
    power = next((p for p in (2, 0, 1, 3, 4) if abs(soft / t**p + hard - 1) <= near), 2)
    if power == 2:
        return []
    weights = f"the weights of divergence and label loss, {soft / t**power:.3g} and {hard:.3g}, add up to 1"
    has = "no factor of T squared" if power == 0 else f"a factor of T to the power {power} in place of T squared"
    return [f"{weights} with {has} at the fixed T = {t:g}: the teacher counts {t ** (power - 2):.3g} times its weight"]
