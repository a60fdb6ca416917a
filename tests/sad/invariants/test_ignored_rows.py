import pytest
import torch

from sad.invariants.ignored_rows import ignored_rows
from sad.subjects.divergence import Contract, Divergence, Kind, Takes
from sad.subjects.probe.right import RIGHT, counting, kl, logs
from sad.verdict import Standing

LABELS = Contract(takes=frozenset({Takes.LABELS}))


def test_a_strict_one_holds_and_one_without_labels_is_not_asked():
    assert ignored_rows(RIGHT["mean over tokens"]).standing == Standing.HOLDS
    assert ignored_rows(RIGHT["everywhere"]).standing == Standing.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("masked by a product", "of the teacher, make the loss NaN"),
        ("reverse KL", "make the gradient NaN at a finite loss of"),
    ],
)
def test_infinities_there_are_left_open(name, says):
    verdict = ignored_rows(RIGHT[name])
    assert verdict.standing == Standing.ALLOWED
    assert says in verdict.says
    assert verdict.example


def unmasked(given):
    log_q, log_p = logs(given)
    return kl(log_p, log_q).sum() / counting(given).sum().clamp_min(1)


def small_weight(given):
    """Ignored rows weigh a millionth."""
    log_q, log_p = logs(given)
    weight = torch.where(counting(given), 1.0, 1e-6)
    return (kl(log_p, log_q) * weight).sum() / counting(given).sum().clamp_min(1)


def mean_in_the_middle(given):
    """The gradient is masked, the value is centred by every row."""
    log_q, log_p = logs(given)
    each = kl(log_p, log_q)
    return each[counting(given)].mean() + each.detach().mean()


def largest_of_all(given):
    """Normalised by the largest logit anywhere, without a gradient."""
    return RIGHT["mean over tokens"].loss(given) / given.student_logits.detach().abs().max()


def hidden(given):
    log_q, log_p = logs(given)
    each = (log_q.exp() * (log_q - log_p)).nan_to_num(0.0, 0.0, 0.0).sum(-1)
    return (each * counting(given)).sum() / counting(given).sum().clamp_min(1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (unmasked, "6 of 6 rows without a label get a gradient, "),
        (small_weight, "rows without a label get a gradient, 0% of its norm"),
        (mean_in_the_middle, "the student with other logits at rows without a label: value"),
        (largest_of_all, "the student with logits a thousand times as large"),
        (hidden, "the gradient is not finite, the value is"),
        (lambda _: 1 / 0, "it raises"),
    ],
)
def test_a_wrong_one_breaks_it(wrong, says):
    contract = LABELS if wrong is not hidden else Contract(Kind.REVERSE_KL, takes=LABELS.takes)
    verdict = ignored_rows(Divergence(contract, wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example
