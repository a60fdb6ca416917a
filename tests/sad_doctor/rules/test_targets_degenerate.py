import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.targets_degenerate import RULE

SIZE = "fact vocabulary_size: 49152\nsteps: 50\n"


@pytest.mark.parametrize(("entropy", "says"), [(0.01, "hard labels"), (10.7, "uniform"), (2, None), (9.8, None)])
def test_the_entropy(judge, entropy, says):
    found = judge(RULE, f"{SIZE}train/teacher_entropy: {entropy}")

    assert [says in f.headline for f in found] == ([] if says is None else [True])


def test_a_teacher_that_guesses_or_knows_less_than_the_student(judge):
    (guesses,) = judge(RULE, f"{SIZE}train/teacher_lm_loss: 10.8")
    (knows_less,) = judge(RULE, "steps: 1, 2\nteacher/lm_loss: 5, 5\neval/lm_loss: 3.5, 3.4")

    assert (guesses.level, knows_less.level) == (Level.ERROR, Level.WARNING)


def test_a_total_that_is_next_to_nothing_from_the_first_record_on(judge):
    (finding,) = judge(RULE, "steps: 40\ntrain/loss: 0.0002 -> 0.00004")
    assert "next to nothing is asked" in finding.headline
    assert finding.level.name == "INFO"
    for other in (
        "train/loss: 0.4 -> 0.0001",
        "train/loss: 0.0002\nreward: 1",
        "train/loss: 0.0002\ntrain/raw/kd: 0.0002",
    ):
        with pytest.raises(TooFew):
            judge(RULE, f"steps: 40\n{other}")
