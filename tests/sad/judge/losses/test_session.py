# ruff: noqa: ARG001
"""Right losses of every style pass, each found to be what it is; faulty ones break, for the right reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sad.errors import UserError
from sad.judge.battery import OWN
from sad.judge.losses.call import Call
from sad.judge.losses.session import session
from sad.judge.target import load, owner
from sad.verdict import Standing

HERE = Path(__file__).parents[1]
RIGHT, FAULTY = load(f"{HERE / 'right_losses.py'}:EXPECTED"), load(f"{HERE / 'faulty_losses.py'}:EXPECTED")


def judged(file, name, **more):
    target = f"{HERE / file}:{name}"
    events = list(session(Call(load(target), owner(target)), name, **more))
    return {event["line"].name: event["line"] for event in events if "line" in event}, events


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_loss_passes(name):
    lines, events = judged("right_losses.py", name)
    assert {n: line.says for n, line in lines.items() if line.standing is Standing.BROKEN} == {}
    what = next(event["what"] for event in events if "what" in event)
    assert what == (RIGHT[name] or "none that I know")
    assert next(event["assumed"] for event in events if "assumed" in event)


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_loss_breaks_for_its_reason(name):
    invariant, word = FAULTY[name]
    lines, _ = judged("faulty_losses.py", name)
    assert lines[invariant].standing is Standing.BROKEN, {n: line.says for n, line in lines.items()}
    assert word in lines[invariant].says
    assert lines[invariant].replay == f"sad verify --loss {name} --only {invariant}"


def test_it_is_told_what_each_argument_was_given():
    _, events = judged("right_losses.py", "plain", only=("can_be_called",))
    said = next(event["assumed"] for event in events if "assumed" in event)
    assert said[:2] == ["student_logits is the student's logits", "teacher_logits is the teacher's logits"]


def test_it_is_told_how_long_a_call_takes():
    def slow(student_logits, teacher_logits):
        time.sleep(0.02)
        return (student_logits - teacher_logits).square().mean()

    events = list(session(Call(slow), "slow", only=("can_be_called",)))
    assert next(event["call_seconds"] for event in events if "call_seconds" in event) >= 0.02


def test_what_is_not_known_and_behaves_is_allowed():
    lines, _ = judged("right_losses.py", "unknown", only=("known_divergence",))
    assert lines["known_divergence"].standing is Standing.ALLOWED
    assert "not one that I know" in lines["known_divergence"].says


def test_only_what_is_asked_for_is_judged_and_what_is_skipped_is_not():
    lines, _ = judged("right_losses.py", "plain", only=("claims", "I04"), skip=("claims",))
    assert list(lines) == ["ignored_rows"]


def test_the_seed_goes_into_the_line_that_replays():
    lines, _ = judged("right_losses.py", "plain", only=OWN, seed=4)
    assert all(line.replay.endswith(" --seed 4") for line in lines.values())


def test_what_needs_a_gpu_is_not_judged():
    def loss(student_logits, teacher_logits):
        raise AssertionError("Torch not compiled with CUDA enabled")

    with pytest.raises(UserError, match="needs a GPU"):
        list(session(Call(loss), "loss"))


def test_it_is_told_which_row_is_taken_for_which_label():
    def in_step(student_logits, teacher_logits, labels):
        counts = labels != -100
        gap = student_logits - teacher_logits
        return (gap.square().sum(-1) * counts).sum() / counts.sum().clamp(min=1)

    def shifting(student_logits, teacher_logits, labels):
        return in_step(student_logits[:, :-1], teacher_logits[:, :-1], labels[:, 1:])

    for loss, says in ((in_step, "row i of the logits is for label i: "), (shifting, "it shifts by itself")):
        events = list(session(Call(loss), "loss", only=("can_be_called",)))
        said = next(event["assumed"] for event in events if "assumed" in event)
        assert sum(says in one for one in said) == 1


def of_states(student_hidden, teacher_hidden, attention_mask):
    distance = (student_hidden - teacher_hidden).pow(2).mean(-1)
    return (distance * attention_mask).sum() / attention_mask.sum()


def test_hidden_states_are_not_called_logits():
    events = list(session(Call(of_states, None), "of_states", only=("can_be_called",)))

    told = next(event for event in events if "assumed" in event)
    assert told["what"] == "squared error"
    assert "student_hidden is the student's hidden states" in told["assumed"]
    assert "hidden states are [2, 5, 11]" in told["assumed"]
