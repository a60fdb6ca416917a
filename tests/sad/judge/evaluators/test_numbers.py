"""Numbers are told by their names, else by their values."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sad.errors import UserError
from sad.judge.evaluators.numbers import WrongNumbersError, backwards, meanings, named, numbers

RIGHT = {"lm_loss": 2.0, "perplexity": 7.389, "accuracy": 0.25, "kl": 0.5, "entropy": 1.0, "agreement": 0.75}


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        (1.5, {"the number": 1.5}),
        (torch.tensor(1.5), {"the number": 1.5}),
        (np.float32(1.5), {"the number": 1.5}),
        ({"loss": torch.tensor(2.0), "name": "x", "ok": True}, {"loss": 2.0}),
        ((2.0, 0.25), {"the number 1": 2.0, "the number 2": 0.25}),
        (SimpleNamespace(loss=2.0), {"loss": 2.0}),
        (SimpleNamespace(metrics={"eval_loss": 2.0}), {"eval_loss": 2.0}),
    ],
)
def test_numbers_are_found(returned, found):
    assert numbers(returned) == found


@pytest.mark.parametrize("returned", [None, "2.0", {}, [], torch.zeros(3)])
def test_what_has_no_number_is_told(returned):
    with pytest.raises(WrongNumbersError, match="returns"):
        numbers(returned)


def test_names_bear_the_part_of_the_data():
    assert named("eval_val/Loss") == "lm_loss"
    assert named("test_ppl") == "perplexity"
    assert named("kd_loss") is None


def test_what_has_no_name_is_told_by_its_value():
    plain = {"the number 1": 2.0, "the number 2": 0.25}
    assert meanings(plain, RIGHT, "evaluate", teacher=False)[0] == {
        "the number 1": "lm_loss",
        "the number 2": "accuracy",
    }
    assert meanings({"the number": 9.0}, RIGHT, "evaluate_ppl", teacher=False)[0] == {"the number": "perplexity"}
    assert meanings({"the number": 9.0}, RIGHT, "evaluate", teacher=False)[0] == {"the number": "lm_loss"}


def test_with_a_teacher_a_loss_may_be_the_objective():
    known, other = meanings({"loss": 3.0, "lm_loss": 2.0, "seconds": 1.0}, RIGHT, "evaluate", teacher=True)
    assert (known, other) == ({"lm_loss": "lm_loss"}, ["loss"])


def test_a_distance_whose_name_leaves_open_which_is_told_by_its_value():
    found = {"kd_loss": 0.5, "distill": 0.7, "task": 0.5}
    assert meanings(found, RIGHT, "", teacher=True) == ({"kd_loss": "kl"}, ["distill", "task"])
    assert backwards(found, 0.7, "def evaluate(model, teacher)") == ["distill"]
    assert backwards(found, 0.7, "the reverse KL") == []
    assert backwards({"the number": 0.7}, 0.7, "") == ["the number"]


def test_lists_of_numbers_are_left_to_their_caller():
    with pytest.raises(UserError, match="it returns lists of numbers, whose mean its caller takes"):
        numbers({"token_acc": [True, False]})
