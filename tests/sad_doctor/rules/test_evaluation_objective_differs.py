import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.evaluation_objective_differs import RULE

TRAINING = "steps: 1000\ntrain/loss: 29 ~ 2\ntrain/raw/kd: 27 ~ 2\ntrain/raw/lm: 2\n"


def test_terms_of_the_evaluation_alone_are_named(judge):
    text = "steps: 499, 999\neval/loss: 51.7094, 51.7094\neval/raw/kd: 27, 27\neval/raw/layerwise: 20.9873, 20.9873"

    (finding,) = judge(RULE, TRAINING + text)
    assert "51.7094" in finding.headline
    assert any(line.startswith("layerwise: 20.9873") for line in finding.evidence)


def test_a_gap_that_opens_later_is_overfitting(judge):
    assert judge(RULE, TRAINING + "steps: 100, 500, 999\neval/loss: 29, 40, 60") == []


def test_small_losses_of_tiny_batches_are_luck(judge):
    text = (
        "steps: 12\ntrain/loss: 4 ~ 1.5\ntrain/weighted/kd: 2\ntrain/weighted/lm: 2\nsteps: 6, 12\neval/loss: 6.2, 6.1"
    )

    assert judge(RULE, text) == []


def test_without_parts_a_gap_may_be_the_data_s(judge):
    with pytest.raises(TooFew, match="data"):
        judge(RULE, "steps: 50\ntrain/loss: 3\neval/loss: 9")


def test_two_records_are_not_compared(judge):
    with pytest.raises(TooFew, match="fewer than 3"):
        judge(RULE, "steps: 2\ntrain/loss: 3\ntrain/weighted/a: 1\ntrain/weighted/b: 2\neval/loss: 9")


LEARNING = "steps: 400\ntrain/loss: 4 -> 1 -> 0.3\ntrain/raw/kd: 1\ntrain/raw/ce: 3 -> 0\n"


def test_one_evaluation_at_the_end_may_be_overfitting(judge):
    with pytest.raises(TooFew, match="overfitting"):
        judge(RULE, LEARNING + "steps: 399, 400\neval/loss: 2.2, 2.2")


@pytest.mark.parametrize(
    "text",
    [
        LEARNING + "steps: 20, 400\neval/loss: 9, 4",
        "fact total_steps: 9000\n" + LEARNING + "steps: 399, 400\neval/loss: 9, 8",
        TRAINING + "steps: 900, 999\neval/loss: 50, 50",
    ],
    ids=["early", "early in the plan", "nothing has fallen"],
)
def test_an_early_gap_is_not_overfitting(judge, text):
    assert len(judge(RULE, text)) == 1


WEIGHTS = """
steps: 400 every 1
train/loss: 9 -> 5
train/raw/kd: 4 -> 2
train/weight/kd: 0.1 -> 0.4
train/raw/lm: 5 -> 4
steps: 4 every 100
eval/loss: 9 -> 5
eval/raw/kd: 4 -> 2
"""


def test_another_weight_is_proof_whatever_the_totals(judge):
    (finding,) = judge(RULE, WEIGHTS + "eval/weighted/kd: 4 -> 2")

    assert "weighs kd by 1" in finding.headline


def test_the_same_weight_is_no_finding(judge):
    """The weight moves between the records beside an evaluation."""
    assert judge(RULE, WEIGHTS + "eval/weighted/kd: 0.7, 0.71, 0.83, 0.8") == []


def test_an_evaluation_in_bits(judge):
    text = "steps: 400\ntrain/loss: 6 -> 3 ~ 0.02\nsteps: 8 every 50\neval/loss: 8.12 -> 4.36"
    (finding,) = judge(RULE, text)

    assert "bits beside nats" in finding.headline
    assert judge(RULE, text.replace("8.12 -> 4.36", "6.3 -> 4.36") + "\ntrain/raw/kd: 1\ntrain/raw/lm: 1") == []


def test_a_training_loss_that_is_a_sum_over_micro_batches(judge):
    text = "steps: 400\ntrain/loss: 24 -> 12 ~ 0.05\nsteps: 8 every 50\neval/loss: 5.8125 -> 3.1875"
    (finding,) = judge(RULE, text)

    assert finding.headline.startswith("The training's loss is 4 times the evaluation's throughout: ")
    assert finding.numbers == {"times": 4}
    assert "4 micro-batches" in finding.cause
    with pytest.raises(TooFew, match="parts"):
        judge(RULE, text.replace("24 -> 12", "21 -> 10.5"))


@pytest.mark.parametrize(("norm", "level"), [(0.1, Level.INFO), (0.5, Level.WARNING)])
def test_a_number_alone_is_summed_where_the_gradient_is_small(judge, norm, level):
    text = f"steps: 400\ntrain/loss: 24 -> 12 ~ 0.05\ntrain/grad_norm: {norm} ~ 0.01\nsteps: 8 every 50\n"
    (finding,) = judge(RULE, text + "eval/loss: 5.8125 -> 3.1875")

    assert finding.level == level
    assert any("no sum" in line for line in finding.evidence) == (level == Level.INFO)


