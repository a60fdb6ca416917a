"""A loss that is another in evaluation is found, and named."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from sad.invariants._models import llama
from sad.invariants.evaluation_as_training import evaluation_as_training
from sad.invariants.target_alignment import target_alignment
from sad.shipped.text_loss import language_model_loss
from sad.subjects.text_loss import Text

STYLES = runpy.run_path(str(Path(__file__).parents[1] / "subjects" / "right_text_losses.py"))
RIGHT = STYLES["COMPLETION"] | STYLES["WHOLE"]
LOSS = next(iter(STYLES["COMPLETION"].values()))


@pytest.mark.parametrize("name", RIGHT)
def test_right_implementations_hold(name):
    verdict = evaluation_as_training(RIGHT[name])
    assert verdict.holds, verdict.says


def test_the_code_that_trains_holds_to_the_last_bit():
    verdict = evaluation_as_training(language_model_loss())
    assert verdict.holds
    assert verdict.numbers["apart"] == 0


def test_models_are_left_as_they_were():
    before = llama().training
    evaluation_as_training(LOSS)
    assert llama().training is before
    assert all(p.grad is None for p in llama().parameters())


def only(evaluation):
    """Another loss in evaluation alone."""
    return lambda model, texts, marks: (LOSS if model.training else evaluation)(model, texts, marks)


def mean_of_texts(model, texts, marks):
    return torch.stack([LOSS(model, [text], marks) for text in texts]).mean()


def whole_texts(model, texts, marks):
    return LOSS(model, [Text((), text.ids) for text in texts], marks)


def without_a_gradient(model, texts, marks):
    return LOSS(model, texts, marks) if torch.is_grad_enabled() else None


def forgets(model, texts, marks):
    """The right value, and the gradient of half of it."""
    value = LOSS(model, texts, marks)
    return (value + value.detach()) / 2


def raises(*_):
    raise KeyError("labels")


@pytest.mark.parametrize(
    ("evaluation", "says"),
    [
        (mean_of_texts, "in evaluation, of the same texts and weights (a table)"),
        (whole_texts, "in evaluation, of the same texts and weights (a table)"),
        (lambda *given: LOSS(*given) * float("nan"), "the loss is nan in evaluation"),
        (lambda *given: LOSS(*given) * (1 + 1e-3), "in evaluation, of the same"),
        (forgets, "the gradient in evaluation is 50% away from that in training (a table)"),
        (without_a_gradient, "the loss is None in evaluation without a gradient"),
        (raises, "it raises KeyError: 'labels', in evaluation"),
    ],
)
def test_each_fault_is_found(evaluation, says):
    verdict = evaluation_as_training(only(evaluation))
    assert not verdict.holds
    assert says in verdict.says


def test_a_mean_over_texts_passes_the_property_of_the_targets():
    assert target_alignment(lambda *given: only(mean_of_texts)(*given)).holds
