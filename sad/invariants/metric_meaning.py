"""Perplexity is exp of the negative log-likelihood over all labels, divided by their number, and nothing else.

## Property
For students of known likelihood, on the tiny text: a student that knows nothing scores the size of its vocabulary;
every student scores what its own logits say in float64; weights of other terms, and how the text is cut into batches,
change nothing; a student that is sure and wrong (e to the 70th, and beyond what a float holds) is not clamped. Where
bits per byte and the KL to the teacher are reported, they are those of the same labels, by their bytes and by places.
Of no text there is no number: NaN, or a refusal.

## Why it must hold
Perplexity is compared between runs, and with the vocabulary size. A number that contains other terms, or a clamp,
stays still while the model learns, or moves while it does not.

## Tolerance
1e-4 of the logarithm. Infinity must be infinity.

## What breaks it
exp of the total loss; `min(loss, 20)` before exp, or any other clamp; a mean of the batches' losses or perplexities:
equal batches hide that one, so the batches here have very different numbers of labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from sad import tiny
from sad.batch import KD, LAYERWISE, LM, Batch
from sad.data import collate, examples
from sad.distiller import Distiller
from sad.models.forward import body
from sad.objective import Objective
from sad.pair import Pair
from sad.recipe.terms import SHIPPED, Terms
from sad.verdict import Verdict

ID = "I03"


@dataclass(frozen=True, slots=True)
class Reported:
    """What an evaluation says; ``bits_per_byte`` and ``kl`` (nats per place, temperature 1) where it says them."""

    perplexity: float
    bits_per_byte: float | None = None
    kl: float | None = None


Evaluate = Callable[[Distiller, Sequence[Batch], Objective], Reported]
"""Evaluates a student on held-out batches; the objective holds the weights of the terms."""

VOCABULARY = 320
TOLERANCE = 1e-4
SURE = 26.0
"""Multiplies the logits of a student that is sure and wrong, so that its loss is some 70 nats."""
HEAVY = {KD: 1.0, LM: 1.0, LAYERWISE: 30.0}
"""Weights of a run whose total is far above its language-model loss."""
LIGHT = {KD: 0.1, LM: 0.5, LAYERWISE: 0.1}
TEXTS = ("Yes.", "A calm sea.", tiny.TEXT)
"""Texts of very different numbers of labels: a mean of means cannot hide."""


@dataclass(frozen=True, slots=True)
class Case:
    """One evaluation: of what, on which batches, with which weights."""

    name: str
    distiller: Distiller
    batches: Sequence[Batch]
    weights: dict[str, float]


def metric_meaning(evaluate: Evaluate) -> Verdict:
    """Judge what is reported of four students, with other weights and with other batches."""
    told: dict[str, float] = {}
    for case in _cases():
        reported = evaluate(case.distiller, case.batches, Objective(dict(case.weights)))
        for what, got, right, error in _compared(reported, *_right(case)):
            if not error <= TOLERANCE:
                says = f"{case.name}: {what}{_number(got, what)}, right {_number(right, what)}"
                return Verdict(False, says, {"got": got, "right": right})
        told[case.name] = reported.perplexity
    if says := _of_nothing(evaluate):
        return Verdict(False, says, {"got": 0.0})
    uniform, sure = told["a student that knows nothing"], told["a student sure and wrong"]
    says = f"knowing nothing {_number(uniform)} of {VOCABULARY}, sure and wrong {_number(sure)}"
    return Verdict(True, says, {"uniform": uniform, "sure": sure})


def _of_nothing(evaluate: Evaluate) -> str:
    """What is told of a student that was given no text; empty if nothing is."""
    try:
        reported = evaluate(_distiller(_student(1.0), LIGHT), [], Objective(dict(LIGHT)))
    except Exception:
        # whatever is raised, no number is told
        return ""
    told = {"perplexity": reported.perplexity, "bits per byte": reported.bits_per_byte, "KL": reported.kl}
    wrong = next((what for what, value in told.items() if value is not None and not math.isnan(value)), None)
    return "" if wrong is None else f"without a text: {wrong} {told[wrong]:.4g}"


def _cases() -> Iterator[Case]:
    readers = _pair().readers
    found = [example for text in TEXTS for example in examples([text], readers, 256)]
    whole, uneven = [collate(found, readers)], [collate([one], readers) for one in found]
    knows = _student(1.0)
    students = {
        "a student that knows nothing": _student(0.0),
        "a student": knows,
        "a student sure and wrong": _student(SURE),
        "a student surer than a float holds": _student(100 * SURE),
    }
    for name, student in students.items():
        yield Case(name, _distiller(student, HEAVY), whole, HEAVY)
    yield Case("without other terms", _distiller(knows, {LM: 1.0}), whole, {LM: 1.0})
    yield Case("with light terms", _distiller(knows, LIGHT), whole, LIGHT)
    yield Case("in uneven batches", _distiller(knows, {LM: 1.0}), uneven, {LM: 1.0})


def _student(scale: float) -> nn.Module:
    """A fixed student whose logits are multiplied by ``scale``."""
    student = tiny.model(tiny.reader(VOCABULARY).size, layers=2, width=16, seed=2, sharpness=8.0)
    with torch.no_grad():
        body(student).norm.weight.mul_(scale)  # type: ignore[operator, union-attr]
    return student


@cache
def _pair() -> Pair:
    """The teacher, which nobody trains, and both tokenizers."""
    return tiny.pair(VOCABULARY, VOCABULARY)


def _distiller(student: nn.Module, weights: dict[str, float]) -> Distiller:
    pair = _pair()
    given = {name: {"weight": weights.get(name, 0.0)} for name in SHIPPED}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Distiller(student, pair.teacher, pair.vocab, Terms.model_validate(given))


_RIGHT: dict[tuple[object, ...], tuple[float, float, float]] = {}
"""What was found already, of the same student and batches."""


def _right(case: Case) -> tuple[float, float, float]:
    """What is right of a case; its models are always the same."""
    read = ((batch.student.input_ids, batch.targets.position, batch.byte_count) for batch in case.batches)
    of = (case.name, *((ids.shape, *ids.flatten().tolist(), *at.tolist(), size) for ids, at, size in read))
    if of not in _RIGHT:
        _RIGHT[of] = _from_logits(case.distiller, case.batches)
    return _RIGHT[of]


@torch.no_grad()
def _from_logits(distiller: Distiller, batches: Sequence[Batch]) -> tuple[float, float, float]:
    """Nats per label, bits per byte, and KL(teacher || student) per label, in float64 from the models' own logits.

    Both have one tokenizer here, so every label is a place at which they can be compared.
    """
    nats, divergences = [], []
    for batch in batches:
        of, at = batch.student, batch.targets
        log_q, log_p = (
            torch.log_softmax(model(input_ids=of.input_ids, attention_mask=of.attention_mask).logits.double(), dim=-1)
            for model in (distiller.student, distiller.teacher)
        )
        log_q, log_p = log_q[at.row, at.position], log_p[at.row, at.position]
        nats.append(-log_q.gather(1, of.input_ids[at.row, at.position + 1][:, None]))
        divergences.append((log_p.exp() * (log_p - log_q)).sum(dim=-1))
    each = torch.cat(nats)
    bits = each.sum() / math.log(2) / sum(batch.byte_count for batch in batches)
    return float(each.mean()), float(bits), float(torch.cat(divergences).mean())


def _compared(reported: Reported, nats: float, bits: float, kl: float) -> Iterator[tuple[str, float, float, float]]:
    """What is compared, the reported and the right value, and how far they are apart."""
    yield "", reported.perplexity, _exp(nats), _error(reported.perplexity, nats)
    for what, got, right in (("bits per byte ", reported.bits_per_byte, bits), ("KL ", reported.kl, kl)):
        if got is not None:
            yield what, got, right, abs(got - right) / right


def _error(got: float, nats: float) -> float:
    """The distance of the logarithm of ``got`` from ``nats``, relative; infinite if either alone is beyond a float."""
    if math.isinf(_exp(nats)):
        return 0.0 if math.isinf(got) and got > 0 else math.inf
    return abs(math.log(got) - nats) / nats if got > 0 else math.inf


def _exp(nats: float) -> float:
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def _number(value: float, what: str = "") -> str:
    if what:
        return f"{value:.5g}"
    return f"{value:,.2f}" if abs(value) < 1e12 else f"{value:.2g}"
