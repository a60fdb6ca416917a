import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.totals_differ import RULE

PARTS = """steps: 100
train/loss: 9 -> 6 ~ 0.02
train/weighted/kd: 3 -> 2 ~ 0.01
train/weighted/lm: 5 -> 3.4 ~ 0.01
train/weighted/layerwise: 1 -> 0.6 ~ 0.01
"""
EVALUATED = "steps: 8 every 12\neval/loss: "
FALLS = "9, 8.6, 8.2, 7.9, 7.6, 7.3, 7.1, 7"
EPOCH = "train/epoch: 0.01 -> {}\n"


def test_an_evaluation_without_one_of_the_parts(judge):
    (finding,) = judge(RULE, PARTS + EVALUATED + "6 -> 4.2")
    assert finding.level == Level.WARNING
    assert "that of lm and layerwise alone" in finding.headline
    assert "kd is not in it" in finding.headline


def test_a_label_loss_alone_may_be_meant(judge):
    (finding,) = judge(RULE, PARTS + EVALUATED + "5 -> 3.5")
    assert finding.level == Level.INFO
    assert "that of lm alone" in finding.headline


def test_a_label_loss_before_its_weight_is_one_too(judge):
    text = PARTS.replace("weighted", "raw").replace("9 -> 6", "8.5 -> 5.62")
    weights = "train/weight/lm: 0.3\ntrain/weight/kd: 2\ntrain/weight/layerwise: 1\n"
    (finding,) = judge(RULE, text + weights + EVALUATED + "5 -> 3.5")
    assert finding.level == Level.INFO
    assert "that of lm alone, before its weight," in finding.headline


def test_a_term_that_is_too_small_to_be_seen_is_not_counted(judge):
    """Beside the label loss alone, what a hundredth of it adds is within the evaluation's own luck."""
    text = PARTS.replace("layerwise: 1 -> 0.6", "layerwise: 0.05 -> 0.03").replace("9 -> 6", "8.05 -> 5.43")
    (finding,) = judge(RULE, text + EVALUATED + "5.05 -> 3.45")
    assert finding.level == Level.INFO
    assert "that of lm alone" in finding.headline


@pytest.mark.parametrize("value", ["9 -> 6.2", "9.4 -> 6.6", "12 -> 8"])
def test_one_of_all_parts_or_of_none_of_their_sums(judge, value):
    assert judge(RULE, PARTS + EVALUATED + value) == []


@pytest.mark.parametrize(("end", "fires"), [(20, True), (9, True), (7.4, True), (5.9, False)])
def test_a_training_that_drifts_away_from_an_evaluation_that_falls(judge, end, fires):
    found = judge(RULE, f"steps: 100\ntrain/loss: 9 -> {end} ~ 0.05\n{EVALUATED}{FALLS.replace('7.1, 7', '5.9, 5.5')}")
    assert bool(found) is fires
    assert all("part ways" in one.headline for one in found)


@pytest.mark.parametrize(("passes", "fires"), [(0.6, True), (3, False)])
def test_a_gap_that_opens_in_the_first_pass_is_nothing_learned_by_heart(judge, passes, fires):
    text = f"steps: 100\ntrain/loss: 9 -> 4 ~ 0.05\n{EPOCH.format(passes)}{EVALUATED}{FALLS}"
    found = judge(RULE, text)
    assert bool(found) is fires
    assert all("something else" in one.cause for one in found)


def test_without_an_epoch_a_gap_may_be_learned_by_heart(judge):
    assert judge(RULE, f"steps: 100\ntrain/loss: 9 -> 4 ~ 0.05\n{EVALUATED}{FALLS}") == []


def test_few_evaluations_are_not_judged(judge):
    with pytest.raises(TooFew, match="6 evaluations"):
        judge(RULE, "steps: 100\ntrain/loss: 9 -> 4\nsteps: 4 every 25\neval/loss: 9 -> 4")


@pytest.mark.parametrize(("values", "fires"), [("9 -> 64", True), ("9 -> 20", False)])
def test_sums_that_are_never_set_to_0(judge, values, fires):
    found = judge(RULE, f"steps: 100\ntrain/loss: 8 ~ 0.05\n{EVALUATED}{values}")
    assert [one.level for one in found] == ([Level.WARNING] if fires else [])
    assert all("never set to 0" in one.cause for one in found)


