import math

import pytest

from sad_doctor.rules.perplexity_is_a_clamp import RULE


def test_clamp_is_counted_and_the_loss_inside_shown(judge):
    text = "steps: 499, 999, 1499\neval/loss: 51.7094, 51.7094, 9\neval/perplexity: 485165195.41, 485165195.41, 8103.08"

    (finding,) = judge(RULE, text)
    assert "485,165,195.41 is exp(20) in 2 of 3" in finding.headline
    assert "51.7094" in finding.evidence[1]


@pytest.mark.parametrize("value", ["485165195.41", "485165184.0", repr(math.exp(20))])
def test_float_or_single_precision_alone_is_enough(judge, value):
    assert len(judge(RULE, f"steps: 1, 2\neval/perplexity: {value}, 7.5")) == 1


def test_four_digits_must_repeat(judge):
    assert judge(RULE, "steps: 1, 2\neval/perplexity: 4.852e8, 7.5") == []
    assert len(judge(RULE, "steps: 1, 2\neval/perplexity: 4.852e8, 4.852e8")) == 1


def test_two_clamps_are_two_findings(judge):
    text = f"steps: 1, 2\neval/perplexity: {math.exp(10)!r}, {math.exp(15)!r}"

    assert [finding.numbers["k"] for finding in judge(RULE, text)] == [10, 15]


def test_round_perplexities_are_fine(judge):
    assert judge(RULE, "steps: 4\neval/perplexity: 22000, 60000, 3269000, 1000") == []


@pytest.mark.parametrize(("loss", "fires"), [("10.0", False), ("10.4", True), ("nan", True)])
def test_a_loss_that_is_such_a_number_once(judge, loss, fires):
    text = f"steps: 3 every 100\neval/loss: 10.9, {loss}, 9.1\neval/perplexity: 54176.36, 22026.465794806718, 8955.29"

    assert bool(judge(RULE, text)) is fires


@pytest.mark.parametrize(
    ("values", "hits"),
    [
        ("1000, 1000, 1000, 1000, 812.4, 640.1", 4),
        ("10000, 10000, 10000", 3),
        ("1000, 1000, 812.4, 640.1", 0),  # twice may be chance
        ("1000, 1000, 1000, 1204.6", 0),  # others are above it
        ("1200, 1200, 1200, 1100, 1000", 0),  # two digits are printed
        ("20, 20, 20, 19.31", 0),
        ("1234.5, 1234.5, 1234.5", 0),  # an old number: R312
    ],
)
def test_a_round_number_that_none_is_above_is_a_limit(judge, values, hits):
    found = judge(RULE, f"steps: {len(values.split())}\neval/perplexity: {values}")
    assert [one.numbers["hits"] for one in found] == [hits] * bool(hits)
