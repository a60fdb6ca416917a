"""A term on hidden states is of order one, the same for every length, and no single position or feature owns it.

## Property
With teacher states of which one activation is thousands of times larger than the rest: the term's value lies below
10 at every length from 34 to 384; the largest is at most 1.5 times the smallest; at length 384 no position and no
top 0.01% of the elements has more than 5% of the squared gradient (a fair share of a position is 0.26%). A teacher
whose states are 2^30 times as large, or as small, teaches the same: the value is within 1e-3, also where they are all
below 0.

## Why it must hold
Such activations sit at the first position of real teachers (Sun et al. 2024, arXiv 2402.17762). A term that they own
drowns the other terms, falls when texts get longer whatever the student does, and teaches one number.

## Tolerance
Named above; the terms in use are below 4, within 1%, and give each position its fair share. The gradient to the
student is judged beside the value: a term divided by the teacher's mean square looks right and is still owned.

## What breaks it
`F.mse_loss` on raw states, however often it is divided by their number; an epsilon beside a variance, which counts
where states are small. Two planted profiles are used, and said to
be planted: width 1,024 with one 10,570 and the rest of size 1 (the size that the failed run's two logged ends give:
3,211 x 34 x 1,024 = 284.1 x 384 x 1,024 within 0.1%), and that measured on SmolLM2-135M: width 576, 24,961 in feature
507 of position 0, the rest of size 48.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sad.verdict import Verdict

ID = "I16"

Term = Callable[[Tensor, Tensor], Tensor]
"""Projected student states and teacher states, both [1, length, width] float32 -> the term's value, a scalar with
gradient to the student, as it enters the loss.
"""

LENGTHS = (34, 64, 128, 256, 384)
LARGEST = 10.0
RATIO = 1.5
SHARE = 0.05
TOP = 1e-4
SIZES = (2.0**-30, 2.0**30)
UNITS = 1e-3


@dataclass(frozen=True, slots=True)
class Profile:
    """Teacher states of size ``rest`` with one activation ``massive`` at position 0, feature ``feature``."""

    width: int
    feature: int
    massive: float
    rest: float

    def states(self, length: int) -> tuple[Tensor, Tensor]:
        """Return (student, teacher) states [1, length, width]; a shorter text is the beginning of a longer one."""
        noise = torch.Generator().manual_seed(0)
        student, teacher = torch.randn(2, LENGTHS[-1], self.width, generator=noise)[:, None, :length]
        teacher = self.rest * teacher
        teacher[0, 0, self.feature] = self.massive
        return student.clone().requires_grad_(), teacher


PROFILES = {
    "like the failed run": Profile(1024, 5, 10_570.0, 1.0),
    "like SmolLM2-135M": Profile(576, 507, 24_961.0, 48.0),
}


def scale_and_dominance(term: Term) -> Verdict:
    """Judge a term on both profiles; the first that it fails is reported, else the failed run's."""
    judged = {name: _judge(term, profile) for name, profile in PROFILES.items()}
    name = next((name for name, (faults, _) in judged.items() if faults), next(iter(PROFILES)))
    faults, numbers = judged[name]
    short, long = LENGTHS[0], LENGTHS[-1]
    says = (
        f"{numbers[f'at_{short}']:.2f} at length {short}, {numbers[f'at_{long}']:.2f} at {long}, "
        f"{numbers['position_share']:.1%} of the gradient at one position"
    )
    return Verdict(not faults, f"{name}: {says} ({faults[0]})" if faults else says, numbers)


def _judge(term: Term, profile: Profile) -> tuple[list[str], dict[str, float]]:
    values = {length: float(term(*profile.states(length)).detach()) for length in LENGTHS}
    largest, smallest = max(values.values()), min(values.values())
    ratio = largest / smallest if smallest > 0 else float("inf")
    position, elements = _ownership(term, profile)
    student, teacher = profile.states(LENGTHS[0])
    signs = {"": teacher, ", all below 0": -teacher.abs()}
    known = {sign: float(term(student, states).detach()) for sign, states in signs.items()}
    sized = {
        (size, sign): float(term(student, size * states).detach()) for size in SIZES for sign, states in signs.items()
    }
    faults = [
        fault
        for fault, sound in (
            (f"a factor of {ratio:.1f} between lengths", ratio <= RATIO),
            (f"above {LARGEST:g}", largest <= LARGEST),
            ("owned by one position", position <= SHARE),
            (f"a few elements have {elements:.1%}", elements <= SHARE),
            *(
                (
                    f"{value:.2f} for a teacher {size:.0e} times as large{of}",
                    abs(value - known[of]) <= UNITS * known[of],
                )
                for (size, of), value in sized.items()
            ),
        )
        if not sound
    ]
    numbers = {f"at_{length}": value for length, value in values.items()}
    return faults, numbers | {"ratio": ratio, "position_share": position, "element_share": elements}


def _ownership(term: Term, profile: Profile) -> tuple[float, float]:
    """Shares of the squared gradient at the longest text: that of the strongest position, that of the top elements."""
    student, teacher = profile.states(LENGTHS[-1])
    term(student, teacher).backward()  # type: ignore[no-untyped-call]
    if student.grad is None or not student.grad.any():
        return 1.0, 1.0
    squared = student.grad.double().square()
    few = max(1, int(TOP * squared.numel()))
    return float(squared.sum(-1).max() / squared.sum()), float(squared.flatten().topk(few).values.sum() / squared.sum())
