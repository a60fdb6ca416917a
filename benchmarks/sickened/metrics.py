"""Bugs of what is told: the evaluation, the perplexity, the parts of the loss; and a crash."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sad import evaluate
from sad.distiller import Distiller, Projector
from sad.evaluate import Likelihood, Scores
from sad.objective import Objective
from sad.terms import View
from sad.train import held_out
from sad.train.ledger import record
from sickened.fault import Fault, Make, World

HEAVY: dict[str, dict[str, Any]] = {"terms": {"kd": {"weight": 8.0}}, "train": {"clip": 50.0}}
HALVES: dict[str, dict[str, Any]] = {"terms": {"kd": {"weight": 0.5}, "lm": {"weight": 0.7}}}


def told(scores: Scores, perplexity: float) -> Scores:
    """Return scores that say another perplexity."""
    own = scores.likelihood

    class Said(Likelihood):
        @property
        def perplexity(self) -> float:
            return perplexity

    return replace(scores, likelihood=Said(own.nats, own.tokens, own.bytes))


def of_the_total(cap: float) -> Callable[[Any], Any]:
    def make(right: Callable[..., Scores]) -> Any:
        def scores(*given: Any) -> Scores:
            found = right(*given)
            return told(found, math.exp(min(found.ledger.loss, cap)))

        return scores

    return make


def full_weights(right: Callable[..., Scores]) -> Any:
    """An evaluation at the end of a curriculum, whose weights are others."""

    def scores(done: Any, terms: Any, objective: Objective) -> Scores:
        return right(done, terms, Objective({name: 2.5 * weight for name, weight in objective.weights.items()}))

    return scores


def mean_of_batches(right: Callable[..., Scores]) -> Any:
    """The perplexity is the mean of those of the batches."""

    def scored(distiller: Distiller, batches: Any, objective: Objective, *more: Any) -> Scores:
        every = list(batches)
        each = [right(distiller, [one], objective).likelihood.perplexity for one in every]
        return told(right(distiller, every, objective, *more), sum(each) / len(each))

    return scored


def faded(_right: Any) -> Any:
    """The weights of the objective fall with every step."""

    def follow(self: Objective, *_given: Any) -> None:
        self.weights |= {name: 0.98 * weight for name, weight in self.weights.items()}

    return follow


def sum_of_the_moment(right: Callable[..., Scores]) -> Any:
    """Evaluations are compared by the objective, with its weights of the moment."""

    def scores(*given: Any) -> Scores:
        found = right(*given)
        own = found.likelihood
        return replace(found, likelihood=Likelihood(found.ledger.loss * own.tokens, own.tokens, own.bytes))

    return scores


def no_labels(right: Callable[..., Scores]) -> Any:
    """The evaluation's forward pass does not find its labels."""

    def scores(done: dict[str, float], *given: Any) -> Scores:
        lost = [f"{part}/{name}" for part in ("total", "units") for name in ("lm", "own/lm")]
        return right(done | dict.fromkeys(lost, 0.0), *given)

    return scores


def sums_of_texts() -> tuple[tuple[Any, str, Make], ...]:
    """The KL is summed over places and divided by the number of texts."""

    def score(right: Any) -> Any:
        def run(distiller: Distiller, view: View, totals: Any) -> None:
            right(distiller, view, totals)
            totals.values["texts"] = totals.values.get("texts", 0.0) + len(view.batch.student.input_ids)

        return run

    def scores(right: Callable[..., Scores]) -> Any:
        def run(done: dict[str, float], *given: Any) -> Scores:
            return replace(right(done, *given), kl=done["total/own/kl"] / max(1.0, done["texts"]))

        return run

    return (evaluate, "_score", score), (evaluate, "_scores", scores)


def weighted_for_raw(right: Callable[..., dict[str, float]]) -> Any:
    def parts(ledger: Any, raw: str, *more: Any) -> dict[str, float]:
        return right(ledger, raw, *more) | {raw + name: value for name, value in ledger.weighted.items()}

    return parts


def half_projector(right: Any) -> Any:
    """The projector is cast to the half precision of a teacher's states."""

    def made(self: Projector, *given: Any) -> None:
        right(self, *given)
        self.map.half()

    return made


FAULTS = (
    Fault(
        "V105",
        "exp of the total, capped at 20",
        ((evaluate, "_scores", of_the_total(20.0)),),
        ("perplexity-is-a-clamp",),
        World(HEAVY),
    ),
    Fault(
        "V105",
        "exp of the total, without the cap",
        ((evaluate, "_scores", of_the_total(700.0)),),
        ("perplexity-of-the-total",),
        World(HEAVY),
    ),
    Fault(
        "V106",
        "evaluation with other weights",
        ((evaluate, "_scores", full_weights),),
        ("evaluation-objective-differs",),
    ),
    Fault("V107", "the projector is cast to half", ((Projector, "__init__", half_projector),), ("crash",)),
    Fault(
        "V312",
        "the evaluation has no label loss",
        ((evaluate, "_scores", no_labels),),
        ("non-finite",),
        neighbour="V704",
    ),
    Fault(
        "V412",
        "the weights fade, and evaluations are compared by the loss",
        ((Objective, "follow", faded), (evaluate, "_scores", sum_of_the_moment)),
        ("falls-by-its-weights",),
    ),
    Fault(
        "V701",
        "the KL is divided by the number of texts",
        sums_of_texts(),
        ("evaluation-objective-differs", "totals-differ"),
    ),
    Fault(
        "V702", "raw values are weighted", ((record, "_parts", weighted_for_raw),), ("raw-is-weighted",), World(HALVES)
    ),
    Fault(
        "V704",
        "a mean of perplexities",
        ((evaluate, "evaluate", mean_of_batches), (held_out, "evaluate", mean_of_batches)),
        ("perplexity-disagrees",),
        World({"train": {"batch_size": 1}}),  # means over batches that hardly differ are the same
    ),
)
