"""What is asked of an evaluator: numbers of a model, the same however its texts are batched, and a model left alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from sad.invariants.modes_restored import Passes, modes_restored
from sad.invariants.token_weighted import LEAST, TOLERANCE, made_texts, padded, token_weighted
from sad.judge.evaluators.batches import FORMS
from sad.judge.evaluators.call import Call
from sad.judge.evaluators.numbers import ASIDE, numbers
from sad.subjects.metric import Scored
from sad.subjects.text_loss import IGNORED
from sad.verdict import Cause, Standing, Verdict


@dataclass(frozen=True, slots=True)
class Evaluator:
    """An evaluator: how it is called, what its numbers are, which of them are none that is known."""

    call: Call
    meaning: Mapping[str, str]
    other: Sequence[str]
    backwards: Sequence[str] = ()
    """Numbers that are KL(student || teacher), where neither name nor source says so."""


def can_be_called(of: Evaluator) -> Verdict:
    """It returns numbers of a model, the same every time."""
    texts = made_texts(1.0)
    found, again = (of.call([padded(texts)]) for _ in range(2))
    told = {name: value for name, value in found.items() if not ASIDE.search(name.lower())}
    for name, value in told.items():
        if not math.isfinite(value):
            return Verdict(False, f"{name} is {value:g} for an ordinary model")
        if abs(value - again[name]) > TOLERANCE * max(abs(value), LEAST):
            return Verdict(False, f"the same model twice: {name} {value:.6g} and {again[name]:.6g}")
    if of.call.keeps:
        later = of.call.after([padded(texts[:2])], [padded(texts)])
        for name, value in told.items():
            if abs(value - later[name]) > TOLERANCE * max(abs(value), LEAST):
                says = f"{name} {value:.6g}, and {later[name]:.6g} where it has scored other texts before"
                return Verdict(False, f"{says}: it keeps what it counted there")
    says = ", ".join(f"{name} {value:.4g}" for name, value in list(told.items())[:6])
    return Verdict(True, f"{says} for an ordinary model", told)


def model_untouched(of: Evaluator) -> Verdict:
    """The model's weights and gradients are what they were."""
    if of.call.metric:
        return _none("it takes no model")
    model, teacher, rows = of.call.readied([padded(made_texts(1.0))])
    with torch.no_grad():
        model.scale.grad = torch.ones(())
    before = model.scale.detach().clone()
    of.call.of(model.eval(), teacher, rows)
    if not torch.equal(model.scale.detach(), before):
        off = float((model.scale - before).abs())
        return Verdict(False, f"a weight of 1 is moved by {off:.2g}: it trains on what it scores", {"moved": off})
    if model.scale.grad is None or float(model.scale.grad) != 1.0:
        now = "gone" if model.scale.grad is None else f"{float(model.scale.grad):.4g}"
        return Verdict(False, f"a gradient of 1 that waited for its step is {now} afterwards")
    if not model.scale.requires_grad:
        return Verdict(False, "its weights take no gradient afterwards")
    return Verdict(True, "weights and gradients are what they were")


def batch_split(of: Evaluator) -> Verdict:
    """The same texts give the same numbers, however they are batched."""
    if of.call.metric:
        return _none("it takes logits, no batches")
    if of.call.draws:
        return _none("its program draws batches of one size and length")
    texts = made_texts(1.0)
    verdict = _the_same(of, "in one batch", [padded(texts)], _cut(texts))
    if verdict.holds or of.call.form.masked:
        return verdict
    # nothing tells it where padding is: its program has rows of one length
    single, counts = _cut(texts)["in six batches"], [_labels(one) for one in texts]
    alike = [one for one, count in zip(texts, counts, strict=True) if count == counts[-1]]
    others = [padded([one]) for one, count in zip(texts, counts, strict=True) if count != counts[-1]]
    ways = {"in the other order": single[::-1], "two of one length together": [*others, padded(alike)]}
    unpadded = _the_same(of, "in six batches", single, ways)
    return _padding_counts(verdict) if unpadded.holds else verdict


def _cut(texts: Sequence[Scored]) -> dict[str, list[Scored]]:
    return {
        "in six batches": [padded([text]) for text in texts],
        "in batches of 4 and 2": [padded(texts[:4]), padded(texts[4:])],
        "in batches of 1 and 5": [padded(texts[:1]), padded(texts[1:])],
        "in the other order": [padded(texts[::-1])],
    }


def _padding_counts(verdict: Verdict) -> Verdict:
    says = f"of rows of ids without a mask, whose padding counts: right where all have one length ({verdict.says})"
    return replace(verdict, holds=True, says=says, standing=Standing.ALLOWED)


def _the_same(of: Evaluator, told: str, texts: list[Scored], ways: Mapping[str, list[Scored]]) -> Verdict:
    whole, names = of.call(texts), [*of.meaning, *of.other]
    for way, batches in ways.items():
        found = of.call(batches)
        for name in names:
            off = abs(found.get(name, math.nan) - whole[name]) / max(abs(whole[name]), LEAST)
            if not off <= TOLERANCE:
                says = f"{name} {whole[name]:.4g} {told}, {found.get(name, math.nan):.4g} {way}"
                example = f"texts with {_lengths()} labels, {way}"
                return Verdict(False, says, {"whole": whole[name], "split": found.get(name, math.nan)}, example=example)
    return Verdict(True, f"{', '.join(names)}: the same in {1 + len(ways)} ways")


