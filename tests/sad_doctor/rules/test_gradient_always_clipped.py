import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.gradient_always_clipped import RULE


@pytest.mark.parametrize(
    ("facts", "norm", "level"),
    [
        ("fact clip: 1\n", 70, Level.WARNING),
        ("fact clip: 100\n", 70, None),
        ("", 70, Level.INFO),
        ("", 300, Level.WARNING),
        ("fact clip: 1\n", 5, None),
    ],
)
def test_the_clip_decides(judge, facts, norm, level):
    found = judge(RULE, f"{facts}steps: 100\ntrain/grad_norm: {norm} ~ 1")

    assert [f.level for f in found] == ([] if level is None else [level])


def test_the_rate_that_acts_is_told(judge):
    (finding,) = judge(RULE, "fact max_grad_norm: 1\nsteps: 100\ntrain/grad_norm: 50")

    assert "0.02 of the one that is set" in finding.evidence[1]


def test_bad_days_are_what_a_clip_is_for(judge):
    norms = ", ".join(["90"] * 20 + ["0.7"] * 80)

    assert judge(RULE, f"fact clip: 1\nsteps: 100\ntrain/grad_norm: {norms}") == []
    with pytest.raises(TooFew):
        judge(RULE, "steps: 5\ntrain/grad_norm: 90")
