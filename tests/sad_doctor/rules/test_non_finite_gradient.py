import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.non_finite_gradient import RULE


def test_from_three_records_on_it_is_an_error(judge):
    (finding,) = judge(RULE, "steps: 8\ntrain/loss: 9\ntrain/grad_norm: 1, 1, nan, 1, inf, 1, nan, 1")

    assert finding.level == Level.ERROR
    assert "in 3 of 8" in finding.headline
    assert finding.first_step == 3


def test_below_it_is_a_warning(judge):
    (finding,) = judge(RULE, "steps: 5\ntrain/loss: 9\ntrain/grad_norm: 1, 1, nan, 1, 1")

    assert finding.level == Level.WARNING


def test_a_loss_scale_may_overflow_at_first(judge):
    assert judge(RULE, "steps: 5\ntrain/loss: 9\ntrain/grad_norm: inf, inf, inf, 1, 1") == []


def test_a_gradient_that_was_never_finite_began_with_the_run(judge):
    (finding,) = judge(RULE, "steps: 40 every 10\ntrain/loss: 9\ntrain/grad_norm: nan")

    assert finding.first_step == 10


def test_a_loss_that_is_not_finite_itself_is_left_to_its_rule(judge):
    assert judge(RULE, "steps: 5\ntrain/loss: 9, 9, nan, nan, nan\ntrain/grad_norm: 1, 1, nan, nan, nan") == []


def test_a_loss_of_zero_may_hide_a_nan(judge):
    assert judge(RULE, "steps: 5\ntrain/loss: 9, 9, 0, 0, 0\ntrain/grad_norm: 1, 1, nan, nan, nan") == []


def test_two_records_wait(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 2\ntrain/loss: 9\ntrain/grad_norm: inf")


@pytest.mark.parametrize(
    ("every", "level"), [(150, Level.INFO), (50, Level.ERROR)], ids=["a loss scale that tries", "too often for it"]
)
def test_single_records_far_apart_are_a_hint(judge, every, level):
    norms = ", ".join("inf" if i % every == 40 else "1.5" for i in range(600))

    (finding,) = judge(RULE, f"steps: 600\ntrain/loss: 9\ntrain/grad_norm: {norms}")
    assert finding.level == level
    assert ("float16, which tries" in finding.cause) is (level == Level.INFO)


def test_two_in_a_row_are_no_try(judge):
    norms = ", ".join("inf" if i in (300, 301) else "1.5" for i in range(600))

    (finding,) = judge(RULE, f"steps: 600\ntrain/loss: 9\ntrain/grad_norm: {norms}")
    assert finding.level == Level.WARNING


def test_one_among_many_is_the_loss_scale(judge):
    norms = ", ".join(["1"] * 15 + ["inf"] + ["1"] * 14)
    (finding,) = judge(RULE, f"steps: 30\ntrain/loss: 9\ntrain/grad_norm: {norms}")

    assert finding.level == Level.INFO


def test_a_log_without_a_loss_from_the_middle_of_a_run(judge):
    [found] = judge(RULE, "steps: 5426, 5427, 5428\ntrain/grad_norm: nan")
    assert "loss" not in found.headline
    # a log that begins with the run may have a loss scale that is finding its size
    with pytest.raises(TooFew, match="still be finding its size"):
        judge(RULE, "steps: 2\ntrain/grad_norm: nan")
    assert judge(RULE, "steps: 6\ntrain/grad_norm: inf, inf, inf, 3, 3, 3") == []
