from sad_doctor.finding import Level
from sad_doctor.rules.layerwise_too_high import RULE


def test_value_called_raw_that_is_weighted_is_judged_as_weighted(judge):
    text = "steps: 21700, 21800\ntrain/loss: 177.1419, 20\ntrain/raw/layerwise: 160.5575, 10\ntrain/raw/kd: 16.5844, 10"

    (finding,) = judge(RULE, text)
    assert "160.5575 at step 21,700" in finding.headline
    assert "90.6% of the loss" in finding.headline


def test_any_single_step_counts(judge):
    text = "steps: 100\ntrain/weighted/kd: 5\ntrain/weighted/layerwise: 0.5\nsteps: 101, 102\n"

    assert judge(RULE, text) == []
    assert len(judge(RULE, text + "train/weighted/layerwise: 0.5, 2.01")) == 1


def test_normalised_distance_under_a_large_weight_is_fine(judge):
    text = "steps: 9\ntrain/raw/layerwise: 2.05\ntrain/weight/layerwise: 3\ntrain/weighted/layerwise: 6.15"

    assert judge(RULE, text) == []


def test_large_raw_value_under_a_small_weight_that_stays_below_is_fine(judge):
    text = "steps: 9\ntrain/raw/layerwise: 30\ntrain/weight/layerwise: 0.05\ntrain/weighted/layerwise: 1.5"

    assert judge(RULE, text) == []


def test_a_weight_that_hides_a_huge_raw_value_is_a_warning(judge):
    text = "steps: 9\ntrain/raw/layerwise: 3211\ntrain/weight/layerwise: 0.0005\ntrain/weighted/layerwise: 1.6055"

    (finding,) = judge(RULE, text)
    assert finding.level == Level.WARNING
    assert "(raw) is 3,211" in finding.headline


def test_raw_value_alone_must_be_beyond_any_normalised_distance(judge):
    assert judge(RULE, "steps: 9\ntrain/raw/layerwise: 2.1") == []
    assert len(judge(RULE, "steps: 9\ntrain/raw/layerwise: 160")) == 1


def test_not_finite_values_are_left_to_their_rule(judge):
    assert judge(RULE, "steps: 2\ntrain/weighted/layerwise: nan, 0.1") == []


def test_a_weighted_value_that_makes_little_of_the_loss_is_a_hint(judge):
    text = "steps: 20\ntrain/weighted/layerwise: 4\ntrain/weighted/lm: {}"
    (small,) = judge(RULE, text.format(20))
    (large,) = judge(RULE, text.format(3))
    assert (small.level, large.level) == (Level.INFO, Level.ERROR)


def test_one_record_is_no_stretch(judge):
    (finding,) = judge(RULE, "steps: 1\ntrain/weighted/kd: 5\ntrain/weighted/layerwise: 160")

    assert finding.evidence == ("Above 2 in 1 of 1 record, step 1", "160 in the only record")