FALLING = "steps: 8 every 12\neval/loss: 9, 8.6, 8.2, 7.8, 7.4, 7, 6.7, 6.4"


def test_one_factor_throughout_is_bits_or_another_divisor(judge):
    (finding,) = judge(RULE, f"steps: 100\ntrain/loss: 13 -> 8.9 ~ 0.05\n{FALLING}")
    assert finding.level == Level.INFO
    assert "bits" in finding.cause
    (finding,) = judge(RULE, f"steps: 100\ntrain/loss: 11.7 -> 8.0 ~ 0.05\n{FALLING}")
    assert "throughout" in finding.headline
    assert "bits" not in finding.cause


@pytest.mark.parametrize("loss", ["9.6 -> 6.6", "11.5 -> 8.9"])
def test_a_small_factor_or_a_constant_distance_is_none(judge, loss):
    assert judge(RULE, f"steps: 100\ntrain/loss: {loss} ~ 0.05\n{FALLING}") == []


def test_an_evaluation_many_times_the_training_from_the_first_record(judge):
    (finding,) = judge(RULE, "steps: 50\ntrain/loss: 0.012 -> 0.005\nsteps: 3 every 15\neval/loss: 0.33, 0.31, 0.31")
    assert "from the first record on" in finding.headline


def test_overfitting_opens_such_a_gap_later(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 50\ntrain/loss: 2 -> 0.1\nsteps: 3 every 15\neval/loss: 2, 2.5, 3")


def test_an_evaluation_above_the_training_in_a_first_pass(judge):
    text = "steps: 100\ntrain/loss: 6.2 -> 5 -> 4.2 -> 4 ~ 0.05\ntrain/epoch: 0.01 -> {}\n" + FALLING
    (finding,) = judge(RULE, text.format("0.9"))
    assert "in a first pass" in finding.headline
    assert judge(RULE, text.format("3")) == []


@pytest.mark.parametrize(("first", "fires"), [("12, 11.6, 11.2", True), ("9, 8.6, 8.2", False)])
def test_the_first_of_several_passes_suffices(judge, first, fires):
    text = "steps: 100\ntrain/loss: 9 -> 6 ~ 0.05\n" + EPOCH.format(2.6)
    found = judge(RULE, f"{text}{EVALUATED}{first}, 7.6, 7.3, 7, 6.6, 6.4")
    assert bool(found) is fires
    assert all("at each of 3 evaluations" in one.evidence[0] for one in found)


@pytest.mark.parametrize(("after", "fires"), [("4 -> 3.9", True), ("7.5 -> 7.2", False)])
def test_what_parts_at_once_is_nothing_learned_by_heart(judge, after, fires):
    training = f"steps: 40\ntrain/loss: 9 -> 7.7 ~ 0.03\nsteps: {', '.join(map(str, range(41, 101)))}\n"
    found = judge(RULE, f"{training}train/loss: {after} ~ 0.03\n{EVALUATED}9, 8.6, 8.3, 7.8, 7.7, 7.6, 7.5, 7.5")
    assert bool(found) is fires
    assert all("At once, by step" in one.cause and one.first_step > 36 for one in found)


def test_a_term_of_the_states_may_be_left_out_on_purpose(judge):
    (finding,) = judge(RULE, PARTS + EVALUATED + "8 -> 5.4")
    assert finding.level == Level.INFO
    assert "layerwise is not in it" in finding.headline


@pytest.mark.parametrize(
    ("evaluations", "fires"),
    [
        ("5, 4.4, 4.1, 3.9, 3.8, 3.75, 3.7, 3.65", True),
        # only as far ahead as the records that follow are
        ("8.4, 6.8, 5.7, 4.9, 4.4, 4, 3.7, 3.65", False),
        # they do not meet: one of the two has another factor
        ("4.1, 3.9, 3.6, 3.4, 3.2, 3, 2.8, 2.6", False),
    ],
)
def test_an_evaluation_that_is_ahead_of_the_training_and_meets_it(judge, evaluations, fires):
    text = f"steps: 100\ntrain/loss: 10 -> 7 -> 5 -> 4 -> 3.7 -> 3.6 ~ 0.03\n{EVALUATED}{evaluations}"
    told = [one for one in judge(RULE, text) if "ahead of the training" in one.headline]
    assert [one.level for one in told] == [Level.INFO] * fires
