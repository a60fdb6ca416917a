import numpy as np
import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.records_stand_out import RULE

AT = np.arange(1, 121)
STEPS = "steps: " + ", ".join(map(str, AT)) + "\n"


def out(name: str, where: np.ndarray, by: float = 1.0, level: float = 5.0) -> str:
    value = level - 0.002 * AT + by * where + np.random.default_rng(len(name)).normal(0, 0.03, AT.size)
    return f"{STEPS}{name}: {', '.join(f'{v:.4f}' for v in value)}\n"


TWELFTH = AT % 12 == 0
LM = "steps: 120\ntrain/raw/lm: 5 -> 4 ~ 0.05\n"
EPOCH = f"{STEPS}train/epoch: {', '.join(f'{s / 12:.4f}' for s in AT)}\n"
EVALUATIONS = "steps: 12, 24, 36, 48, 60, 72, 84, 96, 108, 120\neval/loss: 5 -> 4\n"


def test_the_last_batch_of_an_epoch(judge):
    (finding,) = judge(RULE, out("train/loss", TWELFTH) + out("train/teacher_lm_loss", TWELFTH, level=3) + EPOCH)
    assert finding.headline.startswith("Every 12 steps a single record stands out, once an epoch:")
    assert finding.cause.startswith("The batch there is another one")
    assert "10 of the 10 records there" in finding.evidence[0]


def test_a_total_that_is_divided_wrongly_after_each_evaluation(judge):
    (finding,) = judge(RULE, out("train/loss", AT % 12 == 1, by=-2.5) + LM + EVALUATIONS)
    assert finding.headline.startswith("After each evaluation a single record stands out:")
    assert "The term lm: nothing there" in finding.evidence
    assert finding.cause.startswith("The total is made in another way")


def test_the_norm_alone_and_the_distance_of_evaluations(judge):
    (finding,) = judge(RULE, out("train/grad_norm", AT % 12 == 6) + LM + EVALUATIONS)
    assert "as often as an evaluation" in finding.headline
    assert finding.cause.startswith("The gradient is another one")


def test_the_teachers_side_alone(judge):
    (finding,) = judge(RULE, out("train/raw/kd", TWELFTH) + LM)
    assert finding.cause.startswith("The teacher's side")


@pytest.mark.parametrize(
    "text", [LM, out("train/loss", np.isin(AT, [5, 20, 31, 64, 70, 111])), out("train/loss", TWELFTH, by=0.05)]
)
def test_chance_puts_none_at_one_distance(judge, text):
    assert judge(RULE, text) == []


def test_too_few(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 30\ntrain/loss: 5 -> 4")
