import math

import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.perplexity_disagrees import RULE

LOSSES = (4.0, 3.5, 3.2, 3.0)


def text(perplexities, loss="eval/lm_loss"):
    shown = ", ".join(f"{p:.6g}" for p in perplexities)
    return f"steps: 4 every 100\n{loss}: {', '.join(map(str, LOSSES))}\neval/perplexity: {shown}"


def test_e_fits_and_two_does_not(judge):
    assert judge(RULE, text([math.exp(v) for v in LOSSES])) == []
    (finding,) = judge(RULE, text([2**v for v in LOSSES]))
    assert "2 to the power of the evaluation's LM loss" in finding.headline


def test_a_loss_may_be_in_bits(judge):
    """Of a loss in bits the power of 2 is right: a hint at most, that leaves the unit open."""
    (two,) = judge(RULE, text([2**v for v in LOSSES]))
    (other,) = judge(RULE, text([3**v for v in LOSSES]))

    assert (two.level, other.level) == (Level.INFO, Level.WARNING)
    assert "in bits" in two.cause


def test_a_mean_of_perplexities_lies_above(judge):
    (finding,) = judge(RULE, text([1.2 * math.exp(v) for v in LOSSES]))

    assert "mean of the batches' perplexities" in finding.cause


@pytest.mark.parametrize(("factor", "digits"), [(1.001, 6), (0.99, 6), (1.01, 2)], ids=["little", "below", "rounded"])
def test_a_little_above_is_a_hint(judge, factor, digits):
    losses = (4.01234, 3.51234, 3.21234, 3.01234)
    log = "steps: 4 every 100\neval/lm_loss: {}\neval/perplexity: {}"
    shown = [float(f"{factor * math.exp(v):.{digits}g}") for v in losses]
    (hint,) = judge(RULE, log.format(str(losses)[1:-1], ", ".join(f"{1.01 * math.exp(v):.6g}" for v in losses)))
    assert (hint.level, "mean of the batches" in hint.cause) == (Level.INFO, True)
    assert judge(RULE, log.format(str(losses)[1:-1], str(shown)[1:-1])) == []


def test_a_loss_with_parts_is_no_label_loss(judge):
    fit = text([2**v for v in LOSSES], "eval/loss")

    assert len(judge(RULE, fit)) == 1
    with pytest.raises(TooFew):
        judge(RULE, fit + "\ntrain/raw/kd: 1\ntrain/raw/attention: 2")


def test_the_training_tells_the_base_where_the_evaluation_has_no_label_loss(judge):
    lines = "steps: 80\ntrain/raw/lm: 5.4 -> 4.3 ~ 0.02\ntrain/raw/kd: 2 -> 1\n"
    lines += "steps: 5, 20, 40, 60, 80\neval/loss: 8 -> 5\n"
    label = (5.33, 5.12, 4.85, 4.57, 4.3)

    (finding,) = judge(RULE, lines + "eval/perplexity: " + ", ".join(f"{2**v:.6g}" for v in label))
    assert "2 to the power of the loss" in finding.headline
    with pytest.raises(TooFew):
        judge(RULE, lines + "eval/perplexity: " + ", ".join(f"{math.exp(v):.6g}" for v in label))


@pytest.mark.parametrize(
    ("shown", "fires"), [("40, 40, 40, 33.1, 27.1, 22.2", True), ("81.5, 60.3, 44.7, 33.1, 27.1, 22.2", False)]
)
def test_a_perplexity_that_stands_while_its_loss_moves(judge, shown, fires):
    text = f"steps: 6 every 50\neval/lm_loss: 4.4, 4.1, 3.8, 3.5, 3.3, 3.1\neval/perplexity: {shown}"
    found = judge(RULE, text)
    assert bool(found) is fires
    assert all("cut at a limit" in one.headline for one in found)


@pytest.mark.parametrize(("factor", "fires"), [(1.0, False), (1.3, True)])
def test_the_perplexity_of_the_training_is_not_held_against_the_evaluation(judge, factor, fires):
    own = ", ".join(f"{factor * math.exp(v):.6g}" for v in LOSSES)
    log = text([0.8 * math.exp(v) for v in LOSSES]) + f"\nlogged/valid_ppl: {own}"
    assert bool(judge(RULE, log)) is fires
