import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.kd_out_of_step import RULE

SOUND = "5 -> 4.8 -> 4.4 -> 4 -> 3.8 ~ 0.03"


def run(kd: str, lm: str, kind: str = "raw") -> str:
    return f"steps: 80\ntrain/{kind}/kd: {kd}\ntrain/{kind}/lm: {lm}"


@pytest.mark.parametrize("kind", ["raw", "weighted"])
def test_labels_that_are_easier_than_the_text(judge, kind):
    (finding,) = judge(RULE, run("2 -> 2 -> 1.9 -> 1.4 -> 0.9 ~ 0.02", "5 -> 2 -> 1.8 -> 1.7 -> 1.6 ~ 0.03", kind))
    assert finding.level == Level.INFO
    assert "the label loss is far ahead" in finding.headline


@pytest.mark.parametrize("kd", ["0.3 -> 0.1 -> 0.11 -> 0.13 -> 0.15 ~ 0.002", "2 -> 1 -> 0.6 -> 0.4 -> 0.3 ~ 0.02"])
def test_targets_that_are_not_the_next_tokens(judge, kd):
    (finding,) = judge(RULE, run(kd, SOUND))
    assert "KD is far ahead" in finding.headline


@pytest.mark.parametrize("scale", [1.0, 0.01, 30.0])
def test_no_constant_weight_or_temperature_matters(judge, scale):
    values = " -> ".join(str(scale * value) for value in (2, 1.8, 1.4, 1, 0.8))
    assert judge(RULE, run(f"{values} ~ {0.02 * scale}", SOUND)) == []


