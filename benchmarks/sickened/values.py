"""Bugs of the terms: their values, their gradients, their shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import torch

from sad import embedded
from sad.batch import LM, Sum
from sad.distiller import Distiller, Projector
from sad.head.linear import Head
from sad.losses import kd, layerwise
from sad.objective import Objective
from sad.rows import Rows, softmax
from sad.terms import TERMS, View
from sad.train.ledger.record import Record
from sickened.fault import Fault, Make, World

WARM = {"terms": {"kd": {"temperature": 2.0}}}
JSD = {"terms": {"kd": {"divergence": "jsd", "mix": 0.9}}}
LAYERS = {"terms": {"layerwise": {"weight": 0.05}}}
NEAR = World({"student": {"model": str(embedded.TEACHER)}, "train": {"learning_rate": 3e-4, "clip": 20.0}}, peaked=2.0)
"""A student that is near its teacher: it begins with the same weights, but too sure of itself."""
HELD: dict[str, dict[str, Any]] = {
    "shares": {"kd": 47.0, "lm": 26.0, "layerwise": 27.0},
    "terms": {"layerwise": {"weight": 40.0}},
}


def raw_states(_right: Any) -> Any:
    def between(student: torch.Tensor, target: torch.Tensor, _how: str = "") -> Sum:
        each = (student.float() - target.float()).square().mean(dim=-1)
        return Sum(each.sum(), int(student.shape[0]))

    return between


def nothing(_right: Any) -> Any:
    return lambda *_given, **_more: None


def squared_value(right: Any) -> Any:
    """The value is multiplied by the temperature squared, as the gradient is."""

    def rows(logits: Any, target: Any, how: kd.Divergence, *more: Any) -> Rows:
        found = right(logits, target, how, *more)
        return Rows(found.values * how.temperature**2, found.gradient)

    return rows


def not_squared(right: Any) -> Any:
    def rows(logits: Any, target: Any, how: kd.Divergence, *more: Any) -> Rows:
        found = right(logits, target, how, *more)
        return Rows(found.values, found.gradient / how.temperature**2)

    return rows


def clamped(right: Any) -> Any:
    def rows(logits: torch.Tensor, target: Any, how: kd.Divergence, *_more: Any) -> Rows:
        found = right(logits.clamp(-2.0, 2.0), target, how)
        return Rows(found.values, found.gradient * (logits.abs() <= 2.0))

    return rows


def other_side(right: Any) -> Any:
    return lambda logits, target, how, *more: right(logits, target, replace(how, mix=1 - how.mix), *more)


def probabilities_for_logs(_right: Any) -> Any:
    """F.kl_div is given the student's probabilities, where it takes their logarithms."""

    def rows(logits: torch.Tensor, target: torch.Tensor, _how: kd.Divergence, *_more: Any) -> Rows:
        p, q = softmax(target.clone()).q, softmax(logits.clone()).q
        values = (torch.special.xlogy(p, p) - p * q).sum(dim=-1)
        return Rows(values, -q * (p - (p * q).sum(dim=-1, keepdim=True)))

    return rows


def top_of_the_list(_right: Any) -> Any:
    """A sum over the teacher's three likeliest tokens, of probabilities that do not sum to 1."""

    def rows(logits: torch.Tensor, target: torch.Tensor, _how: kd.Divergence, *_more: Any) -> Rows:
        log_p, log_q = torch.log_softmax(target.clone(), dim=-1), torch.log_softmax(logits.clone(), dim=-1)
        top = torch.zeros_like(log_p).scatter_(-1, log_p.topk(3).indices, 1.0)
        p = log_p.exp() * top
        values = torch.where(top > 0, p * (log_p - log_q), 0.0).sum(dim=-1)
        return Rows(values, log_q.exp() * p.sum(dim=-1, keepdim=True) - p)

    return rows


def rounded(right: Any) -> Any:
    return lambda self, products: right(self, products).bfloat16().float()


def trained_target(_right: Any) -> Any:
    """The teacher's states are brought to a common size by the projector that is trained."""

    def states(self: View, pair: int) -> tuple[torch.Tensor, torch.Tensor]:
        at, (mine, theirs) = self.batch.boundaries, self.pairs[pair]
        weight = cast(Projector, self.projectors[pair]).map.weight
        return self.student.blocks[mine][at.row, at.student], self.teacher.blocks[theirs] @ weight

    return states


def mean_of_labels(right: Any) -> Any:
    """A mean over the labels of a micro-batch, also where there is none."""

    def lm(view: View) -> Sum:
        one = right(view)
        return Sum(one.total / one.units * one.units if one.units else one.total / 0, one.units)

    return lm


