import math

import pytest

from sad_doctor.rules.noise_missing import RULE

SMOOTH = "steps: 100\ntrain/loss: 6 -> 5 -> 4.4 -> 4.1 ~ 0.002\n"


@pytest.mark.parametrize(("norm", "told"), [("1.2 ~ 0.2", True), ("3 -> 1 -> 0.5", False)])
def test_a_loss_without_noise(judge, norm, told):
    (finding,) = judge(RULE, f"{SMOOTH}train/grad_norm: {norm}")
    assert "no noise of batches" in finding.headline
    assert any("noisy meanwhile" in line for line in finding.evidence) is told


@pytest.mark.parametrize(
    "text",
    [
        "train/loss: 6 -> 5 -> 4.4 -> 4.1 ~ 0.05",
        # a total that a schedule smooths, beside a label loss that is noisy
        "train/loss: 6 -> 4 ~ 0.002\ntrain/raw/lm: 6 -> 4 ~ 0.1",
        # nothing moves
        "train/loss: 4.123",
        # it stands: other rules tell why
        "train/loss: 4 ~ 0.002",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, f"steps: 100\n{text}") == []


@pytest.mark.parametrize(("kd", "fires"), [("2 -> 160", True), ("20 -> 40", False), ("2 -> 1 ~ 0.05", False)])
def test_a_sum_that_is_never_set_to_0(judge, kd, fires):
    found = judge(RULE, f"steps: 80\ntrain/loss: 6 -> 5 ~ 0.1\ntrain/raw/kd: {kd}")
    assert bool(found) is fires
    assert all("sum of all so far" in one.headline for one in found)


def test_a_running_mean_of_four_digits(judge):
    values = ", ".join(f"{3.8 + 1.3 / (1 + 0.1 * step):.3f}" for step in range(60))
    (finding,) = judge(RULE, f"steps: {', '.join(map(str, range(60)))}\ntrain/loss: {values}")
    assert "no noise of batches" in finding.headline


@pytest.mark.parametrize(("speed", "fires"), [(10, False), (4.5, False), (2, True)])
def test_a_term_that_rises_and_comes_to_rest_is_no_sum(judge, speed, fires):
    value = ", ".join(f"{25 * (1 - math.exp(-speed * step / 300)):.6f}" for step in range(1, 301))
    log = f"steps: {', '.join(map(str, range(1, 301)))}\ntrain/loss: 540 -> 100 ~ 2\ntrain/raw/kd: {value}"
    assert any("sum of all" in finding.headline for finding in judge(RULE, log)) is fires
