import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.term_owns_the_gradient import RULE


@pytest.mark.parametrize(
    ("term", "share", "level"),
    [
        ("layerwise", 0.9, Level.ERROR),
        ("kd", 0.9, Level.WARNING),
        ("lm", 0.9, None),
        ("lm", 0.97, Level.INFO),
        ("layerwise", 0.7, None),
    ],
)
def test_who_may_own_it(judge, term, share, level):
    found = judge(RULE, f"steps: 10 every 50\ntrain/grad_share/{term}: {share}\ntrain/grad_share/x: {1 - share}")

    assert [f.level for f in found] == ([] if level is None else [level])


def test_a_beginning_that_is_over_does_not_count(judge):
    assert judge(RULE, "steps: 20\ntrain/grad_share/a: 0.95 -> 0.2 -> 0.2\ntrain/grad_share/b: 0.05 -> 0.8") == []


def test_the_remedy_does_the_sum(judge):
    text = "steps: 10\ntrain/grad_share/a: 0.9\ntrain/grad_share/b: 0.1\ntrain/weight/a: 2"

    (finding,) = judge(RULE, text)
    assert "[terms.a] weight = 0.0952, now 2" in finding.remedy
    with pytest.raises(TooFew):
        judge(RULE, "steps: 2\ntrain/grad_share/a: 0.9\ntrain/grad_share/b: 0.1")
