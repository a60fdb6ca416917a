"""Ordinary calls of a loss in float64, and how much of each known gradient is in each row of what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sad.judge.losses.call import Call
from sad.judge.losses.families import Family
from sad.judge.losses.labelled import counting
from sad.subjects.divergence import IGNORED, Given

SHAPES = ((2, 5, 11), (3, 4, 13))
"""Batch, length, vocabulary: no two of the numbers that a sum could be divided by are equal."""
COUNTING = (((0, 2, 3, 4), (1, 3, 4)), ((0, 1, 3), (1, 2, 3), (0, 2)))
"""The places that count in each sequence."""
COUNTS = (23, 31)
"""Rows that count over the whole optimizer step."""
ACCEPTED = 1e-4
"""The share of a gradient that a formula may leave unexplained: float32 inside and epsilons leave up to 1e-5."""
SPREAD = 2.0
"""Standard deviation of the logits."""
SAME_SHARE = 1e-4
"""Between the shares of the uniform target that the rows of a smoothed label loss show."""

SAME_VALUE = 1e-6
"""Relative, between two calls that differ in the hidden states of both models alone: a cosine in float32."""

Loss = Callable[[Given], Float[Tensor, ""]]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One call and what came of it: the value, the student's gradient [batch, length, vocab]."""

    given: Given
    value: float
    gradient: Float[Tensor, "batch length vocab"]
    attached: bool = True
    changed: bool = False
    """The call changed the logits that it was given."""
    scale: float = 1.0
    """What the logits were multiplied by before the loss got them; a label loss that is mixed in sees that too."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How a gradient is made up, row by row: ``kd`` times the formula's, ``ce`` times that of the label loss.

    ``residual`` is what is left unexplained, against the formula's part; ``temperatures`` are the student's and the
    teacher's. The label loss is on the rows that ``labels`` says, '' for none; ``smoothing`` is the uniform target's
    share in it, ``heat`` what its logits are divided by.
    """

    family: Family
    beta: float
    kd: Float[Tensor, "batch length"]
    ce: Float[Tensor, "batch length"]
    residual: float
    labels: str = ""
    temperatures: tuple[float, float] = (1.0, 1.0)
    smoothing: float = 0.0
    heat: float = 1.0

    @property
    def good(self) -> bool:
        """Whether the formula explains the gradient."""
        return self.residual <= ACCEPTED

    def on_labels(self, student: Tensor, call: Given) -> Float[Tensor, "batch length"]:
        """Return the label loss of every row, of logits that were multiplied by what undoes a fixed temperature."""
        return label_losses(student / self.heat, call, self.labels, self.smoothing)


def given(
    seed: int,
    which: int = 0,
    *,
    labels: bool = True,
    temperature: float = 1.0,
    beta: float = 0.3,
    count: bool = False,
    dtype: torch.dtype = torch.float64,
) -> Given:
    """Return an ordinary call: random logits of spread 2, labels of which three in ten do not count."""
    batch, length, vocab = SHAPES[which]
    noise = torch.Generator().manual_seed(1000 * seed + which)
    student, teacher = SPREAD * torch.randn(2, batch, length, vocab, generator=noise, dtype=torch.float64)
    ids = torch.randint(vocab, (batch, length), generator=noise)
    told = torch.full_like(ids, IGNORED)
    for row, places in enumerate(COUNTING[which]):
        told[row, list(places)] = ids[row, list(places)]
    total = COUNTS[which] if count else None
    return Given(student.to(dtype), teacher.to(dtype), told if labels else None, temperature, beta, total)


def sample(loss: Loss, call: Given) -> Sample:
    """Call a loss and send its gradient back. Raises whatever the loss raises."""
    if call.labels is not None and isinstance(loss, Call) and loss.form.whole:
        # what is given there is what is explained
        call = replace(call, labels=call.labels.clamp_min(0))
    if call.labels is not None and isinstance(loss, Call):
        call = replace(call, labels=counting(call.labels, loss.ignored, call.student_logits.shape[-1]))
    student, teacher = (x.detach().clone() for x in (call.student_logits, call.teacher_logits))
    student.requires_grad_()
    with torch.enable_grad():
        total = loss(Given(student, teacher, call.labels, call.temperature, call.beta, call.count))
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
    gradient = torch.zeros_like(student) if student.grad is None else student.grad
    scale = loss.form.temperature if isinstance(loss, Call) else 1.0
    return Sample(call, float(total.detach()), gradient.double(), student.grad is not None, scale=scale)


def fit(
    of: Sample,
    family: Family,
    beta: float,
    labels: str = "",
    temperatures: tuple[float, float] = (1.0, 1.0),
    *,
    smoothing: float = 0.0,
    heat: float = 1.0,
) -> Fit:
    """Explain a gradient by one formula, and by the label loss where ``labels`` is 'own' or 'next'."""
    slope = slope_of(of.given.student_logits, of.given.teacher_logits, family, beta, temperatures)
    parts = [slope]
    if labels:
        parts.append(label_slope(of, labels, smoothing, heat))
    amounts, left = _taken_apart(of, parts)
    residual = _unexplained(slope, amounts, left)
    ce = amounts[..., 1] if labels else torch.zeros_like(amounts[..., 0])
    both = (1.0, 1.0) if family.plain else temperatures
    return Fit(family, beta, amounts[..., 0], ce, residual, labels, both, smoothing, heat)


