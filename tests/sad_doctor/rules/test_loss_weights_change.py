import numpy as np
import pytest

from sad_doctor.finding import Level
from sad_doctor.rules.loss_weights_change import RULE


def written(before, after, records=60, at=30):
    random = np.random.default_rng(4)
    parts = np.stack([np.linspace(2, 1, records), np.linspace(4, 3, records)]) + 0.05 * random.normal(size=(2, records))
    weights = np.where(np.arange(records) < at, np.array(before)[:, None], np.array(after)[:, None])
    rows = dict(zip(("loss", "raw/kd", "raw/lm"), ((weights * parts).sum(axis=0), *parts), strict=True))
    told = "\n".join(f"train/{name}: {', '.join(f'{v:.5f}' for v in value)}" for name, value in rows.items())
    return f"steps: {', '.join(map(str, range(1, records + 1)))}\n{told}"


def ramp(records=60):
    random = np.random.default_rng(4)
    kd, lm = (np.linspace(a, a - 1, records) + 0.05 * random.normal(size=records) for a in (2, 4))
    rows = {"loss": np.linspace(0, 1, records) * kd + 0.5 * lm, "raw/kd": kd, "raw/lm": lm}
    told = "\n".join(f"train/{name}: {', '.join(f'{v:.5f}' for v in value)}" for name, value in rows.items())
    return f"steps: {', '.join(map(str, range(1, records + 1)))}\n{told}"


def test_a_factor_of_the_whole_loss(judge):
    (finding,) = judge(RULE, written((0.5, 0.5), (2, 2)))
    assert finding.level == Level.WARNING
    assert "From step 31 on the loss is 4 times what it was" in finding.headline


def test_other_weights_are_a_hint(judge):
    (finding,) = judge(RULE, written((0, 1), (0.5, 0.5)))
    assert finding.level == Level.INFO
    assert finding.headline.endswith("of its terms by other weights: kd 0, then 0.5 and lm 1, then 0.5.")


def test_a_term_that_keeps_its_weight_is_told_as_such(judge):
    (finding,) = judge(RULE, written((0.1, 0.9), (3, 0.9)))
    assert finding.headline.endswith("by other weights: kd 0.1, then 3 and lm 0.9 as before.")


@pytest.mark.parametrize(
    "text", [written((0.5, 0.5), (0.5, 0.5)), "steps: 60\ntrain/loss: 3 -> 2 ~ 0.1\ntrain/raw/kd: 1\ntrain/raw/lm: 2"]
)
def test_constant_weights_or_none_that_fit(judge, text):
    assert judge(RULE, text) == []


def test_weights_that_are_told_and_exchanged(judge):
    """Alpha of KD, then of the labels: the log tells it, and nobody meant it."""
    told = "\ntrain/weight/kd: {}\ntrain/weight/lm: {}"
    kd, lm = ", ".join(["0.9"] * 30 + ["0.1"] * 30), ", ".join(["0.1"] * 30 + ["0.9"] * 30)
    text = written((0.9, 0.1), (0.1, 0.9))
    (finding,) = judge(RULE, text + told.format(kd, lm))
    assert finding.level == Level.INFO
    assert "the weights of kd and lm are each other's: kd 0.9, then 0.1" in finding.headline
    assert "two conventions" in finding.cause

    (untold,) = judge(RULE, text)
    assert untold.headline == finding.headline
    assert judge(RULE, text + told.format(kd, lm.replace("0.9", "0.5"))) == []  # a stage


def test_a_weight_that_moves_throughout_is_a_hint(judge):
    (finding,) = judge(RULE, ramp())
    assert finding.level == Level.INFO
    assert "0.5 times lm plus kd times a weight that goes from" in finding.headline
