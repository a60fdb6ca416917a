"""Losses in the styles of public repositories: right ones pass, faulty ones break, and what is guessed is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from sad.errors import UserError
from sad.judge.losses.call import Call
from sad.judge.losses.misread import given_as, uncertain
from sad.judge.losses.session import session
from sad.judge.target import load, owner
from sad.verdict import Standing

FILE = Path(__file__).parent / "public_styles.py"
HOLDS, BREAKS, UNTOLD = (load(f"{FILE}:{name}") for name in ("HOLDS", "BREAKS", "UNTOLD"))
CHEAP = (
    *("can_be_called", "known_divergence", "claims", "divisor", "temperature_squared", "inputs_untouched"),
    *("derivative", "distinguishes", "divergence_gradient", "finite", "partition", "padding"),
)


def judged(name, only):
    target = f"{FILE}:{name}"
    events = list(session(Call(load(target), owner(target)), name, only=only))
    return {event["line"].name: event["line"] for event in events if "line" in event}, events


@pytest.mark.parametrize("name", HOLDS)
def test_a_right_one_passes(name):
    lines, events = judged(name, CHEAP)
    assert {n: line.says for n, line in lines.items() if line.standing is Standing.BROKEN} == {}
    assert next(event["what"] for event in events if "what" in event) == HOLDS[name]


@pytest.mark.parametrize("name", BREAKS)
def test_a_faulty_one_breaks(name):
    invariant, word = BREAKS[name]
    lines, _ = judged(name, (invariant,))
    assert lines[invariant].standing is Standing.BROKEN
    assert word in lines[invariant].says


@pytest.mark.parametrize("name", UNTOLD)
def test_what_may_be_called_otherwise_is_refused(name):
    with pytest.raises(UserError, match=f"{UNTOLD[name]}.*--adapter"):
        judged(name, ("can_be_called",))


@pytest.mark.parametrize(
    ("name", "raised", "open_"),
    [
        ("undefined", "NameError: name 'lam' is not defined", False),
        ("mixed_up_axes", "TypeError: no tensor", False),
        ("margin", "TypeError: no tensor", True),
        ("first_places", "IndexError: too many axes", True),
        ("with_models", "ValueError: of a stand-in", True),
        ("with_models", "NameError: name 'x' is not defined", False),
        ("TextTrainer.compute_loss", "RuntimeError: masked_select: expected BoolTensor for mask", True),
        ("Selecting.compute_loss", "RuntimeError: masked_select: expected BoolTensor for mask", False),
    ],
)
def test_whose_fault_an_error_may_be(name, raised, open_):
    target = f"{FILE}:{name}"
    assert uncertain(Call(load(target), owner(target)), raised) is open_


class Older:
    def __call__(self, input, target):
        return self.size_average * (input - target)


def made_of_them(output, scores):
    return nn.CrossEntropyLoss(output, scores)


def test_more_tokens_of_a_top_than_the_vocabulary_has_here_are_no_fault():
    assert uncertain(Call(made_of_them), "RuntimeError: selected index k out of range")


def test_what_no_other_way_of_calling_would_mend(tmp_path):
    """What its own constructor did not set, and a loss of torch that is made of what it should be called on."""
    raised = "AttributeError: 'Older' object has no attribute 'size_average'"
    assert not uncertain(Call(Older), raised)
    assert uncertain(Call(Older), raised.replace("Older", "Tensor"))
    assert not uncertain(Call(made_of_them), "TypeError: a guess")
    file = tmp_path / "late.py"
    file.write_text("late = made()\n\n\ndef loss(student_logits, teacher_logits):\n    return late\n\n\n1 / 0\n")
    assert uncertain(Call(load(f"{file}:loss", [])), "NameError: name 'late' is not defined")
    assert not uncertain(Call(load(f"{file}:loss", [])), "NameError: name 'F' is not defined")


def test_a_divergence_with_a_contract_is_never_misread():
    assert not uncertain(object(), "TypeError: no tensor")


def test_what_it_was_given_is_said():
    says = given_as(Call(load(f"{FILE}:attention_maps")))
    assert (
        says == "attention_S as the student's logits, attention_T as the teacher's logits, mask as 1 where a row counts"
    )
    assert given_as(Call(load(f"{FILE}:with_models"))).endswith(", …")


def test_what_is_the_teacher_by_its_place_alone_is_a_guess():
    def ordinal(logits, y_train):
        return logits[y_train > 0, 1].sum()

    def plain(student_logits, teacher_logits):
        return student_logits[teacher_logits > 0, 1].sum()

    raised = "IndexError: too many indices for tensor of dimension 2"
    assert [uncertain(Call(loss), raised) for loss in (ordinal, plain)] == [True, False]


def test_more_axes_than_those_of_texts_are_no_fault():
    def clips(student_logits, teacher_logits):
        batch, clip, place, vocab = student_logits.shape
        return (student_logits - teacher_logits).square().sum() / (batch * clip * place * vocab)

    def mistaken(student_logits, teacher_logits):
        rows, vocab, more = (student_logits - teacher_logits).square().sum(), 1
        return rows / vocab / more

    raised = "ValueError: not enough values to unpack (expected 4, got 3)"
    assert [uncertain(Call(loss), raised) for loss in (clips, mistaken)] == [True, False]


def of_sums(student_attn_probs, teacher_attn_probs):
    """What is summed over the whole axis is 1, whatever the logits."""
    return (student_attn_probs.sum(-1).log() - teacher_attn_probs.sum(-1).log()).square().sum() + 1


def test_attention_maps_of_which_rounding_alone_is_left_were_made_otherwise():
    with pytest.raises(UserError, match="nothing but rounding pulls"):
        list(session(Call(of_sums), "here"))


def of_sums_of_logits(student_logits, teacher_logits):
    both = (side.softmax(-1).sum(-1).log() for side in (student_logits, teacher_logits))
    return (next(both) - next(both)).square().sum() + 1


def test_logits_of_which_rounding_alone_is_left_are_judged():
    told = [event["line"] for event in session(Call(of_sums_of_logits), "here") if "line" in event]
    assert Standing.BROKEN in [line.standing for line in told]
