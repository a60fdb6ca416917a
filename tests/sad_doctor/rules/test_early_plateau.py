import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.early_plateau import RULE

FLAT = "steps: 500 every 10\ntrain/loss: 12 -> 9 -> 9 -> 9 -> 9 -> 9 -> 9 -> 9 ~ 0.05"


def test_flat_loss_with_most_of_the_schedule_to_come(judge):
    (finding,) = judge(RULE, f"fact total_steps: 10000\n{FLAT}")

    assert abs(finding.numbers["train/loss"]) < 0.05


def test_noise_hides_a_plateau_and_forbids_the_verdict(judge):
    with pytest.raises(TooFew, match="noise"):
        judge(RULE, "fact total_steps: 10000\nsteps: 60 every 100\ntrain/loss: 9 ~ 2")


def test_a_noisy_term_does_not_hide_a_plateau_of_the_whole(judge):
    (finding,) = judge(RULE, f"fact total_steps: 10000\n{FLAT}\ntrain/raw/kd: 5 ~ 2\ntrain/raw/lm: 3 ~ 0.5")

    assert list(finding.numbers) == ["train/loss"]


def test_a_term_alone_may_be_at_its_end(judge):
    text = "fact total_steps: 10000\nsteps: 500 every 10\ntrain/loss: 9 ~ 2\ntrain/raw/lm: 3"

    with pytest.raises(TooFew, match="noise"):
        judge(RULE, text)


def test_a_loss_near_zero_has_nowhere_to_fall(judge):
    with pytest.raises(TooFew, match="near 0"):
        judge(
            RULE,
            "fact total_steps: 600\nsteps: 60 every 10\ntrain/loss: 0.7 -> 0.002 -> 0.001 -> 0.0004 -> 0.0001 -> 0",
        )


def test_one_series_that_improves_is_enough(judge):
    text = f"fact total_steps: 10000\n{FLAT}\nsteps: 10 every 500\neval/lm_loss: 6 -> 4"

    assert judge(RULE, text) == []


def test_without_a_planned_length_the_logged_range_is_judged(judge):
    (finding,) = judge(RULE, FLAT)
    assert "since step 1,010" in finding.headline
    assert "logged range" in " ".join(finding.evidence)

    with pytest.raises(TooFew, match="how many steps"):
        judge(RULE, "steps: 100 every 10\ntrain/loss: 12 -> 9 -> 9 -> 9 -> 9 -> 9 ~ 0.05")


def test_a_loss_that_rises_far_is_no_plateau(judge):
    with pytest.raises(TooFew, match="rises"):
        judge(RULE, "fact total_steps: 1000\nsteps: 200 every 5\ntrain/loss: 3 -> 13 ~ 0.05")


RISES = "fact total_steps: 1000\nsteps: 200 every 5\ntrain/loss: 3 -> 3.2 ~ 0.02"


def test_one_that_rises_slowly_has_another_cause(judge):
    (finding,) = judge(RULE, RISES)

    assert "rises" in finding.cause
    assert "too small" not in finding.cause


@pytest.mark.parametrize(("beside", "level"), [("", Level.INFO), ("\ntrain/raw/kd: 5 ~ 2", Level.WARNING)])
def test_a_total_alone_that_rises_slowly_is_a_hint(judge, beside, level):
    """A term that comes in lifts it too."""
    (finding,) = judge(RULE, RISES + beside)
    assert finding.level == level


def test_too_early_is_not_judged(judge):
    with pytest.raises(TooFew, match=r"5\.0%"):
        judge(RULE, f"fact total_steps: 100000\n{FLAT}")


def test_few_records_are_not_judged(judge):
    with pytest.raises(TooFew, match="records"):
        judge(RULE, "fact total_steps: 100\nsteps: 20 every 4\ntrain/loss: 9")


def test_early_stopping_before_half_is_told_with_its_share(judge):
    text = "fact total_steps: 24914\nevent early_stop @ 12000: No improvement for 20 evaluations.\nsteps: 9 every 999\n"

    (finding,) = judge(RULE, text + "train/loss: 9 -> 8")
    assert "48.2%" in finding.headline


def test_early_stopping_near_the_end_is_fine(judge):
    text = "fact total_steps: 1000\nevent early_stop @ 900: enough\nsteps: 90 every 10\ntrain/loss: 9 -> 3"

    assert judge(RULE, text) == []


def test_a_loss_that_is_one_number_from_some_step_on_is_told(judge):
    losses = [round(4 - 0.0213 * i + 0.05 * ((i * 7) % 5), 4) for i in range(50)]
    steps = ", ".join(str(i) for i in range(1, 101))
    text = f"steps: {steps}\ntrain/loss: " + ", ".join(map(str, losses))

    (finding,) = judge(RULE, text + ", -1" * 50)
    assert finding.headline.startswith("The training loss is exactly -1 in the last 50 of 100 records, from step 51 on")
    coarse = ", ".join(f"{3 - 0.1 * (i // 10):.1f}" for i in range(50))
    with pytest.raises(TooFew):
        judge(RULE, f"steps: {steps}\ntrain/loss: {coarse}" + ", 2.5" * 50)


def test_the_headline_names_the_evaluation(judge):
    text = "steps: 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000\neval/loss: " + ", ".join(["3.8"] * 10)

    (finding,) = judge(RULE, text + "\nsteps: 1000\ntrain/loss: 4 -> 2 ~ 0.02")
    assert finding.headline.startswith("The evaluation has not fallen since the first record")


def test_a_loss_that_was_lower_in_between_is_no_plateau(judge):
    with pytest.raises(TooFew, match="elsewhere in between"):
        judge(RULE, "fact total_steps: 1000\nsteps: 200 every 5\ntrain/loss: 4 -> 3 -> 3 -> 2 -> 2 -> 3 -> 3 ~ 0.02")


def test_a_loss_that_was_thrown_up_in_between_is_no_plateau(judge):
    with pytest.raises(TooFew, match="elsewhere in between"):
        judge(
            RULE,
            "fact total_steps: 200\nsteps: 110\ntrain/loss: 5 -> 3.7 -> 3.7 ~ 0.05\n"
            f"steps: {', '.join(map(str, range(111, 201)))}\ntrain/loss: 4.8 -> 4.2 -> 4 -> 3.9 -> 3.8 ~ 0.05",
        )


@pytest.mark.parametrize(("loss", "since"), [("8 ~ 0.05", "the first record"), ("12 -> 8 -> 8 -> 8 -> 8 -> 8", "step")])
def test_one_that_never_fell_is_told_as_that(judge, loss, since):
    (finding,) = judge(RULE, f"steps: 400\ntrain/loss: {loss} ~ 0.05".replace("~ 0.05 ~", "~"))
    assert f"has not fallen since {since}" in finding.headline


def test_records_that_a_resume_wrote_first_are_not_the_beginning(judge):
    # the file begins with what was logged last: in the order of steps the loss falls from 12
    late = f"steps: {', '.join(str(i) for i in range(101, 401))}\ntrain/loss: 8 ~ 0.05\n"
    (finding,) = judge(RULE, late + "steps: 100\ntrain/loss: 12 -> 8 ~ 0.05")
    assert "since step" in finding.headline
