import pytest
import torch

from sad.invariants.padding import padding
from sad.subjects.divergence import Contract, Divergence, Reduction, Takes
from sad.subjects.probe.right import RIGHT, counting, kl, logs
from sad.verdict import Standing

TAKES = frozenset({Takes.LABELS})
MEAN = Contract(takes=TAKES)


@pytest.mark.parametrize("name", ["mean over tokens", "sum", "by sequences", "sum over a given count", "shifted"])
def test_right_ones_hold(name):
    assert padding(RIGHT[name]).standing == Standing.HOLDS


def test_without_labels_nothing_is_padding():
    assert padding(RIGHT["everywhere"]).standing == Standing.NOT_APPLICABLE


def all_rows(given):
    log_q, log_p = logs(given)
    return (kl(log_p, log_q) * counting(given)).mean()


def weighed_by_place(given):
    log_q, log_p = logs(given)
    place = torch.arange(given.student_logits.shape[1]).repeat(len(given.student_logits))
    rows = counting(given)
    return (kl(log_p, log_q) * (1 + 0.1 * place))[rows].sum() / rows.sum().clamp_min(1)


def first_sequence_only(given):
    count = counting(given).sum().clamp_min(1)
    one = type(given)(given.student_logits[:1], given.teacher_logits[:1], given.labels[:1])
    return RIGHT["sum"].loss(one) / count


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Divergence(MEAN, all_rows), "columns of padding, right: value"),
        (Divergence(Contract(reduction=Reduction.ROWS, takes=TAKES), all_rows), "columns of padding, right: value"),
        (Divergence(MEAN, weighed_by_place), "columns of padding, left: value"),
        (Divergence(MEAN, lambda given: RIGHT["mean over tokens"].loss(given).detach() * len(given.labels)), "beside"),
        (Divergence(MEAN, lambda _: 1 / 0), ""),
    ],
)
def test_a_wrong_one_breaks_it(wrong, says):
    verdict = padding(wrong)
    if says:
        assert verdict.standing == Standing.BROKEN
        assert says in verdict.says
        assert verdict.example
    else:
        # raising everywhere, it says the same everywhere: others tell of that
        assert verdict.holds
