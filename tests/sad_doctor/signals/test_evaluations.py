import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.example import parse
from sad_doctor.signals import evaluation_moves, evaluations, measured


def kept(text):
    run = parse(text)
    return measured(run.columns["eval/loss"], run)


def test_best_witness_first_and_none_that_is_always_zero():
    run = parse("steps: 3\neval/raw/kd: 3\neval/kl: 0\neval/loss: 4\neval/lm_loss: 2\neval/perplexity: 7")

    assert list(evaluations(run)) == ["eval/lm_loss", "eval/loss", "eval/raw/kd"]


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("eval/loss: 3, 3, 3", False),
        ("eval/loss: 3, 2.9, 2.8", True),
        ("eval/loss: 3, nan, 3", False),
        ("eval/kl: 3, 3, 3\neval/loss: 1, 2, 1", True),
        ("train/loss: 3, 2, 1", False),
    ],
)
def test_evaluation_moves(text, moves):
    assert evaluation_moves(parse(f"steps: 3\n{text}")) is moves


def test_without_a_training_every_point_counts():
    assert len(kept("steps: 4\neval/loss: 3")) == 4


def test_points_without_training_between_are_one():
    column = kept("steps: 10 every 10\ntrain/loss: 5\nsteps: 50, 100, 101, 102\neval/loss: 4, 3, 3, 2")

    assert column.step.tolist() == [50, 100]


def test_a_carried_value_counts_once_for_its_usual_stretch():
    values = [5.0] * 10 + [4.0] * 10 + [3.0] * 30 + [2.0] * 4
    column = kept(f"steps: 54\ntrain/loss: 5\neval/loss: {', '.join(map(str, values))}")

    assert column.value.tolist() == [5, 4, 3, 3, 3, 2]


@given(st.lists(st.integers(0, 3), min_size=3, max_size=40), st.integers(1, 9))
def test_no_value_is_made_up_or_lost(values, every):
    text = f"steps: {len(values)} every {every}\ntrain/loss: 5\neval/loss: {', '.join(map(str, values))}"

    column = kept(text)
    assert np.isin(column.step, every * np.arange(1, len(values) + 1)).all()
    assert [values[int(s) // every - 1] for s in column.step] == column.value.tolist()
    assert set(column.value.tolist()) == set(values)
