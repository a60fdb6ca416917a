import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.label_loss_apart import RULE

KD = "train/raw/kd: 1.9 -> 1.2 ~ 0.02\n"
AT = "steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60\n"


def run(training: str, evaluation: str, more: str = "") -> str:
    return f"steps: 60\ntrain/raw/lm: {training} ~ 0.05\n{KD}{AT}{evaluation}\n{more}"


def test_labels_of_other_text_and_a_loss_that_is_made_small(judge):
    (up,) = judge(RULE, run("5 -> 4.95", "eval/lm_loss: 5 -> 3.9"))
    (down,) = judge(RULE, run("5 -> 0.6", "eval/lm_loss: 5 -> 3.9"))

    assert up.level == down.level == Level.INFO
    assert "labels or texts are not those of the evaluation" in up.cause
    assert "by heart" in down.cause


def test_a_perplexity_stands_for_the_loss(judge):
    (finding,) = judge(RULE, run("5 -> 4.95", "eval/perplexity: 148 -> 50"))
    assert finding.numbers["times"] > 1.1


def test_what_parts_too_is_told(judge):
    labels = judge(RULE, run("5 -> 4.95", "eval/lm_loss: 5 -> 3.9", "eval/raw/kd: 1.9 -> 1.2"))
    texts = judge(RULE, run("5 -> 0.6", "eval/lm_loss: 5 -> 3.9", "eval/raw/kd: 1.9 -> 4"))

    assert "The term kd did not" not in labels[0].evidence[-1]
    assert "Kd did not: look at the labels" in labels[0].evidence
    assert "Kd parted too: look at the texts" in texts[0].evidence


@pytest.mark.parametrize(
    "text",
    [
        run("5 -> 3.9", "eval/lm_loss: 5 -> 3.9"),
        # a constant factor: a weight, or bits
        run("2.5 -> 1.95", "eval/lm_loss: 5 -> 3.9"),
        # text that is seen a few times
        run("5 -> 3.5", "eval/lm_loss: 5 -> 3.9"),
        # a weight that falls in both, told by R211
        run("5 -> 0.6", "eval/lm_loss: 5 -> 3.9", "eval/loss: 7 -> 1\nsteps: 60\ntrain/loss: 7 -> 1 ~ 0.05"),
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, text) == []


def test_too_few_evaluations(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 60\ntrain/raw/lm: 5 -> 4\nsteps: 20, 40, 60\neval/lm_loss: 5, 4, 3")


def test_two_that_part_a_little_are_the_texts(judge):
    (finding,) = judge(RULE, run("5 -> 3.1", "eval/lm_loss: 5 -> 4.3", "eval/raw/kd: 1.9 -> 4"))
    assert "Kd parted too: look at the texts" in finding.evidence
    assert judge(RULE, run("5 -> 3.1", "eval/lm_loss: 5 -> 4.3", "eval/raw/kd: 1.9 -> 1.4")) == []


def test_a_label_loss_that_parts_alone_is_made_in_another_way(judge):
    (finding,) = judge(RULE, run("5 -> 3.4", "eval/lm_loss: 5 -> 4.1", "eval/raw/kd: 1.9 -> 1.2"))
    assert "made in another way" in finding.cause
    assert judge(RULE, run("5 -> 4", "eval/lm_loss: 5 -> 4.1", "eval/raw/kd: 1.9 -> 1.2")) == []


def test_inputs_that_are_spoilt_in_training_lift_every_term(judge):
    (finding,) = judge(RULE, run("5 -> 4.2", "eval/lm_loss: 5 -> 3.9", "eval/raw/kd: 1.9 -> 0.9"))
    assert "spoilt inputs" in finding.cause


def test_since_when_they_part(judge):
    half = "5 -> 4.5 -> 4.4 -> 4.3 -> 2.2 -> 2.1 -> 2.0 -> 2.0"
    (finding,) = judge(RULE, run(half, "eval/lm_loss: 5 -> 4"))
    assert finding.first_step > 20


def test_labels_that_get_worse_beside_totals_that_go_together(judge):
    totals = "eval/loss: 8 -> 3\nsteps: 60\ntrain/loss: 8 -> 3.2 ~ 0.05"
    (finding,) = judge(RULE, run("1.7 -> 1.9", "eval/lm_loss: 5.7 -> 4", totals).replace("raw", "weighted"))
    assert finding.numbers["times"] > 1.1


WEIGHTS = "train/weight/lm: 0.5\ntrain/weight/kd: 0.5\n"


@pytest.mark.parametrize(
    ("training", "weights", "fires"),
    [
        ("0.6 -> 0.48", WEIGHTS, True),
        ("15 -> 12", WEIGHTS, True),
        ("3 -> 2.4", WEIGHTS, False),
        # it may be logged after a weight
        ("0.6 -> 0.48", "", False),
    ],
)
def test_one_factor_throughout_is_another_divisor(judge, training, weights, fires):
    text = (
        run(training, "eval/lm_loss: 5 -> 4").replace(" ~ 0.05", " ~ 0.003").replace("steps: 6,", f"{weights}steps: 6,")
    )
    found = judge(RULE, text)
    assert bool(found) is fires
    assert all("throughout" in one.headline and "padding" in one.cause for one in found)


@pytest.mark.parametrize(("weight", "fires"), [(0.5, True), (1, False)])
def test_weights_that_the_total_tells_say_that_a_term_is_before_its_own(judge, weight, fires):
    lm = [0.6 - 0.002 * i + 0.01 * (i % 3) for i in range(60)]
    kd = [1.9 - 0.01 * i + 0.05 * (i % 4) for i in range(60)]
    told = {"raw/lm": lm, "raw/kd": kd, "loss": [weight * (a + b) for a, b in zip(lm, kd, strict=True)]}
    rows = "\n".join(f"train/{name}: {', '.join(f'{v:.6f}' for v in values)}" for name, values in told.items())
    assert bool(judge(RULE, f"steps: 60\n{rows}\n{AT}eval/lm_loss: 5 -> 4")) is fires


@pytest.mark.parametrize(
    ("lm", "kd", "fires"),
    [
        ("6.1 -> 4.8 -> 4.1 -> 4", "1.9 -> 1.2 -> 0.9 -> 0.8", True),
        # KD is apart as well: the text is harder
        ("6.1 -> 4.8 -> 4.1 -> 4", "2.4 -> 1.5 -> 1.1 -> 1", False),
        # no more than texts are apart
        ("5.3 -> 4.2 -> 3.6 -> 3.5", "1.9 -> 1.2 -> 0.9 -> 0.8", False),
        # a unit, or a weight that is not told
        ("15 -> 12 -> 10.2 -> 9.9", "1.9 -> 1.2 -> 0.9 -> 0.8", False),
    ],
)
def test_label_losses_that_lie_apart_beside_a_kd_that_does_not(judge, lm, kd, fires):
    training = "train/raw/lm: 5 -> 4 -> 3.4 -> 3.3 ~ 0.05\ntrain/raw/kd: 1.9 -> 1.2 -> 0.9 -> 0.8 ~ 0.02"
    found = judge(RULE, f"steps: 60\n{training}\n{AT}eval/lm_loss: {lm}\neval/raw/kd: {kd}")
    assert ["not of one computation" in one.headline for one in found] == [True] * fires
