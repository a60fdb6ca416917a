import pytest
import torch

from sad.subjects.divergence import IGNORED, Contract, Given, Takes, counted
from sad.subjects.probe.inputs import ORDINARY, SHAPES, Shape, call, half, smallest, told, unequal

ALL = frozenset(Takes)


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES, Shape(4, 6, 9), Shape(1, 1025, 5)])
def test_some_rows_count_and_in_each_sequence(shape, shift):
    contract = Contract(takes=ALL, shift=shift)
    rows = counted(contract, call(contract, shape))
    assert rows.any(dim=-1).all()
    assert not rows.all()
    every = counted(contract, call(contract, shape, every=True))
    assert every.sum() == shape.batch * (shape.length - shift)


def test_prompts_and_paddings_are_unequal():
    labels = unequal(torch.zeros(3, 7, dtype=torch.int64))
    kept = {tuple(row) for row in (labels != IGNORED).tolist()}
    assert len(kept) == 3
    rows = int((labels != IGNORED).sum())
    # no denominator is a square of a temperature times another
    assert (rows, rows / 3, 21 / rows) == (15, 5.0, 1.4)


def test_the_same_call_every_time_without_what_is_not_taken():
    one, other = call(Contract(takes=ALL)), call(Contract())
    assert torch.equal(one.student_logits, other.student_logits)
    assert (one.temperature, one.beta, other.temperature, other.beta, other.labels) == (2.0, 0.3, 1.0, 0.5, None)
    assert one.student_logits.shape == ORDINARY


def test_a_call_in_words():
    labels = torch.tensor([[1, IGNORED, 2]])
    logits = torch.zeros(1, 3, 5)
    assert told(Given(logits, logits)) == "1 sequence of 3 rows over 5 tokens"
    full = Given(logits, logits, labels, 2.0, 0.3, 9)
    assert told(half(full, torch.float16)) == (
        "1 sequence of 3 rows over 5 tokens, float16, T = 2, beta = 0.3, 1 of 3 labels are -100, count = 9"
    )
    assert told(Given(logits, logits, labels.abs())).endswith("every label is a token")


def test_the_smallest_call_with_a_fault():
    contract = Contract()

    def fault(shape):
        return ("too many" if shape.batch > 1 else ""), call(contract, shape)

    says, example = smallest(fault)
    assert says == "too many"
    assert example.student_logits.shape == (2, 3, 5)
    assert smallest(lambda shape: ("", call(contract, shape))) == ("", None)
    says, example = smallest(lambda shape: ("wide" if shape.vocab == 37 else "", call(contract, shape)))
    assert example.student_logits.shape == ORDINARY
