from dataclasses import replace

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.baseline import beside, flag_of
from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.run import Column

GOOD = parse(
    "steps: 200\ntrain/loss: 9 -> 4 ~ 0.1\ntrain/weighted/kd: 4 -> 2 ~ 0.05\ntrain/weighted/lm: 5 -> 2 ~ 0.05\n"
    "steps: 5 every 40\neval/lm_loss: 6, 5, 4.5, 4.2, 4\neval/perplexity: 403, 148, 90, 66, 54"
)
GOOD = replace(GOOD, name="good")


def apart(comparison):
    return {row.what for row in comparison.rows if row.lies not in ("alike",)}


def test_a_run_is_like_itself():
    found = beside(GOOD, GOOD)

    assert apart(found) == set()
    assert found.headline.startswith("Like good at all of")
    assert found.notes == ()


def test_noise_is_no_difference_and_a_worse_perplexity_is():
    text = (
        "steps: 200\ntrain/loss: 9.1 -> 4.1 ~ 0.3\ntrain/weighted/kd: 4 -> 2 ~ 0.1\ntrain/weighted/lm: 5 -> 2 ~ 0.1\n"
        "steps: 5 every 40\neval/lm_loss: 6, 5.2, 5, 5, 5\neval/perplexity: 403, 181, 148, 148, 148"
    )

    found = beside(parse(text), GOOD)
    assert apart(found) == {"the evaluation's LM loss", "the perplexity"}
    assert "the evaluation's LM loss is 5 at step 200, 4 there" in found.headline


def test_terms_and_shares_that_differ():
    text = "steps: 200\ntrain/loss: 9\ntrain/weighted/layerwise: 8\ntrain/weighted/lm: 1"

    found = beside(parse(text), GOOD)
    assert "Only this run has the term layerwise" in found.notes
    assert "Only good has the term kd" in found.notes
    assert "the share of lm" in apart(found)


def test_equal_tokens_are_compared_where_both_count_them():
    small = parse("steps: 100\ntrain/tokens: 0 -> 1000\ntrain/loss: 9 -> 4")
    large = parse("steps: 50\ntrain/tokens: 0 -> 1000\ntrain/loss: 9 -> 4")

    found = beside(small, large)
    assert apart(found) == set()
    assert {row.where.split()[0] for row in found.rows} == {"tokens"}
    assert apart(beside(parse("steps: 100\ntrain/loss: 9 -> 4"), parse("steps: 50\ntrain/loss: 9 -> 4"))) != set()


@pytest.mark.parametrize("text", ["event end: over", "steps: 9\nother: 3"])
def test_nothing_in_common(text):
    assert beside(parse(text), GOOD).headline.startswith("Nothing can be compared")
    assert beside(GOOD, parse(text)).headline.startswith("Nothing can be compared")


def test_epochs_are_not_laid_beside_steps():
    text = "steps: 200\ntrain/loss: 9 -> 4 ~ 0.1\n"
    epochs = replace(parse(text), facts={names.STEP_UNIT: "epoch"})

    found = beside(epochs, GOOD)
    assert not found.rows
    assert "counts steps and the other epochs" in found.notes[-1]
    ours, theirs = (parse(f"{text}train/epoch: 0 -> {end}\n") for end in (2, 4))
    found = beside(replace(ours, facts=epochs.facts), theirs)
    assert found.rows[0].where == "epoch 0.5"
    assert beside(epochs, epochs).rows[0].where.startswith("epoch ")


def falls(steps, first, extra=""):
    """A run of 240 steps whose loss falls by a third, logged at ``steps``."""
    text = [f"{6 + 3 * np.exp(-step / 60) + first:.4f}" for step in steps]
    rates = [f"{min(1, step / 20) * (0.05 + 0.95 * (1 - step / 240)):.5f}" for step in steps]
    told = f"steps: {', '.join(map(str, steps))}\ntrain/loss: {', '.join(text)}\ntrain/raw/kd: {', '.join(text)}\n"
    return parse(f"{told}train/lr: {', '.join(rates)}\n{extra}")


@pytest.mark.parametrize("other", [range(1, 241, 10), [1, *range(10, 241, 10)], range(101, 241), range(5, 131, 5)])
def test_one_run_that_is_logged_in_two_ways_does_not_part(other):
    first = "steps: 0, 240\neval/loss: 9, 6\n"
    one, two = falls(range(10, 241, 10), 0, first), falls(other, 0, first)
    assert "speaks for" not in beside(one, two).headline
    assert "speaks for" not in beside(two, one).headline


def test_a_term_more_is_what_a_higher_total_speaks_for():
    more = falls(range(1, 241), 4, "train/raw/layerwise: 4\n")
    more = replace(more, columns={**more.columns, "train/raw/kd": falls(range(1, 241), 0).columns["train/raw/kd"]})

    assert "a sum of other terms (layerwise)" in beside(more, falls(range(1, 241), 0)).headline


def test_a_run_that_ends_in_nan_is_not_like_a_good_one():
    ends = falls(range(1, 241), 0)
    loss = ends.columns["train/loss"]
    broken = replace(
        ends, columns={**ends.columns, "train/loss": Column(loss.step, np.where(loss.step > 200, np.nan, loss.value))}
    )

    found = beside(broken, replace(ends, name="good"))
    assert found.headline == "Unlike good: the training loss is not finite from step 201 on."
    places = [row.where for row in found.rows if row.what == "the training loss"]
    assert places == ["step 61", "step 120", "step 180"]  # of step 240 no value is known


def test_an_evaluation_from_before_nan_is_none_of_a_later_place():
    good = parse("steps: 11 every 20\neval/lm_loss: 6, 5, 4.5, 4.2, 4, 4, 4, 4, 4, 4, 4")
    evaluated = good.columns["eval/lm_loss"]
    broken = Column(evaluated.step, np.where(evaluated.step < 190, evaluated.value, np.nan))
    found = beside(replace(good, columns={"eval/lm_loss": broken}), good)

    assert [row.where for row in found.rows][-1:] == ["step 170"]  # and not step 220


def test_how_a_good_run_ended_says_nothing_of_its_numbers():
    crashed = parse("steps: 100\ntrain/loss: 9 -> 4 ~ 0.1\nevent crash @ 99: RuntimeError: out of memory")

    assert [story.finding.rule for story in check(crashed).stories] == ["R501"]
    assert flag_of(check(crashed)) is None
