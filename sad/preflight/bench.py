"""What examinations work on: the user's own pair as it was loaded, and small cuts of the user's own text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from sad.batch import CONTRASTIVE, Batch
from sad.data import Example, collate
from sad.data.facts import longest_sides
from sad.distiller import Distiller
from sad.objective import Objective
from sad.preflight.answers import Answers
from sad.recipe.terms import Terms
from sad.train.loss_scale import LossScale
from sad.train.parts import make_parts
from sad.train.plan import Plan
from sad.train.step import Learner

T = TypeVar("T")

MOST_TOKENS = 4096
"""Student tokens of the largest cut that one examination runs through both models."""
LOOKED_AT = 200
"""Steps that are searched for the heaviest micro-batch."""
MOST_LOGITS = 50_000_000
"""Logits of both models that an evaluation of a cut computes at the most: some seconds of one core."""
LENGTHS = (40, 24, 33, 13)
"""Tokens of each window of the small cut: unequal, or a wrong denominator would not show."""
WIDE, SHORTER = 2**16, 2
"""Tokens of both vocabularies together from which the windows of the small cut are ``SHORTER`` times as short."""
WIDEST_TEACHER = 2_000_000_000
"""Largest teacher, in parameters, that is converted to float32 for the exact checks."""


@dataclass(frozen=True, slots=True, eq=False)
class Kit:
    """All that a step needs, as the training loop makes it before its first step."""

    plan: Plan
    accelerator: Accelerator
    distiller: Distiller
    optimizer: torch.optim.Optimizer
    objective: Objective

    @property
    def wrapped(self) -> nn.Module:
        """The distiller as the loop's accelerator prepares it."""
        wrapped: nn.Module = self.accelerator.prepare(self.distiller)
        return wrapped

    @property
    def learner(self) -> Learner:
        """What takes a step, as the loop hands it on."""
        return Learner(
            self.accelerator, self.wrapped, self.optimizer, self.objective, LossScale.of(self.plan.precision)
        )

    def collated(self, some: Sequence[Example]) -> Batch:
        """Collate examples onto the device."""
        return collate(some, self.plan.pair.readers).to(self.accelerator.device)


