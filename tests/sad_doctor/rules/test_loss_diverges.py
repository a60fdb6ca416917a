import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.loss_diverges import RULE

UP = "train/loss: 5 -> 2.4 -> 2.2 -> 6 -> 10 -> 10 ~ 0.1"


def test_it_tells_where_the_loss_was_lowest(judge):
    (finding,) = judge(RULE, f"steps: 400\n{UP}")

    assert finding.level == Level.ERROR
    assert 100 < finding.first_step < 200
    assert "and stays up" in finding.headline


def test_a_divergence_within_the_first_tenth(judge):
    early = ", ".join(f"{max(3.0, 9 - 0.4 * i) + 0.05 * (i % 3):.2f}" for i in range(30))
    (finding,) = judge(RULE, f"steps: {', '.join(map(str, range(30)))}\ntrain/loss: {early}\n{late(7.5)}")

    assert finding.first_step < 40
    assert finding.numbers["first"] > 7
    assert finding.level == Level.ERROR
    assert judge(RULE, f"steps: {', '.join(map(str, range(30)))}\ntrain/loss: {early}\n{late(3)}") == []


def late(level):
    return f"steps: {', '.join(map(str, range(30, 630)))}\ntrain/loss: {level} ~ 0.3"


def test_a_loss_that_only_ever_rises_diverges_too(judge):
    assert len(judge(RULE, "steps: 200\ntrain/loss: 3 -> 13")) == 1


def test_a_small_rise_below_the_beginning_is_a_warning(judge):
    (finding,) = judge(RULE, "steps: 200\ntrain/loss: 9 -> 4 -> 5.5 -> 5.5 ~ 0.05")

    assert finding.level == Level.WARNING


@pytest.mark.parametrize(
    "loss",
    [
        "9 -> 4 ~ 0.5",
        "4 ~ 1.5",
        "4 -> 4.1 ~ 0.1",
        "9 -> 3 -> 3 -> 12 -> 3 -> 2.9 -> 2.8 -> 2.7 -> 2.6",
    ],
    ids=["falls", "noise", "a little", "a spike that heals"],
)
def test_no_alarm(judge, loss):
    assert judge(RULE, f"steps: 200\ntrain/loss: {loss}") == []


def test_a_term_that_comes_in_is_no_divergence(judge):
    text = "steps: 200\ntrain/weighted/lm: 9 -> 5\ntrain/weighted/kd: 0 -> 0 -> 8 -> 8\n"

    assert judge(RULE, text + "train/loss: 9 -> 7.7 -> 14.3 -> 13") == []


def test_a_label_loss_that_rises_with_the_total_is_one(judge):
    text = "steps: 200\ntrain/weighted/lm: 5 -> 11\ntrain/weighted/kd: 1\ntrain/loss: 6 -> 12"

    (finding,) = judge(RULE, text)
    assert "The term lm too" in finding.evidence


def test_an_evaluation_that_falls_makes_it_a_hint(judge):
    (finding,) = judge(RULE, f"steps: 400\n{UP}\nsteps: 9 every 40\neval/lm_loss: 6 -> 3")

    assert finding.level == Level.INFO


def test_few_records_are_not_judged_but_for_a_rise_all_along(judge):
    with pytest.raises(TooFew, match="20 finite records"):
        judge(RULE, "steps: 20\ntrain/loss: 3 -> 2 -> 13")
    for rises in ("steps: 16\ntrain/loss: 1.42 -> 1.64 ~ 0.01", "steps: 200\ntrain/loss: 0.02 -> 0.3 ~ 0.01"):
        (hint,) = judge(RULE, rises)
        assert hint.level == Level.INFO
        assert "has never fallen" in hint.headline


def test_a_rise_that_is_undone_in_a_log_without_parts_is_a_hint(judge):
    (hint,) = judge(RULE, "steps: 100\ntrain/loss: 2 -> 2 -> 3.2 -> 2.9 -> 2.8 ~ 0.02")
    (alarm,) = judge(RULE, "steps: 100\ntrain/loss: 2 -> 2 -> 3.2 -> 3.2 -> 3.2 ~ 0.02")

    assert hint.level < alarm.level


def test_an_explosion_has_no_steady_noise(judge):
    losses = ", ".join(f"{4 + 0.01 * (i % 3) + (2 ** ((i - 42) / 4) if i > 40 else 0):.3f}" for i in range(60))
    steps = ", ".join(str(i) for i in range(1, 61))
    assert judge(RULE, f"steps: {steps}\ntrain/loss: {losses}")


