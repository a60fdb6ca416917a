import pytest
import torch

from sad.subjects.divergence import Contract, Divergence, Given, Kind, Takes, counted, narrowed

LABELS = torch.tensor([[-100, 5, 6], [7, -100, 8]])


def given(**more):
    return Given(torch.zeros(2, 3, 9), torch.zeros(2, 3, 9), **more)


def test_what_is_not_taken_is_left_out():
    call = given(labels=LABELS, temperature=3.0, beta=0.1, count=7)
    plain = narrowed(Contract(), call)
    assert (plain.labels, plain.temperature, plain.beta, plain.count) == (None, 1.0, 0.5, None)
    full = narrowed(Contract(takes=frozenset(Takes)), call)
    assert (full.labels is LABELS, full.temperature, full.beta, full.count) == (True, 3.0, 0.1, 7)


@pytest.mark.parametrize(
    ("labels", "shift", "rows"),
    [
        (None, False, [[1, 1, 1], [1, 1, 1]]),
        (None, True, [[1, 1, 0], [1, 1, 0]]),
        (LABELS, False, [[0, 1, 1], [1, 0, 1]]),
        (LABELS, True, [[1, 1, 0], [0, 1, 0]]),
    ],
)
def test_rows_that_count(labels, shift, rows):
    assert counted(Contract(shift=shift), given(labels=labels)).int().tolist() == rows


def test_another_formula_is_known_where_it_is_written_down():
    def loss(call):
        return call.student_logits.sum()

    other = Contract(kind=Kind.OTHER)
    assert not Divergence(other, loss).known
    assert Divergence(other, loss, lambda *logits_and_call: logits_and_call[0].sum(-1)).known
    assert Divergence(Contract(takes=frozenset({Takes.BETA})), loss).takes(Takes.BETA)
