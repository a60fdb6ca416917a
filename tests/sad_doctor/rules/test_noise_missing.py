import pytest

from sad_doctor.rules.noise_missing import RULE


def test_a_running_mean_beside_a_noisy_norm(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/loss: 6 -> 5 -> 4.4 -> 4.1\ntrain/grad_norm: 1.2 ~ 0.2")
    assert "a mean over many steps" in finding.headline
    assert "running mean" in finding.cause


def test_one_batch_where_nothing_is_noisy(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/loss: 6 -> 5 -> 4.4 -> 4.1\ntrain/grad_norm: 3 -> 1 -> 0.5")
    assert "same batch" in finding.headline


@pytest.mark.parametrize(
    "text",
    [
        "train/loss: 6 -> 5 -> 4.4 -> 4.1 ~ 0.05",
        # a total that a schedule smooths, beside a label loss that is noisy
        "train/loss: 6 -> 4\ntrain/raw/lm: 6 -> 4 ~ 0.1",
        # nothing moves
        "train/loss: 4.123",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, f"steps: 100\n{text}") == []