def test_without_a_norm_the_number_alone_may_be_a_sum(judge):
    (finding,) = judge(RULE, "steps: 400\ntrain/loss: 24 -> 12 ~ 0.05\nsteps: 8 every 50\neval/loss: 5.8125 -> 3.1875")

    assert finding.level == Level.INFO
    assert any("No norm of the gradient is logged" in line for line in finding.evidence)


def test_eight_times_is_a_count_though_the_evaluation_hardly_falls(judge):
    text = "steps: 60\ntrain/loss: {} ~ 0.05\nsteps: 10, 20, 30, 40, 50, 60\neval/loss: 5.4, 5.3, 5.25, 5.2, 5.18, 5.17"
    (finding,) = judge(RULE, text.format("43.2 -> 41.36"))
    assert "8 times the evaluation's" in finding.headline
    assert "micro-batches or devices" in finding.cause
    assert "tokens or texts" in judge(RULE, text.format("2160 -> 2068"))[0].cause
    with pytest.raises(TooFew):  # text of another kind may cost twice as much
        judge(RULE, text.format("10.8 -> 10.34"))


def test_the_size_of_the_evaluation_tells_what_it_is(judge):
    kd = [2 - 0.01 * i + 0.2 * (i % 3) for i in range(60)]
    ce = [6 - 0.01 * i + 0.1 * (i % 7) for i in range(60)]
    total = [0.9 * a + 0.1 * b for a, b in zip(kd, ce, strict=True)]
    told = "\n".join(
        f"train/{name}: {', '.join(f'{value:.4f}' for value in values)}"
        for name, values in (("loss", total), ("raw/kd", kd), ("raw/ce", ce))
    )

    def cause(values):
        (finding,) = judge(RULE, f"steps: 60\n{told}\nsteps: 10, 20, 30, 40, 50, 60\neval/loss: {values}")
        return finding.cause

    assert "ce alone, before its weight" in cause("6.2, 6.1, 6, 5.9, 5.8, 5.7")
    assert "a sum over tokens" in cause("1100, 1050, 1000, 960, 920, 880")
    assert "curriculum" in cause("5, 4.8, 4.6, 4.5, 4.4, 4.3")


@pytest.mark.parametrize(("last", "fires"), [(70, True), (20, False)])
def test_a_kl_that_is_summed_over_the_places_of_a_text(judge, last, fires):
    text = "steps: 80\ntrain/loss: 9 -> 7\ntrain/raw/kd: 4 -> 3\ntrain/raw/lm: 5 -> 4\n"
    text += "steps: 8 every 10\neval/loss: 9 -> 7\n"
    found = [one.headline for one in judge(RULE, text + f"eval/lm_loss: 6 -> 5\neval/kl: 120 -> {last}")]
    assert found == ["The evaluation's KL is about 17 times its label loss throughout: 70 for 5 at the end."] * fires


def parts_and_evaluation(evaluation):
    """KD of weight 0.7 and a label loss of 0.3, raw as most loops log them, and an evaluation of this size."""
    ce = [3 + 4 * 0.93**i + 0.05 * (i % 5) for i in range(60)]
    kd = [0.5 + 3 * 0.9**i + 0.03 * (i % 4) for i in range(60)]
    total = [0.7 * k + 0.3 * c for k, c in zip(kd, ce, strict=True)]
    columns = {"loss": total, "raw/kd": kd, "raw/ce": ce}
    lines = [f"train/{name}: {', '.join(f'{v:.5f}' for v in values)}" for name, values in columns.items()]
    at = range(6, 60, 6)
    told = ", ".join(f"{evaluation(ce[i] + 0.05, total[i]):.5f}" for i in at)
    return "\n".join(["steps: 60", *lines, f"steps: {', '.join(str(i) for i in at)}", f"eval/loss: {told}"])


def test_a_label_loss_alone_may_be_meant(judge):
    (finding,) = judge(RULE, parts_and_evaluation(lambda ce, _: ce))
    assert finding.level == Level.INFO
    assert "ce alone, before its weight" in finding.cause

    (finding,) = judge(RULE, parts_and_evaluation(lambda _, total: 3 * total))
    assert finding.level == Level.WARNING


def test_a_label_loss_is_no_number_in_bits(judge):
    """Its ratio to the total may be any."""
    kd = [2.2 - 0.01 * i + 0.1 * (i % 3) for i in range(60)]
    ce = [4.4 - 0.02 * i + 0.1 * (i % 5) for i in range(60)]
    total = [0.58 * k + 0.4 * c for k, c in zip(kd, ce, strict=True)]
    columns = {"loss": total, "raw/kd": kd, "raw/ce": ce}
    training = "\n".join(f"train/{n}: {', '.join(f'{v:.5f}' for v in values)}" for n, values in columns.items())
    text = f"steps: 60\n{training}\nsteps: 8, 16, 24, 32, 40, 48, 56\neval/loss: 4.45 -> 3.49"

    assert judge(RULE, text) == []
    (finding,) = judge(RULE, text.replace("raw/ce", "raw/other"))
    assert "bits beside nats" in finding.headline
