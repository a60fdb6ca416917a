import pytest

from sad.batch import Sum
from sad.bugs.layerwise_explodes import BUG, buggy, divided_by_elements
from sad.invariants.scale_and_dominance import LENGTHS, scale_and_dominance
from sad.losses import layerwise
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    assert BUG.issue == "Issue #1: Layerwise Loss Normalization"


def test_the_raw_loss_lies_in_the_logged_range_and_falls_with_the_length():
    numbers = scale_and_dominance(buggy()).numbers
    values = [numbers[f"at_{length}"] for length in LENGTHS]
    assert values[0] == pytest.approx(160.5575, rel=0.01)
    assert values[-1] == pytest.approx(14.2065, rel=0.01)
    assert values == sorted(values, reverse=True)


def test_the_documented_fix_changes_nothing_but_rounding():
    before, after = scale_and_dominance(buggy()), scale_and_dominance(divided_by_elements())
    assert not after.holds
    assert after.numbers == pytest.approx(dict(before.numbers), rel=1e-6)


def test_relative_to_the_teacher_the_value_is_right_and_the_gradient_is_not(found):
    (verdict,) = found.variants["relative to the teacher's mean square"]
    assert not verdict.holds
    assert verdict.numbers["ratio"] < 1.05
    assert verdict.numbers["position_share"] > 0.9


def test_the_shipped_term_is_near_two_at_every_length():
    numbers = scale_and_dominance(BUG.fixed()).numbers
    assert all(numbers[f"at_{length}"] == pytest.approx(2.0, abs=0.05) for length in LENGTHS)
    assert numbers["ratio"] < 1.05


def raw(student, teacher, _="layernorm"):
    return Sum((student - teacher).square().mean(-1).sum(), len(student))


def relative(student, teacher, _="layernorm"):
    return Sum((student - teacher).square().mean(-1).sum() / teacher.square().mean(), len(student))


@pytest.mark.parametrize("faulty", [raw, relative])
def test_a_faulty_distance_in_the_code_that_trains_is_named(monkeypatch, faulty, judged):
    monkeypatch.setattr(layerwise, "layer_distance", faulty)
    found = judged(BUG)
    assert not found.absent
    assert not found.good