def _rows(**columns):
    count = max(map(len, columns.values()))
    steps = "steps: " + ", ".join(str(i) for i in range(1, count + 1))
    told = (f"{name.replace('__', '/')}: {', '.join(map(str, values))}" for name, values in columns.items())
    return "\n".join([steps, *told])


def _staged(jump):
    """Three stages: the loss falls in each, and stands higher in the next."""
    return [round(2 - 0.01 * (i % 40) + jump * (i // 40) + 0.01 * (i % 3), 3) for i in range(120)]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("train__length", [512 * (1 + i // 40) for i in range(120)]),
        ("stage", [i // 40 for i in range(120)]),
        ("kl", [0] * 40 + [round(3 + 0.01 * i, 2) for i in range(40)] + [0] * 40),
    ],
)
def test_a_loss_that_steps_where_the_objective_changes_does_not_diverge(judge, name, values):
    (hint,) = judge(RULE, _rows(train__loss=_staged(1), **{name: values}))
    (alarm,) = judge(RULE, _rows(train__loss=_staged(1), stage=[1] * 120))

    assert (hint.level, alarm.level) == (Level.INFO, Level.ERROR)
    assert hint.first_step == 41
    assert "no divergence" in hint.headline


def test_a_setting_that_changes_elsewhere_excuses_nothing(judge):
    stage = [0] * 20 + [1] * 100
    (alarm,) = judge(RULE, _rows(train__loss=_staged(1), stage=stage))

    assert alarm.level == Level.ERROR


def test_a_loss_that_rises_slowly_after_a_change_diverges(judge):
    loss = [2.0 + 0.01 * (i % 3) + max(0, i - 40) * 0.1 for i in range(120)]
    (alarm,) = judge(RULE, _rows(train__loss=loss, train__length=[512] * 40 + [1024] * 80))

    assert alarm.level == Level.ERROR
    assert "rises from" in alarm.headline


def test_a_jump_from_one_record_to_the_next_is_told_as_one(judge):
    loss = [round(2.4 * (8 if i >= 60 else 1) * (1 + 0.02 * (i % 3)), 3) for i in range(120)]
    (alarm,) = judge(RULE, _rows(train__loss=loss))

    assert (
        alarm.headline == "The loss jumps from 2.448 to 19.584 at step 61, from one record to the next, and stays up."
    )
    assert "accumulation" in alarm.cause


def test_a_loss_that_explodes_is_no_hint_though_it_comes_down(judge):
    text = "steps: 60\ntrain/loss: 7 -> 4 ~ 0.1\nsteps: " + ", ".join(str(i) for i in range(61, 101))
    (finding,) = judge(RULE, f"{text}\ntrain/loss: 70000 -> 900")
    assert finding.level == Level.ERROR


def test_steps_of_several_starts_that_lie_over_one_another(judge):
    steps = ", ".join(map(str, [*range(1, 101), *range(1, 51)]))
    losses = [10 - 0.06 * i for i in range(100)] + [2.5 - 0.005 * i for i in range(50)]
    with pytest.raises(TooFew, match="several starts"):
        judge(RULE, f"steps: {steps}\ntrain/loss: {', '.join(map(str, losses))}")


@pytest.mark.parametrize(("kd", "lm", "teacher"), [(3.4, 3.5, True), (3.4, 6.4, False)])
def test_the_term_that_jumps_alone_is_named(judge, kd, lm, teacher):
    text = "steps: 40\ntrain/loss: 4.4 -> 3.6\ntrain/raw/kd: 1 -> 0.6 ~ 0.02\ntrain/raw/lm: 3.4 -> 3 ~ 0.02\n"
    later = ", ".join(map(str, range(41, 121)))
    (finding,) = judge(
        RULE, f"{text}steps: {later}\ntrain/loss: {kd + lm}\ntrain/raw/kd: {kd} ~ 0.02\ntrain/raw/lm: {lm} ~ 0.02"
    )
    assert ("At that step kd jumps, and no other term does as far" in finding.evidence) == teacher
    assert finding.cause.startswith("The teacher's side") == teacher


@pytest.mark.parametrize(("begins", "fires"), [("0, 0, 0, 0", False), ("0.02, 0.01, 0.02, 0.01", True)])
def test_a_term_that_was_exactly_0_was_not_asked_for(judge, begins, fires):
    later = ", ".join(f"{0.05 * step:.2f}" for step in range(1, 97))
    terms = (
        f"train/raw/lm: 2.2 -> 2 ~ 0.02\ntrain/raw/kd: {begins}, {later}\ntrain/loss: 2.2 -> 2.4 -> 4.5 -> 6.8 ~ 0.02"
    )
    assert bool(judge(RULE, f"steps: 100\n{terms}")) is fires