class Bench:
    """A plan, and the student's weights as they were loaded. Every kit starts from them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._start = {name: value.detach().cpu().clone() for name, value in plan.pair.student.state_dict().items()}
        self._known: dict[Callable[..., Any], Any] = {}
        self._answers = Answers()

    def once(self, measure: Callable[[Bench], T]) -> T:
        """Return what ``measure`` finds on this bench; it is called once."""
        if measure not in self._known:
            self._known[measure] = measure(self)
        found: T = self._known[measure]
        return found

    def known(self, measure: Callable[[Bench], T]) -> T | None:
        """Return what ``measure`` found on this bench, or None if it was not called yet."""
        found: T | None = self._known.get(measure)
        return found

    @contextmanager
    def kit(self, *, exact: bool = False, terms: Terms | None = None, remember: bool = True) -> Iterator[Kit]:
        """Give a fresh kit in the run's own precision, or (``exact``) in float32 without dropout.

        ``terms`` replaces the recipe's. The teacher is asked the same only once on this bench, unless the kit shall
        not ``remember``. Afterwards the student has its first weights again and no gradient.
        """
        recipe = self.plan.recipe
        if terms is not None:
            shares = recipe.shares if set(terms.weights) == set(recipe.shares or {}) else None
            recipe = recipe.model_copy(update={"terms": terms, "shares": shares})
        plan = replace(self.plan, recipe=recipe, precision="fp32" if exact else self.plan.precision)
        teacher = plan.pair.teacher
        kept = next(teacher.parameters()).dtype
        try:
            if exact and self._carried:
                teacher.float()
            accelerator, distiller, optimizer, objective = make_parts(plan)
            if remember:
                self._answers.teach(distiller)
            yield Kit(plan, accelerator, distiller.eval() if exact else distiller, optimizer, objective)
        finally:
            teacher.to(kept)
            self.reset()

    @property
    def of_texts(self) -> Terms:
        """The recipe's terms, negatives from a text's own places: nothing may then depend on how a batch is cut."""
        terms = self.plan.recipe.terms
        return terms.model_copy(update={CONTRASTIVE: terms.contrastive.model_copy(update={"negatives": "text"})})

    def reset(self) -> None:
        """Give the student its first weights again, and take its gradients away."""
        student = self.plan.pair.student
        student.load_state_dict(self._start)
        student.zero_grad(set_to_none=True)

    @property
    def tolerance(self) -> float:
        """Relative error of an exact check: float32, or bf16 where the teacher is too large to be converted.

        Measured on the embedded pair, on the tiny ones and on SmolLM2: at most 2e-6 in float32.
        """
        return 1e-4 if next(self.plan.pair.teacher.parameters()).dtype == torch.float32 or self._carried else 5e-2

    @property
    def _carried(self) -> bool:
        """Whether the teacher is small enough to be converted to float32."""
        return sum(p.numel() for p in self.plan.pair.teacher.parameters()) <= WIDEST_TEACHER

    @property
    def first(self) -> list[Example]:
        """The windows of the run's first micro-batch, as many as ``MOST_TOKENS`` allow."""
        return within([self.plan.train[i] for i in self.plan.schedule().micro_batches(0)[0]])

    @property
    def held_out(self) -> list[Example]:
        """Held-out windows, as many as ``MOST_TOKENS`` and ``MOST_LOGITS`` allow."""
        readers = self.plan.pair.readers
        return within(
            self.plan.held_out, min(MOST_TOKENS, MOST_LOGITS // (readers.student.size + readers.teacher.size))
        )

    @property
    def few(self) -> list[Example]:
        """Four short windows of unequal lengths."""
        every, readers = self.plan.train, self.plan.pair.readers
        by = SHORTER if readers.student.size + readers.teacher.size > WIDE else 1
        return [shortened(every[i % len(every)], length // by) for i, length in enumerate(LENGTHS)]


def heaviest(plan: Plan) -> list[Example]:
    """Return the micro-batch with the most padded tokens among those of the first ``LOOKED_AT`` steps."""
    schedule = plan.schedule()
    if plan.recipe.train.packing:
        # rows are nearly full: the longest windows that together hold as many tokens
        sides = longest_sides(plan.train)
        wanted = plan.recipe.train.batch_size * plan.recipe.data.max_length
        return [plan.train[i] for i in np.argsort(-sides)[: -(-wanted // int(sides.max()))]]
    every = (m for step in range(min(plan.steps, LOOKED_AT)) for m in schedule.micro_batches(step))
    return max(([plan.train[i] for i in numbers] for numbers in every), key=padded)


def padded(some: Sequence[Example]) -> int:
    """Return the student tokens of a micro-batch, padding too."""
    return len(some) * max(len(one.student) for one in some)


def within(some: Sequence[Example], tokens: int = MOST_TOKENS) -> list[Example]:
    """Return the first windows that hold ``tokens`` student tokens together, at least one."""
    kept, count = [some[0]], len(some[0].student)
    for one in some[1:]:
        count += len(one.student)
        if count > tokens:
            break
        kept.append(one)
    return kept


def shortened(example: Example, tokens: int) -> Example:
    """Cut a window at the last common boundary that leaves at most ``tokens`` tokens on either side.

    At least two boundaries stay. The number of bytes is cut in proportion, since nothing here uses it.
    """
    fits = (example.at_student < tokens) & (example.at_teacher < tokens)
    kept = max(2, int(fits.sum()) - 1)
    if fits.all() or kept >= len(example.at_student):
        return example
    mine, theirs = int(example.at_student[kept]), int(example.at_teacher[kept])
    runs = example.runs
    if runs is not None:
        # the parts of a chat that are learned stay the same
        runs = np.minimum(runs, np.array([mine, mine, theirs, theirs], dtype=runs.dtype))
        runs = runs[runs[:, 0] < runs[:, 1]]
    return Example(
        example.student[: mine + 1],
        example.teacher[: theirs + 1],
        example.at_student[:kept],
        example.at_teacher[:kept],
        max(1, round(example.byte_count * kept / len(example.at_student))),
        runs,
    )
