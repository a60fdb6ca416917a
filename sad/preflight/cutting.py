"""The user's own step, cut in other ways: accumulated, one window at a time, with padding. One loss, one gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sad.batch import CONTRASTIVE, Batch, Tokens
from sad.objective import Objective
from sad.preflight.bench import Bench, Kit
from sad.preflight.finding import Finding, Level, judged, off
from sad.train.step import take_step

PADDING = 7
"""Tokens added on the right of both readings."""
NO_CLIP = 1e30


class Catching(torch.optim.Optimizer):
    """An optimizer that moves nothing, and keeps the gradient that a step would have used."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        super().__init__(parameters, {})
        self.caught: list[Tensor] = []
        self.steps = 0

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ANN401, ARG002 - as torch has it
        """Keep the gradients, flat."""
        self.steps += 1
        every = [p for group in self.param_groups for p in group["params"]]
        self.caught = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten().clone() for p in every]


@dataclass(frozen=True, slots=True, eq=False)
class Caught:
    """One step's loss and gradient, and how many optimizer steps it took."""

    loss: float
    gradient: Tensor
    steps: int


def cutting(bench: Bench) -> Iterator[Finding]:
    """Judge accumulation, batch split and padding on four windows of unequal lengths."""
    with bench.kit(exact=True, terms=bench.of_texts) as kit:
        some = bench.few
        whole = caught(kit, [kit.collated(some)])
        halves = caught(kit, [kit.collated(some[:1]), kit.collated(some[1:])])
        single = caught(kit, [kit.collated([one]) for one in reversed(some)])
        padded = caught(kit, [with_padding(kit.collated(some))])
    accumulation = bench.plan.recipe.train.accumulation
    yield _same(bench, "accumulation", whole, halves, "1 + 3 windows as two micro-batches", accumulation)
    yield _same(bench, "batch split", whole, single, "four micro-batches of one window, in reverse")
    yield _same(bench, "padding", whole, padded, f"{PADDING} more tokens of padding")
    terms = bench.plan.recipe.terms
    if CONTRASTIVE in terms.weights and terms.contrastive.negatives == "batch":
        says = "contrastive takes negatives from the micro-batch, as asked: its value depends on train.batch_size"
        yield Finding("batch split", Level.FINE, f"{says}; here it was judged with those of the text")


def caught(kit: Kit, batches: Sequence[Batch]) -> Caught:
    """Take the training code's step with an optimizer that moves nothing."""
    distiller = kit.distiller
    optimizer = Catching([p for p in distiller.parameters() if p.requires_grad])
    # the present weights without the controller, which would move them between two steps that are to be compared
    still = Objective(dict(kit.objective.weights))
    done = take_step(replace(kit.learner, optimizer=optimizer, objective=still), batches, NO_CLIP, measure_update=False)
    gradient = torch.cat(optimizer.caught) if optimizer.caught else torch.zeros(1)
    return Caught(done.ledger.loss, gradient.double().cpu(), optimizer.steps)


def with_padding(batch: Batch) -> Batch:
    """Return the batch with more padding, of a token that is not the padding token."""
    return replace(batch, student=_wider(batch.student), teacher=_wider(batch.teacher))


def _wider(tokens: Tokens) -> Tokens:
    more = torch.ones_like(tokens.input_ids[:, :1]).expand(-1, PADDING)
    none = torch.zeros_like(more)
    return Tokens(torch.cat([tokens.input_ids, more], dim=1), torch.cat([tokens.attention_mask, none], dim=1))


def _same(bench: Bench, topic: str, one: Caught, other: Caught, how: str, accumulation: int = 1) -> Finding:
    size = float(one.gradient.norm())
    gradient = float((one.gradient - other.gradient).norm()) / max(size, 1e-30)
    loss = off(other.loss, one.loss)
    numbers = {"loss": loss, "gradient": gradient, "steps": other.steps}
    within = loss <= bench.tolerance and gradient <= bench.tolerance
    counted = f", {other.steps} optimizer step" if topic == "accumulation" else ""
    fault = f"{how}: the loss is off by {loss:.2%}, the gradient by {gradient:.2%} (allowed {bench.tolerance:g})"
    if other.steps != 1:
        fault = f"{how}: {other.steps} optimizer steps, not 1"
    edits: dict[str, Any] = {"train.accumulation": 1} if topic == "accumulation" and accumulation > 1 else {}
    return judged(
        topic,
        not within or other.steps != 1,
        f"{how}: the same loss and gradient (off by {loss:.1g} and {gradient:.1g}){counted}",
        fault,
        advice="the code that trains is at fault: run sad verify V1",
        edits=edits,
        numbers=numbers,
    )
