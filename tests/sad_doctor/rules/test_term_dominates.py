import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.term_dominates import RULE


def test_weight_of_the_remedy_gives_the_target_share(judge):
    text = "steps: 30\ntrain/raw/a: 90\ntrain/weight/a: 1\ntrain/raw/lm: 10\ntrain/weight/lm: 1"

    (finding,) = judge(RULE, text)
    weight = float(finding.remedy.split("weight = ")[1].split(",")[0])
    assert 90 * weight / (90 * weight + 10) == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("term", ["lm", "ce", "nll", "task", "sft", "student_target", "LM"])
def test_label_loss_may_own_the_loss(judge, term):
    assert judge(RULE, f"steps: 30\ntrain/weighted/{term}: 95\ntrain/weighted/kd: 5") == []


def test_kd_may_be_meant_so_it_is_a_warning(judge):
    (finding,) = judge(RULE, "steps: 30\ntrain/weighted/lm: 5\ntrain/weighted/kd: 95")

    assert finding.level == Level.WARNING


def test_a_beginning_that_is_over_does_not_count(judge):
    assert judge(RULE, "steps: 60\ntrain/weighted/a: 90 -> 1 -> 1 -> 1\ntrain/weighted/lm: 10") == []


def test_a_term_that_comes_and_goes_is_a_warning_at_its_peak(judge):
    listed = ", ".join(["70"] * 17 + ["90.6"] * 3)
    rest = ", ".join(["30"] * 17 + ["9.4"] * 3)
    steps = ", ".join(str(s) for s in range(20))

    (finding,) = judge(RULE, f"steps: {steps}\ntrain/weighted/layerwise: {listed}\ntrain/weighted/lm: {rest}")
    assert finding.level == Level.WARNING
    assert "90.6% of the loss at step 17, 70.0% in the median" in finding.headline


def test_steps_with_one_term_alone_do_not_count(judge):
    text = "steps: 10\ntrain/weighted/a: 5\ntrain/weighted/lm: 0"

    with pytest.raises(TooFew):
        judge(RULE, text)


def test_one_term_has_nothing_to_dominate(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 10\ntrain/weighted/a: 5")


def test_raw_values_without_weights_tell_no_share(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 10\ntrain/raw/a: 95\ntrain/raw/b: 5\ntrain/loss: 3")


def test_a_gradient_that_is_shared_makes_it_a_hint(judge):
    text = "steps: 30\ntrain/weighted/a: 90\ntrain/weighted/lm: 10\ntrain/grad_share/a: "

    assert [f.level for f in judge(RULE, text + "0.3")] == [Level.INFO]
    assert [f.level for f in judge(RULE, text + "0.7")] == [Level.ERROR]


def test_kd_by_a_weight_that_the_total_tells_is_meant_unless_it_is_a_sum(judge):
    text = "steps: 50\ntrain/loss: {}\ntrain/raw/kd: {}\ntrain/raw/ce: {}"

    def told(times, weight=0.9):
        kd = [times * (4 - 0.03 * i + 0.2 * (i % 3)) for i in range(50)]
        ce = [6 - 0.02 * i + 0.3 * (i % 7) for i in range(50)]
        total = [weight * a + 0.1 * b for a, b in zip(kd, ce, strict=True)]
        return text.format(*(", ".join(f"{value:.4f}" for value in values) for values in (total, kd, ce)))

    assert judge(RULE, told(1)) == []
    for far in (told(200), told(1, weight=10)):
        (finding,) = judge(RULE, far)
        assert finding.headline.startswith("The term kd is")


@pytest.mark.parametrize(("course", "told"), [("60 -> 58 ~ 0.5", 0), ("180 -> 60 ~ 0.5", 1), ("400 -> 399 ~ 0.5", 1)])
def test_kd_that_nothing_was_learned_of_is_no_matter_of_weights(judge, course, told):
    text = f"steps: 40\ntrain/raw/kd: {course}\ntrain/weight/kd: 1\ntrain/raw/lm: 4 ~ 0.1\ntrain/weight/lm: 1"
    assert len(judge(RULE, text)) == told


@pytest.mark.parametrize(("weight", "labels", "levels"), [(100, 1.0, [Level.WARNING]), (4, 1.0, []), (100, 0.0, [])])
def test_kd_beside_a_total_alone_dominates_by_a_large_factor(judge, weight, labels, levels):
    kd = [1.9 * 0.95**i + 0.3 + 0.01 * (i % 3) for i in range(60)]
    total = [weight * one + labels * (1.5 + one + 0.05 * (i % 5)) for i, one in enumerate(kd)]
    told = [", ".join(f"{value:.4f}" for value in values) for values in (total, kd)]

    found = judge(RULE, "steps: 60\ntrain/loss: {}\ntrain/raw/kd: {}".format(*told)) if levels else None
    if found is None:
        with pytest.raises(TooFew):
            judge(RULE, "steps: 60\ntrain/loss: {}\ntrain/raw/kd: {}".format(*told))
    else:
        assert [one.level for one in found] == levels
        assert found[0].headline.startswith("The total follows kd times 100.988")