def token_mean(of: Evaluator) -> Verdict:
    """Its numbers are means over labels: `sad.invariants.token_weighted`."""
    if of.backwards:
        says = (
            f"{', '.join(of.backwards)} is KL(student || teacher), the reverse KL, and neither name nor source says so"
        )
        return Verdict(False, f"{says}: are the arguments of F.kl_div (input = student, target = teacher) exchanged?")
    if of.call.draws:
        return _none("its program draws batches of one size and length")
    if not of.meaning:
        return _none(f"none of its numbers is one that is known: {', '.join(of.other)}")

    def metric(processes: Sequence[Sequence[Scored]]) -> dict[str, float]:
        batches = [one for process in processes for one in process]
        found = of.call(batches)
        return {what: found[name] for name, what in of.meaning.items() if name in found}

    verdict = token_weighted(metric)
    if verdict.holds:
        return _with_first_labels(of) or verdict
    example = f"texts with {_lengths()} labels, {verdict.says.split(':')[0]}"
    if not of.call.form.masked and token_weighted(lambda spread: metric(_apart(spread))).holds:
        return _padding_counts(verdict)
    if _only_where_nothing_counts(verdict):
        with_labels = token_weighted(lambda spread: metric(_without_empty(spread)))
        if with_labels.holds:
            says = f"a batch without any label makes it {verdict.numbers['got']:g}: leave such batches out"
            left = Verdict(True, says, verdict.numbers, standing=Standing.ALLOWED, example=example)
            return _with_first_labels(of) or left
    return replace(verdict, example=example)


def _with_first_labels(of: Evaluator) -> Verdict | None:
    """What is wrong where the first token of a text has a label too: a model's loss is not of it."""
    call = of.call
    if call.code.adapter is not None or call.trainer or call.metric or call.form.says != FORMS[0].says:
        return None
    texts = made_texts(1.0)
    whole, apart = ([padded(texts)], [padded([text]) for text in texts])
    for name in of.meaning:
        one, six = (replace(call, firsts=True)(some).get(name, math.nan) for some in (whole, apart))
        if not abs(one - six) <= TOLERANCE * max(abs(one), LEAST):
            says = f"where first tokens have labels too, {name} {one:.4g} in one batch, {six:.4g} in six"
            why = "batches are weighed by labels that no loss is of: count labels[:, 1:]"
            return Verdict(
                False, f"{says}: {why}", {"whole": one, "split": six}, example=f"texts with {_lengths()} labels"
            )
    return None


def _only_where_nothing_counts(verdict: Verdict) -> bool:
    return not math.isfinite(verdict.numbers.get("got", 0.0)) and "without a label" in verdict.says


def _without_empty(processes: Sequence[Sequence[Scored]]) -> list[list[Scored]]:
    kept = [[one for one in process if bool((one.labels[:, 1:] != IGNORED).any())] for process in processes]
    return [process for process in kept if process]


def _apart(processes: Sequence[Sequence[Scored]]) -> list[list[Scored]]:
    """Each text in a batch of its own, so that nothing is padded."""
    return [[_row(one, row) for one in process for row in range(len(one.labels))] for process in processes]


def _row(one: Scored, row: int) -> Scored:
    """Return a text of a batch as a batch."""
    part = slice(row, row + 1)
    return replace(
        one, labels=one.labels[part], student_logits=one.student_logits[part], teacher_logits=one.teacher_logits[part]
    )


def _lengths() -> str:
    return ", ".join(str(_labels(text)) for text in made_texts(1.0))


def _labels(text: Scored) -> int:
    return int((text.labels[:, 1:] != IGNORED).sum())


def modes(of: Evaluator) -> Verdict:
    """It scores without dropout, records no gradient and leaves the modes alone: `sad.invariants.modes_restored`."""
    if of.call.metric:
        return _none("it takes no model")
    model, teacher, rows = of.call.readied([padded(made_texts(1.0))])

    def evaluation() -> torch.Tensor:
        found = numbers(of.call.of(model, teacher, rows))
        return torch.tensor([value for name, value in found.items() if not ASIDE.search(name.lower())])

    verdict = modes_restored(Passes(model, {"an evaluation": evaluation}, lambda: model(rows[0].ids).logits))
    if verdict.holds or verdict.cause is None:
        return verdict
    why = {
        Cause.MODES: "call train() before the next step",
        Cause.GRAPH: "call it under torch.no_grad(), or it costs memory",
    }
    return Verdict(True, f"{verdict.says}: {why[verdict.cause]}", verdict.numbers, standing=Standing.ALLOWED)


def _none(says: str) -> Verdict:
    return Verdict(True, says, standing=Standing.NOT_APPLICABLE)
