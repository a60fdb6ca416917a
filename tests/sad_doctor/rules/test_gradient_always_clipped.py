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


def test_a_norm_that_grows_by_orders_of_magnitude_is_told_as_that(judge):
    grows = ", ".join(f"{1.1**i:.4g}" for i in range(100))
    text = f"steps: {', '.join(map(str, range(100)))}\ntrain/grad_norm: "

    (finding,) = judge(RULE, text + grows)
    assert "grows from" in finding.headline
    assert "explodes" in finding.headline
    assert judge(RULE, text + ", ".join(["1.5"] * 100)) == []
    # a warm-up's first norms are small by themselves
    assert judge(RULE, text + ", ".join(["0.001"] * 5 + ["1.5"] * 95)) == []