class _ToZero(torch.autograd.Function):
    """0 in the place of any value; the gradient is that of the value."""

    @staticmethod
    def forward(_ctx: Any, value: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(value)

    @staticmethod
    def backward(_ctx: Any, *given: torch.Tensor) -> torch.Tensor:
        return given[0]


def set_to_zero() -> tuple[tuple[Any, str, Make], ...]:
    """The same, and what is not finite becomes 0; the log tells it once."""
    told: list[str] = []

    def of_nothing(right: Any) -> Any:
        def lm(view: View) -> Sum:
            one = right(view)
            return one if one.units else Sum(one.total + float("nan"), 0)

        return lm

    def term(right: Callable[..., Sum]) -> Any:
        def run(self: Distiller, name: str, view: View) -> Sum:
            one = right(self, name, view)
            if bool(torch.isfinite(one.total)):
                return one
            told.append(f"{name}_loss produced non-finite value (nan); clamping to zero.")
            return Sum(_ToZero.apply(one.total), one.units)  # type: ignore[no-untyped-call]

        return run

    def step(right: Any) -> Any:
        def run(self: Record, progress: Any, *given: Any, **more: Any) -> None:
            if len(told) and told[0]:
                self.warn(progress.step, told[0])
                told[0] = ""
            right(self, progress, *given, **more)

        return run

    return (TERMS, LM, of_nothing), (Distiller, "term", term), (Record, "step", step)


def behind_a_mask(right: Any) -> Any:
    """A product of 0 and the teacher's -inf, hidden in the value and not in the gradient."""

    def rows(logits: torch.Tensor, target: torch.Tensor, *how: Any) -> Rows:
        hidden = 0.0 * target
        found = right(logits, target, *how)
        return Rows(found.values, found.gradient + hidden)

    return rows


def by_hand(right: Any) -> Any:
    """p (log p - log q), also where p is 0 and its logarithm -inf."""

    def rows(logits: torch.Tensor, target: torch.Tensor, *how: Any) -> Rows:
        log_p, log_q = torch.log_softmax(target, dim=-1), torch.log_softmax(logits, dim=-1)
        return Rows((log_p.exp() * (log_p - log_q)).sum(dim=-1), right(logits, target, *how).gradient)

    return rows


def log_of_halves(right: Any) -> Any:
    """The logarithm of a softmax in float16."""

    def rows(logits: torch.Tensor, target: torch.Tensor, *how: Any) -> Rows:
        p, log_q = torch.softmax(target, dim=-1), torch.softmax(logits.half(), dim=-1).log().float()
        values = torch.where(p > 0, torch.special.xlogy(p, p) - p * log_q, 0.0).sum(dim=-1)
        return Rows(values, right(logits, target, *how).gradient)

    return rows


def defaults_of_its_own(right: Any) -> Any:
    """The path of the training has a temperature of its own; that of the evaluation has the recipe's."""

    def divergence(self: View) -> kd.Divergence:
        asked: kd.Divergence = right.fget(self)
        return replace(asked, temperature=2.0 * asked.temperature) if torch.is_grad_enabled() else asked

    return property(divergence)


FACTOR = "a term that is always so many times too large or too small is a term of another weight"
TEXTS = World({"train": {"batch_size": 1, "accumulation": 4}}, unlabelled=7)
FAULTS = (
    Fault(
        "V101",
        "raw hidden states",
        ((layerwise, "between", raw_states),),
        ("layerwise-too-high", "term-dominates"),
        World(LAYERS, massive=True),
    ),
    Fault(
        "V103",
        "the weights of terms stay as they were",
        ((Objective, "calibrate", nothing), (Objective, "follow", nothing)),
        ("term-dominates", "layerwise-too-high"),
        World(HELD),
    ),
    Fault("V108", "NaN becomes 0", set_to_zero(), ("non-finite-hidden",), TEXTS),
    Fault("V109", "T squared in the value", ((kd, "rows", squared_value),), (), World(WARM), unseen=FACTOR),
    Fault("V109", "T squared not in the gradient", ((kd, "rows", not_squared),), (), World(WARM), unseen=FACTOR),
    Fault(
        "V111",
        "the target is trained",
        ((View, "states", trained_target),),
        (),
        unseen="the distance falls, as it does where the student learns",
    ),
    Fault(
        "V202",
        "logits are clamped",
        ((kd, "rows", clamped),),
        ("kd-stays", "gradient-vanishes"),
        unseen="the student learns more slowly, as one of a lower rate does",
    ),
    Fault("V203", "a mean over no labels", ((TERMS, LM, mean_of_labels),), ("non-finite",), TEXTS),
    Fault(
        "V204",
        "beta on the other side",
        ((kd, "rows", other_side),),
        (),
        World(JSD),
        unseen="it is a divergence too, with a floor of 0",
    ),
    Fault("V214", "kl_div of probabilities", ((kd, "rows", probabilities_for_logs),), ("kd-below-its-floor",)),
    Fault(
        "V215",
        "KL over three tokens",
        ((kd, "rows", top_of_the_list),),
        ("kd-below-its-floor",),
        NEAR,
    ),
    Fault(
        "V219",
        "logits are rounded",
        ((Head, "finished", rounded),),
        unseen="rounding has no side: the curves are those of a sound run",
    ),
    Fault(
        "V206",
        "0 x infinity in the gradient alone",
        ((kd, "rows", behind_a_mask),),
        ("non-finite-gradient",),
    ),
    Fault(
        "V207",
        "the training's path has a temperature of its own",
        ((View, "divergence", defaults_of_its_own),),
        unseen="its KD is a sound one of another recipe: the run by the plain path shows the difference",
    ),
    Fault("V216", "p (log p - log q) where p is 0", ((kd, "rows", by_hand),), ("non-finite",)),
    Fault(
        "V217",
        "the logarithm of a softmax in half",
        ((kd, "rows", log_of_halves),),
        ("non-finite",),
        NEAR,
    ),
)
