import pytest

from sad_doctor.finding import Level
from sad_doctor.rules.covers_little import RULE


@pytest.mark.parametrize(("coverage", "level"), [(0.05, Level.ERROR), (0.4, Level.WARNING), (0.6, None), (1.0, None)])
def test_levels(judge, coverage, level):
    found = judge(RULE, f"steps: 9\ntrain/coverage: {coverage}")

    assert [f.level for f in found] == ([] if level is None else [level])


def test_mass_without_a_token(judge):
    (finding,) = judge(RULE, "steps: 9\ntrain/coverage: 0.9\nsteps: 1, 2\neval/mapped_mass: 0.3, 0.3")

    assert "30.0% of the teacher's probability" in finding.headline


def test_both_ends_alike_are_told_once(judge):
    (finding,) = judge(RULE, "steps: 11\ntrain/coverage: 0.481")

    assert finding.evidence == ("48.1% in each of 11 records; wanted is 50.0% or more",)


def test_labels_that_are_masked_from_a_step_on(judge):
    few = ", ".join(["3", "4", "2"] * 4)
    text = f"steps: 20\ntrain/labels: 500 ~ 20\nsteps: {', '.join(map(str, range(21, 33)))}\ntrain/labels: {few}"
    (finding,) = judge(RULE, text)
    assert finding.headline.startswith("Hardly a label counts from step 21 on: 3 in a step, 50")
    assert judge(RULE, "steps: 40\ntrain/labels: 500 -> 200 ~ 20") == []