def fit_smoothed(
    of: Sample,
    family: Family,
    beta: float,
    labels: str,
    temperatures: tuple[float, float] = (1.0, 1.0),
    *,
    heat: float = 1.0,
) -> Fit | None:
    """Explain a gradient by a formula and a label loss with label smoothing (Szegedy et al. 2016, section 7).

    None where the uniform target has not the same share, under a half, in the label loss of every row.
    """
    slope = slope_of(of.given.student_logits, of.given.teacher_logits, family, beta, temperatures)
    parts = [slope, label_slope(of, labels, 0.0, heat), label_slope(of, labels, 1.0, heat)]
    amounts, left = _taken_apart(of, parts)
    if not _unexplained(slope, amounts, left) <= ACCEPTED:
        return None
    rows = label_rows(of.given, labels) != IGNORED
    one_hot, even = amounts[rows][:, 1], amounts[rows][:, 2]
    share = even / (one_hot + even)
    if not bool(((share > SAME_SHARE) & (share < 0.5)).all()) or float(share.max() - share.min()) > SAME_SHARE:
        return None
    return fit(of, family, beta, labels, temperatures, smoothing=float(share.mean()), heat=heat)


def slope_of(
    student: Tensor, teacher: Tensor, family: Family, beta: float, temperatures: tuple[float, float]
) -> Float[Tensor, "batch length vocab"]:
    """Return the gradient of a formula's rows to the student's logits."""
    mine, theirs = (1.0, 1.0) if family.plain else temperatures
    own = student.detach().double().requires_grad_()
    with torch.enable_grad():
        rows = family.formula(own / mine, teacher.detach().double() / theirs, beta)
        (slope,) = torch.autograd.grad(rows.sum(), own)
    return slope


def _taken_apart(of: Sample, parts: list[Tensor]) -> tuple[Tensor, Tensor]:
    """How much of each part is in each row of the gradient [batch, length, parts], and what is left of it."""
    columns = torch.stack(parts, dim=-1)
    if len(parts) == 1:
        size = parts[0].square().sum(dim=-1, keepdim=True)
        amounts = torch.where(size > 0, (parts[0] * of.gradient).sum(dim=-1, keepdim=True) / size, 0.0)
    else:
        amounts = (torch.linalg.pinv(columns) @ of.gradient[..., None])[..., 0]
    return amounts, of.gradient - (columns @ amounts[..., None])[..., 0]


def _unexplained(slope: Tensor, amounts: Tensor, left: Tensor) -> float:
    # against the formula's own part: beside a label loss a thousand times as large it would explain anything
    part = float((slope * amounts[..., :1]).norm())
    return float(left.norm()) / part if part > 0 else float("inf")


def label_rows(call: Given, labels: str) -> Int[Tensor, "batch length"]:
    """Return the label of each row: its own, or the next one's, -100 at the end."""
    assert call.labels is not None
    if labels == "own":
        return call.labels
    return torch.cat([call.labels[:, 1:], torch.full_like(call.labels[:, :1], IGNORED)], dim=1)


def label_losses(student: Tensor, call: Given, labels: str, smoothing: float = 0.0) -> Float[Tensor, "batch length"]:
    """Return the cross-entropy of every row on its label, 0 where it has none."""
    rows = label_rows(call, labels)
    flat = F.cross_entropy(
        student.flatten(0, 1), rows.flatten(), ignore_index=IGNORED, reduction="none", label_smoothing=smoothing
    )
    return flat.view(rows.shape)


def label_slope(
    of: Sample, labels: str, smoothing: float = 0.0, heat: float = 1.0
) -> Float[Tensor, "batch length vocab"]:
    """Return the gradient of the label loss of every row to its logits."""
    student = of.given.student_logits.double().requires_grad_()
    rows = label_losses(of.scale * student / heat, of.given, labels, smoothing)
    (slope,) = torch.autograd.grad(rows.sum(), student)
    return slope


def used(amounts: Float[Tensor, "batch length"]) -> Bool[Tensor, "batch length"]:
    """Return which rows have any of it."""
    most = float(amounts.abs().max()) if amounts.numel() else 0.0
    return amounts.abs() > 1e-6 * most if most > 0 else torch.zeros_like(amounts, dtype=torch.bool)


def shown(of: Given) -> str:
    """Say which ordinary call it was."""
    batch, length, vocab = of.student_logits.shape
    kind = str(of.student_logits.dtype).removeprefix("torch.")
    return f"random logits [{batch}, {length}, {vocab}] in {kind}, T = {of.temperature:g}"


def without_states(call: Call, of: Sample) -> bool:
    """Whether a loss that asks for hidden states is one of logits, and the same whatever states both sides have."""
    call.asked.draw += 1
    try:
        other = sample(call, of.given)
    finally:
        call.asked.draw -= 1
    return of.attached and abs(other.value - of.value) <= SAME_VALUE * (1 + abs(of.value))
