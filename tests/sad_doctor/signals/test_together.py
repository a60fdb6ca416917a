import pytest

from sad_doctor import signals
from sad_doctor.example import parse


def pair(kd, lm):
    run = parse(f"steps: 80\ntrain/raw/kd: {kd}\ntrain/raw/lm: {lm}")
    return run.get("train/raw/kd"), run.get("train/raw/lm")


def test_the_line_ends_at_the_teachers_label_loss():
    kd, lm = pair("2 -> 1 -> 1 ~ 0.001", "4 -> 3 -> 3 ~ 0.001")
    found = signals.label_at_no_kd(kd, lm, 3)
    assert found.label == pytest.approx(2, abs=0.1)
    assert (found.at_most >= found.label, found.settled) == (True, True)
    assert signals.label_at_no_kd(*pair("1 -> 2", "4 -> 3"), 3) is None


def test_the_share_of_a_fall_that_is_done():
    done, error, sure = signals.share_done(pair("4 -> 2 -> 2 ~ 0.01", "4 -> 3")[0], 8)
    assert (done[0] < 0.5, done[-1]) == (True, pytest.approx(1, abs=0.05))
    assert (float(error.max()) < 0.05, sure) == (True, pytest.approx(0.5, abs=0.05))
    assert signals.share_done(pair("4 ~ 0.1", "4 -> 3")[0], 8) is None


@pytest.mark.parametrize(
    ("kd", "lm", "trained"), [("0.02 -> 0.002", "2.9 ~ 0.02", True), ("0.02 -> 0.002", "4 -> 3", False)]
)
def test_a_student_that_came_trained(kd, lm, trained):
    assert signals.came_trained(*pair(kd, lm)) is trained
