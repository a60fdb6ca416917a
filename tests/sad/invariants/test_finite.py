from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sad.invariants.finite import finite
from sad.losses import kd
from sad.shipped.divergence import distillation
from sad.subjects.divergence import Contract, Divergence, Kind, Reduction, Takes
from sad.subjects.probe.right import RIGHT, counting, kl, logs
from sad.verdict import Cause, Standing

TAKES = frozenset({Takes.LABELS})
PLAIN, REVERSE = Contract(takes=TAKES), Contract(Kind.REVERSE_KL, takes=TAKES)
COUNT = Contract(reduction=Reduction.COUNT, takes=frozenset({Takes.LABELS, Takes.COUNT}))
STRICT = Contract(strict=True, takes=TAKES)


@pytest.mark.parametrize("name", ["torch's KL of logarithms", "masked by a product", "reverse KL"])
def test_a_nan_of_tokens_that_cannot_come_is_left_open(name):
    verdict = finite(RIGHT[name])
    assert verdict.standing == Standing.ALLOWED
    assert "ruled out by" in verdict.says
    assert verdict.example


def test_a_strict_one_may_not_be_nan():
    strict = Divergence(STRICT, RIGHT["torch's KL of logarithms"].loss)
    assert "ruled out by the teacher, float32: the loss is NaN" in finite(strict).says


def plain_mean(given):
    log_q, log_p = logs(given)
    return kl(log_p, log_q)[counting(given)].mean()


def of_its_own_count(given):
    return RIGHT["sum"].loss(given) / (counting(given).sum() if given.count is None else given.count)


def exponentials(given):
    rows = counting(given)
    q, p = (z.flatten(0, 1)[rows].float().exp() for z in (given.student_logits, given.teacher_logits.detach()))
    q, p = q / q.sum(-1, keepdim=True), p / p.sum(-1, keepdim=True)
    return (p * (p.log() - q.log())).sum() / rows.sum().clamp_min(1)


def target_with_a_gradient(given):
    """KL(Q || P) by `F.kl_div` with the student as target: its own probability may underflow (Soup 719)."""
    rows = counting(given)
    log_p = logs(given)[1][rows]
    return F.kl_div(log_p, torch.softmax(given.student_logits.flatten(0, 1)[rows].float(), -1), reduction="sum") / max(
        1, int(rows.sum())
    )


def hidden(given):
    return RIGHT["mean over tokens"].loss(given).nan_to_num(0.0)


def finite_where_infinite(given):
    log_q, log_p = logs(given)
    rows = counting(given)
    return kl(log_p[rows], log_q[rows].clamp_min(-50.0)).sum() / rows.sum().clamp_min(1)


def half_sum(given):
    """A sum of logits in their dtype: float16 ends at 65,504."""
    return RIGHT["mean over tokens"].loss(given) + 0.0 * (1e3 * given.student_logits).sum().float()


@pytest.mark.parametrize(
    ("contract", "wrong", "says"),
    [
        (PLAIN, plain_mean, "no label at all, float32: the loss is NaN, over nothing"),
        (PLAIN, lambda given: RIGHT["mean over tokens"].loss(given) + 0.1, "no label at all, float32: the loss is 0.1"),
        (COUNT, of_its_own_count, "no label at all, nor a count, float32: the loss is NaN, over nothing"),
        (PLAIN, exponentials, "logits 60 times as large, float32: the loss is NaN"),
        (REVERSE, target_with_a_gradient, "logits 60 times as large, float32: the loss is"),
        (STRICT, finite_where_infinite, "right is infinite"),
        (PLAIN, half_sum, "float16: the loss is NaN"),
        (PLAIN, lambda _: 1 / 0, "it raises"),
    ],
)
def test_a_wrong_one_breaks_it(contract, wrong, says):
    verdict = finite(Divergence(contract, wrong))
    assert verdict.standing == Standing.BROKEN
    assert says in verdict.says
    assert verdict.example


def ruled_out_a_little(given):
    """A token that the teacher rules out keeps a part: a finite value, and another one."""
    return RIGHT["mean over tokens"].loss(replace(given, teacher_logits=given.teacher_logits.clamp_min(-2.0)))


def half_cube(given):
    """Of logits sixty times as large the cube is more than float16 holds; of ordinary ones it is not."""
    heard = torch.where(given.student_logits.isneginf(), 0.0, given.student_logits)
    return RIGHT["mean over tokens"].loss(given) + 0.0 * heard.abs().max().pow(3).float()


@pytest.mark.parametrize(
    ("wrong", "cause"), [(half_cube, Cause.FLOAT16), (ruled_out_a_little, Cause.RULED_OUT), (plain_mean, None)]
)
def test_what_may_have_been_left_to_the_caller_is_the_cause(wrong, cause):
    verdict = finite(Divergence(PLAIN, wrong))
    assert verdict.standing == Standing.BROKEN
    assert verdict.cause is cause


def test_a_gradient_that_is_not_finite_behind_a_finite_loss():
    verdict = finite(Divergence(REVERSE, target_with_a_gradient))
    assert "and the gradient of" in verdict.says


def test_a_hidden_nan_is_told_and_broken_where_all_is_claimed():
    told = finite(Divergence(PLAIN, hidden))
    assert not told.holds or "a row of NaN from the teacher leaves the loss finite" in told.says
    strict = finite(Divergence(STRICT, hidden))
    assert strict.standing == Standing.BROKEN


def test_the_code_that_trains_shows_a_nan_of_the_teacher(plant):
    assert finite(distillation()).standing == Standing.HOLDS

    def as_it_was(student_logits, teacher_log_probs, temperature=1.0):
        log_q = torch.log_softmax(student_logits.float() / temperature, dim=-1)
        p = teacher_log_probs.exp()
        return torch.where(p > 0, p * (teacher_log_probs - log_q), 0.0).sum()

    plant(kd, as_it_was)
    assert finite(distillation()).says == "a row of NaN from the teacher leaves the loss finite: nobody sees it"
