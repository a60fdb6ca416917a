import math

import pytest

from sad_doctor import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (485165195.41, "485,165,195.41"),
        (51.7094, "51.7094"),
        (177.0, "177"),
        (1000.0, "1,000"),
        (2.01e-5, "2.01e-05"),
        (2.05e12, "2.05e+12"),
        (0.0, "0"),
        (-3.5, "-3.5"),
        (math.nan, "NaN"),
        (-math.inf, "minus infinity"),
    ],
)
def test_numbers(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([21700], "step 21,700"),
        ([499, 999], "steps 499 and 999"),
        ([1, 2, 3], "steps 1, 2 and 3"),
        ([0, 500, 1000, 1500, 2000], "steps 0, 500 … 2,000 (5 of them)"),
        ([0.5], "step 0.5"),
        ([1e308], "step 1e+308"),
    ],
)
def test_steps(steps, text):
    assert words.steps(steps) == text


def test_columns_are_called_by_what_they_mean():
    assert words.called("train/raw/kd") == "the term kd"
    assert words.called("train/weight/kd") == "the weight of kd"
    assert words.called("eval/raw/kd") == "the evaluation's term kd"
    assert words.called("train/lr") == "the learning rate"
    assert words.called("my_metric") == "my_metric"


def test_listing_and_percent():
    assert words.listing(["kd", "lm", "layerwise"]) == "kd, lm and layerwise"
    assert words.listing(["kd"]) == "kd"
    assert words.percent(0.90638) == "90.6%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3 * 86400 + 5, "3 days"), (3600, "1 hour"), (725.5, "12 minutes"), (1.9, "1 second"), (0, "0 seconds")],
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


def test_a_number_with_its_noun():
    assert [words.counted(n, "record") for n in (0, 1, 1000)] == ["0 records", "1 record", "1,000 records"]


def test_a_log_whose_steps_are_epochs_says_so():
    told = "Stood from step 0.5 to 3, at steps 1, 2 and 3; see `optimizer.step()`, every step counts."

    assert (
        words.in_epochs(told)
        == "Stood from epoch 0.5 to 3, at epochs 1, 2 and 3; see `optimizer.step()`, every step counts."
    )
    assert words.in_epochs("Steps 1 to 2") == "Epochs 1 to 2"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.3104, 0.481, 0.4], "Between 31.0% and 48.1% in 3 records"),
        # alike as they are printed
        ([0.48101, 0.48102], "48.1% in each of 2 records"),
        ([0.481] * 1100, "48.1% in each of 1,100 records"),
        ([0.481], "48.1% in the only record"),
    ],
)
def test_a_spread_of_nothing_is_none(values, text):
    assert words.spread(values, "record", words.percent) == text


def test_a_spread_has_a_unit_and_an_owner():
    assert words.spread([2, 3], "record", unit=" nats", of=" of kd") == "Between 2 and 3 nats in 2 records of kd"
    assert words.spread([2, 2], "record", unit=" nats", of=" of kd") == "2 nats in each of 2 records of kd"


def test_a_span_of_steps():
    assert words.span(499, 2000) == "steps 499 to 2,000"
    assert words.span(499, 499) == "step 499"
