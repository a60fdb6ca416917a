"""Of a network that trains itself the training is judged; its layers are not asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange
import torch
from torch import nn

from sad.judge.steps.itself import WIDTH, itself, sizes, trains_itself
from sad.judge.target import load
from sad.subjects.plain.loop import VOCABULARY
from sad.verdict import Standing

FILE = Path(__file__).parent / "self_training_steps.py"
TRAINS, KEEPS, RETURNS, HOLDS = (load(f"{FILE}:{name}") for name in ("Trains", "Keeps", "Returns", "Holds"))


@pytest.mark.parametrize(
    ("name", "asked", "standing", "says"),
    [
        ("Trains", "can_be_called", Standing.HOLDS, "2 steps for 4 texts"),
        ("Keeps", "split_invariance", Standing.BROKEN, "the second time"),
        ("Returns.training_step", "can_be_called", Standing.HOLDS, "2 steps for 4 texts"),
    ],
)
def test_its_training_is_judged(name, asked, standing, says):
    _, lines = strange.judged(FILE, name, "step", (asked,))
    assert lines[asked].standing is standing
    assert says in lines[asked].says


def test_which_train_themselves():
    assert [trains_itself(of, of) for of in (TRAINS, KEEPS, RETURNS, HOLDS, nn.Linear, int)] == [True] * 3 + [False] * 3
    assert trains_itself(TRAINS, TRAINS.train_one_epoch)
    assert not trains_itself(TRAINS, TRAINS.forward)
    assert itself(HOLDS, HOLDS, nn.Linear(1, 1)) is HOLDS


def test_its_answers_and_weights_are_those_of_the_student():
    student = nn.Linear(2, 3).train()
    made = itself(TRAINS, TRAINS, student)(d_in=2, n_classes=3)
    x = torch.ones(1, 2)
    assert torch.equal(made(x), student(x))
    assert [id(one) for one in made.parameters()] == [id(one) for one in student.parameters()]
    assert dict(made.named_parameters()).keys() == {"weight", "bias"}
    made.eval()
    assert (student.training, made.net.training) == (False, False)


def test_the_sizes_that_it_must_have():
    assert sizes(TRAINS, TRAINS) == {"d_in": WIDTH, "n_classes": VOCABULARY}
    assert sizes(HOLDS, HOLDS) == {}
