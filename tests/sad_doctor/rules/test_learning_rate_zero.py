import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.learning_rate_zero import RULE


def test_zero_throughout_counts_its_records(judge):
    (finding,) = judge(RULE, "steps: 40 every 25\ntrain/lr: 0\ntrain/loss: 28 ~ 3")

    assert finding.level == Level.ERROR
    assert "40 of 40" in finding.headline


def test_zero_beside_a_falling_loss_is_a_hint(judge):
    (finding,) = judge(RULE, "steps: 40 every 25\ntrain/lr: 0\ntrain/loss: 28 -> 9 ~ 0.5")

    assert finding.level == Level.INFO


@pytest.mark.parametrize(
    "rate",
    [
        "0, 1e-4, 2e-4, 3e-4, 2e-4, 1e-4",
        "3e-4, 2e-4, 2e-4, 1e-4, 1e-4, 0",
        "3e-4, 0, 3e-4, 2e-4, 1e-4, 0",
    ],
    ids=["start of a warm-up", "end of a decay", "restarts"],
)
def test_single_zeros_of_a_schedule_are_fine(judge, rate):
    assert judge(RULE, f"steps: 6 every 100\ntrain/lr: {rate}") == []


def test_a_schedule_that_ends_early_is_a_warning(judge):
    (finding,) = judge(RULE, "fact total_steps: 1000\nsteps: 100 every 10\ntrain/lr: 3e-4 -> 0 -> 0 -> 0 -> 0")

    assert finding.level == Level.WARNING
    assert "shorter than the training" in finding.cause
    assert "1,000 steps" in finding.evidence[0]


def test_zeros_at_the_first_records_wait(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 8\ntrain/lr: 0")


def test_the_last_record_of_a_run_alone_waits(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 21999, 22000\ntrain/lr: 0, 0")


def test_an_evaluation_that_changes_proves_the_zero_wrong(judge):
    text = "steps: 40 every 25\ntrain/lr: 0\ntrain/loss: 1.2 ~ 0.3\nsteps: 3 every 300\neval/loss: 1.23, 1.22, 1.21"

    (finding,) = judge(RULE, text)
    assert finding.level == Level.INFO
    assert "yet the evaluation changes" in finding.headline


def test_a_decay_that_the_digits_round_to_zero_is_fine(judge):
    rounded = ", ".join(f"{3e-4 * (1 - i / 100):.4f}" for i in range(100))

    assert judge(RULE, f"steps: 100 every 10\ntrain/lr: {rounded}") == []


def test_a_schedule_that_ends_early_is_seen_in_few_digits_too(judge):
    rounded = ", ".join(f"{max(0, 3e-4 * (1 - i / 50)):.2e}" for i in range(100))

    (finding,) = judge(RULE, f"steps: 100 every 10\ntrain/lr: {rounded}")
    assert "50 of 100" in finding.headline


def test_zeros_among_values_that_are_not_finite(judge):
    (finding,) = judge(RULE, "steps: 6\ntrain/lr: nan, 0, 0, 0, 0, inf")

    assert finding.level == Level.WARNING


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps: 5\ntrain/lr: 0", "warm-up$"),
        ("fact total_steps: 24914\nsteps: 21990, 21999\ntrain/lr: 0", "only steps 21,990 to 21,999 of 24,914"),
        ("fact total_steps: 24914\nsteps: 21999,\ntrain/lr: 0", "the only record has"),
    ],
)
def test_few_zeros_are_told_by_where_they_stand(judge, text, says):
    with pytest.raises(TooFew, match=says):
        judge(RULE, text.replace("21999,\n", "21999, 21999\n"))


def test_next_to_zero_long_before_the_end(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/lr: 1e-3 -> 1e-3 -> 1e-7 -> 1e-8 -> 1e-9")
    assert "next to zero since step" in finding.headline
    assert judge(RULE, "fact total_steps: 1000\nsteps: 100\ntrain/lr: 1e-3 -> 9e-4") == []
    assert judge(RULE, "steps: 100\ntrain/lr: 1e-3 -> 5e-4 -> 1e-4 -> 1e-8") == []
    assert judge(RULE, "steps: 100\ntrain/lr: 1e-3 -> 1e-3 -> 4e-5 -> 4e-5") == []


@pytest.mark.parametrize(("rest", "level"), [(13, Level.INFO), (30, Level.WARNING)])
def test_a_rest_at_the_very_end_is_a_hint(judge, rest, level):
    rates = ", ".join("0" if step >= 100 - rest else f"{1e-3 * (1 - step / 200):.6f}" for step in range(100))
    (finding,) = judge(RULE, f"steps: {', '.join(map(str, range(100)))}\ntrain/lr: {rates}")
    assert finding.level == level


@pytest.mark.parametrize(("planned", "records", "told"), [(1200, 70, 1), (1200, 30, 0), (6000, 70, 0)])
def test_many_zeros_need_a_twentieth_of_the_plan(judge, planned, records, told):
    text = f"steps: {records}\ntrain/loss: 3 ~ 0.2\ntrain/lr: 0\nfact total_steps: {planned}"
    if told:
        assert len(judge(RULE, text)) == 1
    else:
        with pytest.raises(TooFew):
            judge(RULE, text)


def test_a_paste_that_begins_with_zeros_is_a_warm_up_or_an_overflow(judge):
    # DeepSpeed skips its first steps until the loss scale fits, and the schedule with them
    with pytest.raises(TooFew, match="overflow"):
        judge(RULE, "steps: 5\ntrain/loss: 1.9 -> 1.7\ntrain/lr: 0, 0, 0, 2e-6, 4e-6")
    assert len(judge(RULE, "steps: 5\ntrain/loss: 1.9 -> 1.7\ntrain/lr: 5.2e-6, 2.6e-6, 0, 0, 0")) == 1