@pytest.mark.parametrize(
    "text",
    [
        # the label loss does not fall: other rules tell
        run("2 -> 1 -> 0.6 -> 0.4 -> 0.3 ~ 0.02", "5 ~ 0.05"),
        # all is noise
        run("2 -> 1.9 ~ 0.6", "5 -> 4 ~ 1"),
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, text) == []


def test_a_term_that_is_0_now_and_then_has_a_weight_that_changes(judge):
    zeros = ", ".join(["1.8"] * 20 + ["0"] * 10 + ["1.2"] * 20)
    text = (
        f"steps: 50\ntrain/weighted/lm: {SOUND}\nsteps: {', '.join(map(str, range(1, 51)))}\ntrain/weighted/kd: {zeros}"
    )
    with pytest.raises(TooFew):
        judge(RULE, text)
    with pytest.raises(TooFew):
        judge(RULE, "steps: 20\ntrain/raw/kd: 2 -> 1\ntrain/raw/lm: 5 -> 4")


def test_kd_that_comes_down_alone(judge):
    text = "steps: 60\ntrain/weighted/kd: 2.5 -> 1 ~ 0.02\ntrain/raw/kd: 5 -> 2 ~ 0.02\n"
    (finding,) = judge(RULE, text + "train/raw/ce: 6.2 -> 5.9 ~ 0.02\ntrain/weighted/ce: 3.1 -> 2.95 ~ 0.02")
    assert "not near the text" in finding.headline
    assert judge(RULE, text + "train/raw/ce: 6.2 -> 5.2 ~ 0.02\ntrain/weighted/ce: 3.1 -> 2.6 ~ 0.02") == []


def test_kd_that_falls_alone_after_both_came_down(judge):
    text = (
        "steps: 100\ntrain/loss: 6.8 -> 3.6 -> 3.5 -> 3.1\ntrain/raw/kd: 7.4 -> 2 -> 1.9 -> 0.8 ~ 0.02\n"
        "train/weight/kd: 0.5\ntrain/raw/lm: 6.2 -> 5.3 -> 5.3 -> 5.3 ~ 0.02\ntrain/weight/lm: 0.5"
    )
    (finding,) = judge(RULE, text)
    assert "not near the text" in finding.headline


KEPT = "train/raw/kd: 2.1 -> 2.3 -> 2.35 -> 2.4 -> 2.4 ~ 0.03"


def test_kd_that_never_comes_down(judge):
    total = "\ntrain/weight/kd: 1\ntrain/weight/lm: 1"
    (sure,) = judge(RULE, f"steps: 80\n{KEPT}\ntrain/raw/lm: 3.9 -> 3 -> 2.8 -> 2.75 -> 2.7 ~ 0.03{total}")
    assert sure.level == Level.WARNING
    assert "KD never comes down" in sure.headline
    # a weight that is not known may have moved; a label loss that falls by little proves less
    (untold,) = judge(RULE, f"steps: 80\n{KEPT}\ntrain/raw/lm: 3.9 -> 3 -> 2.8 -> 2.75 -> 2.7 ~ 0.03")
    (little,) = judge(RULE, f"steps: 80\n{KEPT}\ntrain/raw/lm: 3.9 -> 3.7 -> 3.65 -> 3.6 -> 3.6 ~ 0.03{total}")
    assert (untold.level, little.level) == (Level.INFO, Level.INFO)


@pytest.mark.parametrize("kd", ["0.2 -> 0.4 ~ 0.02", "2.1 -> 1.8 -> 2 -> 2.3 -> 2.4 ~ 0.03", "2.1 ~ 0.6"])
def test_a_copy_or_one_that_came_down_first_is_no_kd_that_never_did(judge, kd):
    found = judge(RULE, f"steps: 80\ntrain/raw/kd: {kd}\ntrain/raw/lm: 3.9 -> 3 -> 2.8 -> 2.75 -> 2.7 ~ 0.03")
    assert not any("never comes down" in one.headline for one in found)


@pytest.mark.parametrize(
    ("kd", "lm", "entropy", "fires"),
    [
        ("8.4 -> 6 -> 5.7 -> 5.6", "4.3 -> 3.2 -> 3 -> 2.95", "2.7", True),
        ("1.5 -> 0.6 -> 0.2 -> 0.1", "4.3 -> 3.2 -> 3 -> 2.95", "2.7", False),
        # the student is still far from its teacher
        ("8.4 -> 7 -> 6.5 -> 6", "4.3 -> 4.1 -> 3.9 -> 3.7", "2.7", False),
        # a cross-entropy has the teacher's entropy as its floor
        ("4.2 -> 3.2 -> 2.9 -> 2.85", "4.3 -> 3.2 -> 3 -> 2.95", "2.7", False),
    ],
)
def test_kd_that_keeps_a_floor_where_the_label_loss_comes_to_the_teachers(judge, kd, lm, entropy, fires):
    text = f"steps: 80\ntrain/raw/kd: {kd} ~ 0.03\ntrain/raw/lm: {lm} ~ 0.05\ntrain/teacher_entropy: {entropy}\n"
    text += f"steps: 11 every 8\neval/lm_loss: {lm}\neval/raw/kd: {kd}\nsteps: 8\nteacher/lm_loss: 2.8"
    told = [one for one in judge(RULE, text) if "Held-out KD keeps" in one.headline]
    assert [one.level for one in told] == [Level.INFO] * fires


@pytest.mark.parametrize(
    ("kd", "lm", "fires"),
    [
        ("0.03 -> 0.1 -> 0.15 -> 0.13 -> 0.12 ~ 0.01", "4.3 -> 3.9 -> 3.4 -> 3.1 -> 3 ~ 0.05", True),
        # it comes down again, or is small because the student came trained
        ("0.03 -> 0.1 -> 0.06 -> 0.04 -> 0.03 ~ 0.002", "4.3 -> 3.9 -> 3.4 -> 3.1 -> 3 ~ 0.05", False),
        ("0.03 -> 0.1 -> 0.15 -> 0.13 -> 0.12 ~ 0.01", "3.3 -> 3.25 -> 3.2 -> 3.1 -> 3 ~ 0.05", False),
    ],
)
def test_kd_that_begins_next_to_nothing_and_grows(judge, kd, lm, fires):
    text = f"{run(kd, lm)}\ntrain/weight/kd: 1\ntrain/weight/lm: 1"
    told = [one for one in judge(RULE, text) if "grows to" in one.headline]
    assert [one.level for one in told] == [Level.INFO] * fires


def test_kd_that_leaves_its_beginning_within_a_few_records(judge):
    kd = [0.012, 0.017, 0.053, 0.15, 0.14, *(0.17 + 0.0002 * i + 0.002 * (7 * i % 5 - 2) for i in range(75))]
    lm = [4.37, 4.16, 3.85, 3.53, 3.52, *(3.2 - 0.0055 * i + 0.03 * (3 * i % 5 - 2) for i in range(75))]
    text = run(*(", ".join(f"{value:.4f}" for value in values) for values in (kd, lm)))

    (finding,) = judge(RULE, f"{text}\ntrain/weight/kd: 1\ntrain/weight/lm: 1")
    assert "KD begins at 0.017 and grows to 0.18" in finding.headline
    assert finding.level == Level.INFO
