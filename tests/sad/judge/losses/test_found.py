from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.sample import given
from sad.judge.target import load, owner
from sad.subjects.divergence import Kind, Reduction, Squared, Takes

HERE = Path(__file__).parents[1]


def of(file, name):
    target = f"{HERE / file}:{name}"
    return found(discover(Call(load(target), owner(target)), 0), 0)


@pytest.mark.parametrize(
    ("name", "kind", "reduction", "squared", "entropy", "shift"),
    [
        ("plain", Kind.FORWARD_KL, Reduction.MEAN, Squared.NOWHERE, True, False),
        ("cross_entropy_form", Kind.FORWARD_KL, Reduction.MEAN, Squared.BOTH, False, False),
        ("by_count", Kind.FORWARD_KL, Reduction.COUNT, Squared.NOWHERE, True, False),
        ("reverse_kl", Kind.REVERSE_KL, Reduction.MEAN, Squared.NOWHERE, True, False),
        ("shifted", Kind.FORWARD_KL, Reduction.MEAN, Squared.BOTH, True, True),
        ("per_token", Kind.FORWARD_KL, Reduction.SUM, Squared.NOWHERE, True, False),
        ("Module", Kind.JSD, Reduction.MEAN, Squared.NOWHERE, True, False),
    ],
)
def test_contracts_are_found(name, kind, reduction, squared, entropy, shift):
    it = of("right_losses.py", name)
    contract = it.divergence.contract
    assert (contract.kind, contract.reduction, contract.squared) == (kind, reduction, squared)
    assert (contract.entropy, contract.shift) == (entropy, shift)
    assert not it.faults


def test_the_label_loss_is_taken_off():
    shifted = of("right_losses.py", "shifted")
    assert shifted.mixed
    assert "judged at alpha = 0" in shifted.notes[0]
    assert Takes.LABELS in shifted.divergence.contract.takes
    one = given(5)
    alone = shifted.divergence.loss(one)
    whole = load(f"{HERE / 'right_losses.py'}:shifted")(one.student_logits, one.teacher_logits, one.labels, 0.0, 1.0)
    assert torch.allclose(alone, whole["loss"])


def test_what_is_unknown_is_told_by_the_nearest():
    it = of("right_losses.py", "unknown")
    assert not it.known
    assert it.divergence.contract.kind is Kind.OTHER
    assert "nearest to" in it.notes[0]


def test_faults_are_told():
    assert "not shifted" in of("faulty_losses.py", "cut_not_shifted").faults[0]
    assert "takes a count" in of("faulty_losses.py", "count_unused").faults[0]


def test_a_weight_by_the_logits_that_all_rows_share_is_no_divisor():
    def by_its_size(student_logits, teacher_logits):
        rows = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)
        return rows.sum() / (rows.sum().detach() + 1)

    it = found(discover(Call(by_its_size), 0), 0)
    assert it.uneven or not it.known
    assert not it.unfit
    assert "no usual divisor" in of("faulty_losses.py", "one_more_each").unfit


def test_what_an_unknown_loss_divides_by_is_told_from_its_sequences():
    assert of("right_losses.py", "sorted_probabilities").divergence.contract.reduction is Reduction.BATCH
    contract = of("right_losses.py", "interpolated").divergence.contract
    assert contract.reduction is Reduction.MEAN
    assert Takes.LABELS in contract.takes
