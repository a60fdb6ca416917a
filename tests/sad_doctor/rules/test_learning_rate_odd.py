import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.learning_rate_odd import RULE


def test_a_warm_up_that_outlasts_the_run(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/lr: 1e-06 -> 0.0001\nfact total_steps: 100")
    assert finding.level == Level.WARNING
    assert "never ends" in finding.headline


def test_half_way_or_without_a_plan_it_is_a_hint(judge):
    (half,) = judge(RULE, "steps: 100\ntrain/lr: 1e-06 -> 0.0001\nfact total_steps: 180")
    (alone,) = judge(RULE, "steps: 100\ntrain/lr: 1e-06 -> 0.0001")
    assert (half.level, alone.level) == (Level.INFO, Level.INFO)


def test_below_zero(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/lr: 0.0001 -> -0.00002")
    assert "below 0" in finding.headline


def test_a_schedule_that_begins_anew(judge):
    text = "steps: 50\ntrain/lr: 0.0001 -> 0.00005\nsteps: 51, 52, 53, 54, 55, 56, 57, 58, 59, 60\ntrain/lr: 0.0001"
    (finding,) = judge(RULE, text)
    assert finding.level == Level.INFO
    assert finding.first_step == 51


def test_one_that_turns_round_all_the_time(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/lr: 0.0001 ~ 0.00002")
    assert "up and down" in finding.headline


@pytest.mark.parametrize(
    "rate",
    [
        "0 -> 0.0001 -> 0.00009 -> 0.00007 -> 0.00003 -> 0",
        "0.0001",
        "0 -> 0.0001 -> 0.0001 -> 0.0001 -> 0.0001",
        "0.0001 -> 0",
    ],
)
def test_schedules_are_left_alone(judge, rate):
    assert judge(RULE, f"steps: 100\ntrain/lr: {rate}\nfact total_steps: 100") == []


def test_a_warm_up_under_way_is_left_alone(judge):
    assert judge(RULE, "steps: 30\ntrain/lr: 1e-06 -> 0.0001\nfact total_steps: 1000") == []


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 5\ntrain/lr: 0.0001")


def test_a_rate_that_never_comes_down(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/lr: 0.00001 -> 0.0001 -> 0.00013 -> 0.00015\nfact total_steps: 100")
    assert "no schedule takes it down" in finding.headline


def test_a_long_warm_up_and_a_rate_that_is_held(judge):
    assert judge(RULE, "steps: 100\ntrain/lr: 0.00001 -> 0.0001 -> 0.0001 -> 0.0001\nfact total_steps: 100") == []


@pytest.mark.parametrize(("peak", "says"), [("0.3", "moves every weight"), ("3e-09", "no step of Adam arrives")])
def test_a_peak_that_nobody_means_is_a_hint(judge, peak, says):
    (finding,) = judge(RULE, f"steps: 100\ntrain/lr: {peak} -> 0\nfact total_steps: 100")
    assert (finding.level, says in finding.headline) == (Level.INFO, True)


@pytest.mark.parametrize("peak", ["0.02", "2e-07"])
def test_peaks_in_use_are_left_alone(judge, peak):
    assert judge(RULE, f"steps: 100\ntrain/lr: {peak} -> 0\nfact total_steps: 100") == []


@pytest.mark.parametrize(("fact", "hints"), [("optimizer: SGD", 0), ("optim: sgd", 0), ("optimizer: AdamW", 1)])
def test_the_peak_of_plain_sgd_may_be_large(judge, fact, hints):
    assert len(judge(RULE, f"steps: 100\ntrain/lr: 0.3 -> 0\nfact {fact}")) == hints


def test_a_warm_up_in_every_epoch(judge):
    rates = ", ".join(f"{(step % 20) / 20e3:.6f}" for step in range(120))
    (finding,) = judge(RULE, f"steps: {', '.join(map(str, range(120)))}\ntrain/lr: {rates}")
    assert "climbs back, and so at 4 more places" in finding.headline


def test_a_staircase_is_left_alone(judge):
    rates = ", ".join(str(1e-3 * 0.1 ** (step // 40)) for step in range(120))
    assert judge(RULE, f"steps: {', '.join(map(str, range(120)))}\ntrain/lr: {rates}") == []


@pytest.mark.parametrize(("loss", "told"), [("7 -> 3 -> 2", 0), ("7 -> 6 -> 5", 1)])
def test_a_rate_of_which_the_loss_falls_by_half_fits(judge, loss, told):
    assert len(judge(RULE, f"steps: 60\ntrain/lr: 0.3 -> 0\ntrain/loss: {loss} ~ 0.05")) == told


@pytest.mark.parametrize(("rate", "told"), [(3e-5, 1), (3e-4, 0)], ids=["a twentieth is left", "half is left"])
def test_a_decay_that_is_over_early(judge, rate, told):
    values = [6e-4] * 5 + [5e-4, 4e-4] + [rate] * 33
    text = f"steps: 40 every 10\ntrain/lr: {', '.join(map(str, values))}"
    assert ["at its lowest, 3e-05, from step 80 on" in one.headline for one in judge(RULE, text)] == [True] * told
    late = f"steps: 40 every 10\ntrain/lr: {', '.join(map(str, [6e-4] * 20 + [rate] * 20))}"
    assert judge(RULE, late) == []


def test_a_loss_that_comes_back_from_its_first_step_shows_no_rate_that_fits(judge):
    thrown = ", ".join(["60", "20", "6", "3.2"] + ["3.02", "3.05", "3.03"] * 12)
    (finding,) = judge(
        RULE, f"steps: 40\ntrain/lr: 0.6\nsteps: {', '.join(map(str, range(1, 41)))}\ntrain/loss: {thrown}"
    )
    assert "goes up to 0.6" in finding.headline
    assert judge(RULE, "steps: 40\ntrain/lr: 0.6\ntrain/loss: 6 -> 3 -> 2 -> 1.5 -> 1 ~ 0.02") == []
