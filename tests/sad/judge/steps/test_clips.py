"""A clip at a number is found in a source, and lifted for a second look."""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_

from sad.judge.steps.clips import fixed, gate, lifted


def test_a_clip_at_a_number_is_told_from_one_that_is_set():
    assert fixed("torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)")
    assert fixed("clip_grad_norm_(m.parameters(), max_norm=1e-2, norm_type=2)")
    assert not fixed("clip_grad_norm_(model.parameters(), args.max_grad_norm)")
    assert not fixed("clip_grad_norm_(model.parameters(), 1e9)")
    assert not fixed("clip_grad_norm_(m.parameters(), max_norm=float(1e12))")


CLIP = "        clip_grad_norm_(model.parameters(), bound)\n"


@pytest.mark.parametrize(
    ("test", "asked"),
    [
        ("tracker.is_spiking()", "tracker.is_spiking()"),
        ("bound and tracker.spikes(loss)", "bound and tracker.spikes(loss)"),
        ("bound is not None", ""),
        ("(i + 1) % 4 == 0", ""),
        ("torch.isfinite(loss).all()", ""),
        ("args.clip_now", ""),
        ("scaler.is_enabled()", ""),
    ],
)
def test_a_question_that_only_its_program_answers_is_told(test, asked):
    assert gate(f"def f():\n    if {test}:\n{CLIP}") == asked
    assert gate(f"def f():\n    if {test}:\n{CLIP}    clip_grad_norm_(x, 1)\n") == ""
    assert gate(f"def f():\n    if {test}:\n        log()\n") == ""


def test_a_lifted_clip_returns_the_norm_alone():
    weight = torch.zeros(2, requires_grad=True)
    weight.grad = torch.tensor([3.0, 4.0])
    with lifted():
        assert clip_grad_norm_([weight], 1.0) == torch.nn.utils.clip_grad_norm_([weight], max_norm=1.0) == 5
        assert weight.grad.tolist() == [3.0, 4.0]
    clip_grad_norm_([weight], 1.0)
    assert weight.grad.norm() < 1.1


def test_a_clip_is_set():
    weight = torch.zeros(2, requires_grad=True)
    weight.grad = torch.tensor([3.0, 4.0])
    with lifted(0.5):
        assert clip_grad_norm_([weight], 100.0) == 5
    assert abs(float(weight.grad.norm()) - 0.5) < 1e-5
