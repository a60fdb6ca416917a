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
