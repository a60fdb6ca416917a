"""The first micro-batch: each term's value, and the gradient that it gives the student. No step is taken."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sad.evaluate import evaluate
from sad.objective import Ledger
from sad.preflight.bench import Bench


@dataclass(frozen=True, slots=True)
class Opening:
    """``gradient`` is the norm of each weighted term's gradient over the student's parameters; ``norm`` that of the
    whole loss, projectors too, as the loop will clip it. ``unreached`` are the student's trainable tensors (name and
    number of parameters) that get no gradient.
    """

    ledger: Ledger
    gradient: dict[str, float]
    norm: float
    unreached: dict[str, int]
    trainable: int
    windows: int

    @property
    def gradient_shares(self) -> dict[str, float]:
        """Each term's norm over the sum of the norms."""
        whole = sum(self.gradient.values())
        return {name: value / whole if whole else 0.0 for name, value in self.gradient.items()}


def opening(bench: Bench) -> Opening:
    """Run the first micro-batch through both models, in the run's own precision."""
    with bench.kit() as kit:
        distiller, objective, recipe = kit.distiller, kit.objective, kit.plan.recipe
        if recipe.shares:
            # as the loop does before its first step
            with kit.accelerator.autocast():
                held = [kit.collated([one]) for one in bench.held_out]
                objective.calibrate(evaluate(distiller, held, objective).ledger)
        batch = kit.collated(bench.first)
        units = distiller.counts(batch)
        with kit.accelerator.autocast():
            sums = distiller(batch, distiller.ask_teacher(batch))
        scaled = kit.learner.scaled
        named = {name: p for name, p in distiller.student.named_parameters() if p.requires_grad}
        mine = list(named.values())
        norms: dict[str, float] = {}
        for name, one in sums.items():
            if one.total.requires_grad:
                part = scaled * objective.part({name: one}, units)
                norms[name] = _norm(torch.autograd.grad(part, mine, allow_unused=True, retain_graph=True)) / scaled
            else:
                norms[name] = 0.0
        loss = objective.part(sums, units)
        whole = [p for p in distiller.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(scaled * loss, whole, allow_unused=True) if loss.requires_grad and whole else ()
        reached = {id(p) for p, g in zip(whole, gradients, strict=False) if g is not None and bool(g.any())}
        totals = {name: float(one.total.detach()) for name, one in sums.items()}
        return Opening(
            ledger=objective.ledger(totals, units),
            gradient=norms,
            norm=_norm(gradients) / scaled,
            unreached={name: p.numel() for name, p in named.items() if id(p) not in reached},
            trainable=sum(p.numel() for p in mine),
            windows=len(bench.first),
        )


def _norm(gradients: tuple[torch.Tensor | None, ...]) -> float:
    each = [g.detach().float().norm() for g in gradients if g is not None]
    return float(torch.stack(each).norm()) if each else 0.0
