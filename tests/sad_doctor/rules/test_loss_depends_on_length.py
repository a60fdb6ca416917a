import numpy as np
import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.loss_depends_on_length import RULE

LENGTHS = np.random.default_rng(0).integers(30, 400, 200).astype(float)


def text(**terms):
    columns = {"train/length": LENGTHS, **{f"train/raw/{term}": values for term, values in terms.items()}}
    listed = (f"{name}: {', '.join(f'{v:.6g}' for v in values)}" for name, values in columns.items())
    return "steps: 200\n" + "\n".join(listed)


@pytest.mark.parametrize(("power", "says"), [(1.0, "grows"), (-1.0, "falls")])
def test_the_power_is_found_under_a_trend_and_noise(judge, power, says):
    noise = np.exp(0.1 * np.random.default_rng(1).standard_normal(200))
    values = 5 * np.linspace(2, 1, 200) * (LENGTHS / 100) ** power * noise

    (finding,) = judge(RULE, text(layerwise=values))
    assert finding.numbers["power"] == pytest.approx(power, abs=0.1)
    assert says in finding.headline


def test_more_context_may_lower_the_label_loss(judge):
    assert judge(RULE, text(lm=4 * (LENGTHS / 100) ** -0.6, kd=4 * (LENGTHS / 100) ** -0.3)) == []
    assert len(judge(RULE, text(lm=4 * (LENGTHS / 100)))) == 1


def test_one_length_tells_nothing(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 100\ntrain/length: 128\ntrain/raw/layerwise: 2 -> 1")
