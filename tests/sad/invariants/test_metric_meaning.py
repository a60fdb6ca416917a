import math
from dataclasses import replace

import pytest
import torch

from sad.batch import LM
from sad.evaluate import evaluate
from sad.invariants.metric_meaning import Reported, _number, metric_meaning


def nats(distiller, batches):
    """The loss of a right implementation that shares no code with ours."""
    total = count = 0
    for batch in batches:
        student, at = batch.student, batch.targets
        with torch.no_grad():
            logits = distiller.student(input_ids=student.input_ids, attention_mask=student.attention_mask).logits
        labels = torch.full_like(student.input_ids, -100)
        labels[at.row, at.position] = at.token
        flat = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        total, count = total + float(flat), count + len(at)
    return total / count


def exp(value):
    return math.exp(value) if value < 709 else math.inf


def test_a_right_implementation_of_its_own_holds():
    verdict = metric_meaning(lambda distiller, batches, _: Reported(exp(nats(distiller, batches))))
    assert verdict.holds
    assert verdict.numbers["uniform"] == pytest.approx(320, rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "situation"),
    [
        (lambda d, b, _: min(exp(nats(d, b)), 1e30), "surer than a float holds"),
        (lambda d, b, _: exp(min(nats(d, b), 50)), "sure and wrong"),
        (lambda d, b, o: exp(o.weights[LM] * nats(d, b)), "with light terms"),
        (lambda d, b, _: sum(exp(nats(d, [one])) for one in b) / len(b), "in uneven batches"),
        (lambda d, b, _: exp(nats(d, b[-1:])), "in uneven batches"),
        (lambda d, b, _: 2 ** nats(d, b), "knows nothing"),
        (lambda *_: math.nan, "knows nothing"),
        (lambda *_: 0.0, "knows nothing"),
        (lambda *_: 320.0, "a student"),
    ],
)
def test_a_wrong_one_breaks_it_and_the_situation_is_named(wrong, situation):
    verdict = metric_meaning(lambda *given: Reported(wrong(*given)))
    assert not verdict.holds
    assert situation in verdict.says


def shipped(distiller, batches, objective):
    scores = evaluate(distiller, batches, objective)
    return Reported(scores.likelihood.perplexity, scores.likelihood.bits_per_byte, scores.kl)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: replace(r, bits_per_byte=r.bits_per_byte * math.log(2)), "bits per byte"),
        (lambda r: replace(r, kl=r.kl * 1.01), "KL"),
        (lambda r: replace(r, kl=math.nan), "KL"),
    ],
)
def test_what_is_reported_beside_it_is_judged_too(change, says):
    assert metric_meaning(shipped).holds
    verdict = metric_meaning(lambda *given: change(shipped(*given)))
    assert not verdict.holds
    assert f"knows nothing: {says} " in verdict.says


def test_a_number_of_no_text_breaks_it():
    def told(distiller, batches, _):
        return Reported(exp(nats(distiller, batches)) if batches else 1.0)

    assert metric_meaning(told).says == "without a text: perplexity 1"


@pytest.mark.parametrize(
    ("value", "what", "told"),
    [(1234.567, "", "1,234.57"), (1e13, "", "1e+13"), (0.123456789, "accuracy", "0.12346")],
)
def test_a_number_is_told_in_as_many_digits_as_can_be_read(value, what, told):
    assert _number(value, what) == told
