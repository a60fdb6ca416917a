"""Does the teacher know this text, do its predictions say more than a label, and is it better than the student?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sad.evaluate import Likelihood, likelihood
from sad.head.linear import head_of
from sad.models.forward import run
from sad.preflight.bench import Bench
from sad.preflight.coverage import held_out
from sad.preflight.finding import Finding, Level
from sad.recipe.schema import RATES
from sad.recipe.terms import Kd

TOPIC = "teacher"
KNOWS_NOTHING = 0.9
"""Share of ln V from which a loss is that of a model that does not know the text."""
SURE = 0.05
"""Entropy in nats below which the teacher's distribution is one token: no more than a label."""
FLAT = 0.95
"""Share of ln V from which the entropy at the recipe's temperature is that of a distribution that prefers nothing."""
CLOSE = 0.02
"""Share by which the teacher must be better in bits per byte, or there is little to learn from it."""
EQUAL = 1e-3
"""KL in nats below which student and teacher count as the same model."""


@dataclass(frozen=True, slots=True)
class Known:
    """The teacher on the held-out cut: its likelihood, and the mean entropy of its predictions in nats, as they are
    and ``softened`` by the temperature of the KD term.
    """

    likelihood: Likelihood
    entropy: float
    softened: float


def teacher(bench: Bench) -> Iterator[Finding]:
    """Judge the teacher, the student as it is, and the one against the other."""
    known, scores = bench.once(known_teacher), bench.once(held_out)
    readers = bench.plan.pair.readers
    theirs, own = known.likelihood, scores.likelihood
    numbers = {
        "teacher_lm_loss": theirs.lm_loss,
        "teacher_entropy": known.entropy,
        "softened_entropy": known.softened,
        "teacher_bits_per_byte": theirs.bits_per_byte,
        "student_lm_loss": own.lm_loss,
        "student_bits_per_byte": own.bits_per_byte,
        "kl": scores.kl,
    }
    yield _itself(known, math.log(readers.teacher.size), numbers)
    yield from _softened(bench, known, math.log(readers.teacher.size), numbers)
    yield _student(bench, own.lm_loss, math.log(readers.student.size), numbers)
    yield _better(bench, theirs, own, scores.kl, numbers)


@torch.no_grad()
def known_teacher(bench: Bench) -> Known:
    """Score the teacher on the held-out cut with the training code's own evaluation, and take its entropy."""
    size = bench.plan.pair.readers.teacher.size
    entropy, softened, places = 0.0, 0.0, 0
    temperature = bench.plan.recipe.terms.kd.temperature
    with bench.kit() as kit, kit.accelerator.autocast():
        batches = [kit.collated([one]) for one in bench.held_out]
        found = likelihood(kit.distiller, batches)
        for batch in batches:
            model, at = kit.distiller.teacher, batch.teacher_targets
            states = run(model, batch.teacher).hidden[at.row, at.position]
            logits = head_of(model).logits(states)[:, :size]
            entropy += _entropy(logits)
            softened += _entropy(logits / temperature)
            places += len(at)
    return Known(found, entropy / max(1, places), softened / max(1, places))


def _entropy(logits: Tensor) -> float:
    return float(torch.special.entr(torch.softmax(logits, dim=-1)).sum())


def _softened(bench: Bench, known: Known, chance: float, numbers: dict[str, float]) -> Iterator[Finding]:
    kd = bench.plan.recipe.terms.kd
    if kd.weight > 0 and known.entropy < KNOWS_NOTHING * chance and known.softened > FLAT * chance:
        yield Finding(
            TOPIC,
            Level.WARNING,
            f"at temperature {kd.temperature:g} it prefers nothing: entropy {known.softened:.3f} of ln V {chance:.2f}, "
            f"{known.entropy:.3f} at temperature 1. KD teaches small differences of all logits, likely or not",
            edits={"terms.kd.temperature": Kd().temperature},
            numbers=numbers,
        )


def _itself(known: Known, chance: float, numbers: dict[str, float]) -> Finding:
    loss, entropy = known.likelihood.lm_loss, known.entropy
    says = (
        f"loss {loss:.3f} nats a token ({known.likelihood.bits_per_byte:.3f} bits/byte) on held-out text, entropy "
        f"{entropy:.3f}, ln V {chance:.2f}"
    )
    if not loss < KNOWS_NOTHING * chance:
        advice = "check that its tokenizer is its own, and that its weights are whole"
        return Finding(TOPIC, Level.WRONG, f"it does not know this text: {says}", advice=advice, numbers=numbers)
    if entropy < SURE:
        advice = "raise terms.kd.temperature, or check the teacher's logits for a scale"
        return Finding(TOPIC, Level.WARNING, f"it is sure of every token: {says}", advice=advice, numbers=numbers)
    return Finding(TOPIC, Level.FINE, says, numbers=numbers)


def _student(bench: Bench, loss: float, chance: float, numbers: dict[str, float]) -> Finding:
    name = bench.plan.recipe.student.model
    fresh = name.startswith(tuple(RATES))
    says = f"the student starts at {loss:.3f} nats a token, ln V is {chance:.2f}"
    if not loss < 1.15 * chance + 0.2:
        advice = "check that its tokenizer is its own, and that its weights are whole"
        return Finding("student", Level.WRONG, f"{says}: worse than guessing", advice=advice, numbers=numbers)
    if not fresh and loss > KNOWS_NOTHING * chance:
        says = f"{says}: {name} knows no more of this text than fresh weights would"
        advice = "check that its tokenizer is its own; if it is meant to be fresh, use random:LAYERSxWIDTH"
        return Finding("student", Level.WARNING, says, advice=advice, numbers=numbers)
    return Finding("student", Level.FINE, says + (": fresh weights" if fresh else ""), numbers=numbers)


def _better(bench: Bench, theirs: Likelihood, own: Likelihood, kl: float, numbers: dict[str, float]) -> Finding:
    if kl < EQUAL:
        says = f"the student already is the teacher: KL {kl:.2g} nats"
        return Finding(TOPIC, Level.WARNING, says, advice="name another student", numbers=numbers)
    says = f"teacher {theirs.bits_per_byte:.3f} bits/byte, student {own.bits_per_byte:.3f}"
    if not theirs.bits_per_byte < own.bits_per_byte:
        models = bench.plan.recipe.teacher, bench.plan.recipe.student
        exchangeable = not any(m.model.startswith(tuple(RATES)) or m.model.endswith(".gguf") for m in models)
        edits = {
            "teacher.model": models[1].model,
            "teacher.tokenizer": models[1].tokenizer,
            "student.model": models[0].model,
            "student.tokenizer": models[0].tokenizer,
        }
        return Finding(
            TOPIC,
            Level.WRONG,
            f"the teacher is worse than the student on this text: {says}",
            advice="" if exchangeable else "name a better teacher: this one would pull the student down",
            edits=edits if exchangeable else {},
            numbers=numbers,
        )
    if theirs.bits_per_byte > (1 - CLOSE) * own.bits_per_byte:
        says = f"the teacher is hardly better than the student: {says}"
        return Finding(TOPIC, Level.WARNING, says, advice="a larger teacher has more to teach", numbers=numbers)
    return Finding(TOPIC, Level.FINE, f"the teacher is better than the student: {says}", numbers=numbers)
