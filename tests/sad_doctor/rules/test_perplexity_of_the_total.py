import math

import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.perplexity_of_the_total import RULE

PARTS = "steps: 500\ntrain/raw/kd: 26\ntrain/raw/lm: 2\ntrain/loss: 28\n"


def test_three_digits_of_run_4(judge):
    (finding,) = judge(RULE, PARTS + "steps: 499, 500\neval/loss: 28.35, 28.35\neval/perplexity: 2.05e12, 2.05e12")

    assert finding.numbers["nats"] == pytest.approx(28.35, abs=0.01)
    assert "evaluation's total, 28.35" in finding.headline


def test_training_total_of_the_same_step(judge):
    text = "steps: 2\ntrain/loss: 6.1234, 5.9876\ntrain/weighted/kd: 3\ntrain/weighted/lm: 3\n"

    (finding,) = judge(RULE, text + "eval/perplexity: 456.41, 398.46")
    assert "exp of the training total" in finding.headline


def test_worse_than_any_vocabulary_and_near_the_total(judge):
    (finding,) = judge(RULE, PARTS + "steps: 250, 500\neval/perplexity: 9.1e11, 8.7e11")

    assert "near the training total of 28" in finding.headline


def test_exp_of_an_evaluation_loss_that_may_be_the_lm_loss_is_fine(judge):
    text = "steps: 100\ntrain/loss: 5\ntrain/raw/kd: 2\ntrain/raw/lm: 3\nsteps: 50, 100\neval/loss: 3.1234, 3.0123\n"

    assert judge(RULE, text + "eval/perplexity: 22.7236, 20.3341") == []


def test_exp_of_the_lm_loss_is_fine_however_large(judge):
    text = "steps: 2\neval/loss: 28.3, 28\neval/lm_loss: 14, 13.5\neval/perplexity: 1202604.284, 729416.3698\n"

    assert judge(RULE, PARTS + text) == []


def test_one_loss_without_parts_is_not_judged(judge):
    with pytest.raises(TooFew, match="two parts"):
        judge(RULE, "steps: 2\ntrain/loss: 3\neval/loss: 3\neval/perplexity: 20.0855")


def test_a_clamp_is_left_to_its_rule(judge):
    with pytest.raises(TooFew, match="clamp"):
        judge(RULE, PARTS + "steps: 1, 2\neval/loss: 20, 20\neval/perplexity: 485165195.41, 485165195.41")


def test_the_weights_that_the_total_tells_show_that_the_evaluation_is_a_total(judge):
    kd = [3 - 0.02 * i + 0.2 * (i % 3) for i in range(50)]
    ce = [6 - 0.02 * i + 0.3 * (i % 7) for i in range(50)]
    total = [0.5 * a + 0.5 * b for a, b in zip(kd, ce, strict=True)]
    told = "\n".join(
        f"train/{name}: {', '.join(f'{value:.4f}' for value in values)}"
        for name, values in (("loss", total), ("raw/kd", kd), ("raw/ce", ce))
    )
    nats = [round(sum(total[i - 5 : i + 1]) / 6, 4) for i in (9, 19, 29, 39, 49)]
    evaluated = (
        f"eval/loss: {', '.join(map(str, nats))}\neval/perplexity: {', '.join(f'{math.exp(n):.3f}' for n in nats)}"
    )
    (finding,) = judge(RULE, f"steps: 50\n{told}\nsteps: 10, 20, 30, 40, 50\n{evaluated}")

    assert "exp of the evaluation's total" in finding.headline


def test_a_total_and_a_label_loss_that_cross_are_two(judge):
    """Where they are near each other, a perplexity that is exp of the total exactly is no label loss's."""
    total, label = (2.88, 1.81, 1.52, 1.25, 0.74), (2.28, 1.76, 1.57, 1.38, 0.93)
    text = "steps: 5 every 10\n" + "".join(
        f"{name}: {', '.join(map(str, values))}\n"
        for name, values in (
            ("eval/loss", total),
            ("eval/lm_loss", label),
            ("eval/perplexity", [round(math.exp(v), 4) for v in total]),
            ("train/raw/kd", [1] * 5),
            ("train/raw/lm", [2] * 5),
        )
    )
    (finding,) = judge(RULE, text)
    assert finding.numbers["hits"] == 5


def test_two_sets_at_one_step_are_not_judged(judge):
    """The second one's loss is its label loss alone, and stands beside the first one's label loss."""
    one, other = (5.7, 4.4, 3.9, 3.6, 3.4), (4.3, 4.0, 3.8, 3.6, 3.5)
    label = [value - 1.5 for value in one]
    twice = [value for pair in zip(one, other, strict=True) for value in pair]
    nats = [value for pair in zip(label, other, strict=True) for value in pair]
    text = (
        f"steps: 5 every 10\ntrain/raw/kd: 1\ntrain/raw/lm: 2\neval/lm_loss: {', '.join(map(str, label))}\n"
        f"steps: {', '.join(str(step) for i in range(1, 6) for step in (10 * i, 10 * i))}\n"
        f"eval/loss: {', '.join(map(str, twice))}\n"
        f"eval/perplexity: {', '.join(f'{math.exp(value):.4f}' for value in nats)}"
    )
    with pytest.raises(TooFew, match="two evaluations are written at one step"):
        judge(RULE, text)
