import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.example import parse
from sad_doctor.run import Column, Run
from sad_doctor.signals import found_weights, parts, shares, sums_to
from sad_doctor.signals.precision import tolerance

POST_MORTEM = """
steps: 21700, 21701
train/loss: 177.1419, 177.1419
train/raw/kd: 10.8479, 10.8479
train/raw/routing: 0.2710, 0.2710
train/raw/load_balance: 0, 0
train/raw/attention_alignment: 2.7772, 2.7772
train/raw/attention: 0.0507, 0.0507
train/raw/layerwise: 160.5575, 160.5575
train/raw/contrastive: 0.0200, 0.0200
train/raw/lm: 2.6176, 2.6176
"""


def test_post_mortem_is_90_6_percent():
    run = parse(POST_MORTEM)

    assert parts(run).source == "raw"
    assert shares(run)["layerwise"].at(21700) == pytest.approx(0.9064, abs=5e-5)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("train/loss: 5\ntrain/weighted/a: 2\ntrain/weighted/b: 3", "weighted"),
        ("train/loss: 9\ntrain/weighted/a: 2\ntrain/weighted/b: 3", "weighted"),
        ("train/loss: 5\ntrain/raw/a: 2\ntrain/raw/b: 3", "raw"),
        ("train/loss: 5\ntrain/raw/a: 2\ntrain/raw/b: 3\ntrain/weighted/a: 1", "raw"),
        ("train/loss: 5\ntrain/raw/a: 9\ntrain/raw/b: 3\ntrain/weighted/a: 2", "weighted and raw"),
        ("train/loss: 9\ntrain/raw/a: 2\ntrain/weight/a: 4", "raw x weight"),
        ("train/loss: 9\ntrain/raw/a: 2\ntrain/raw/b: 2\ntrain/weight/a: 4", ""),
        ("train/loss: 9\ntrain/raw/a: 2\ntrain/raw/b: 3", ""),
        ("train/loss: 9\ntrain/raw/a: 2\ntrain/raw/b: 2\ntrain/weight/a: 4.5", "raw x weight"),
        ("train/loss: 9\nloss_mse: 6\ntrain/raw/a: 3", "raw"),
        ("train/loss: 9\ntrain/mse_loss: 6\ntrain/weighted/a: 3", "weighted"),
        ("train/loss: 9\nloss_mse: 8\ntrain/raw/a: 3", ""),
        ("train/loss: 9\nval_mse_loss: 6\ntrain/raw/a: 3", ""),
        ("train/loss: 9", ""),
    ],
)
def test_where_the_parts_come_from(text, source):
    run = parse(f"steps: 4\n{text}")

    assert parts(run).source == source
    assert bool(shares(run)) == bool(source)


def test_raw_times_the_weight_in_force():
    run = parse("steps: 1, 2, 3, 4\ntrain/raw/a: 1, 1, 1, 1\ntrain/raw/b: 1, 1, 1, 1\nsteps: 1, 3\n"
                "train/weight/a: 1, 3\ntrain/weight/b: 1, 1")  # fmt: skip

    assert shares(run)["a"].value.tolist() == [0.5, 0.5, 0.75, 0.75]


@given(st.lists(st.lists(st.floats(-100, 100), min_size=3, max_size=3), min_size=1, max_size=5))
def test_shares_are_fractions_that_sum_to_one(terms):
    text = "".join(f"train/weighted/t{i}: {', '.join(map(repr, v))}\n" for i, v in enumerate(terms))
    found = shares(parse(f"steps: 1, 2, 3\n{text}"))

    assert bool(found) == any(any(column) for column in zip(*terms, strict=True))
    whole = np.sum([c.value for c in found.values()], axis=0) if found else np.ones(0)
    np.testing.assert_allclose(whole, 1.0, rtol=1e-12)
    assert all(((c.value >= 0) & (c.value <= 1)).all() for c in found.values())
    assert len({tuple(c.step) for c in found.values()}) <= 1


def test_steps_without_a_finite_part_are_left_out():
    found = shares(parse("steps: 1, 2, 3\ntrain/weighted/a: 1, nan, 0\ntrain/weighted/b: 1, 1, 0"))

    assert found["a"].step.tolist() == [1]


def test_nothing_but_zeros_has_no_shares():
    assert shares(parse("steps: 3\ntrain/weighted/a: 0\ntrain/weighted/b: 0")) == {}


def test_a_term_that_is_hardly_logged_counts_as_zero_elsewhere():
    found = shares(parse("steps: 10\ntrain/weighted/kd: 3\nsteps: 1, 2\ntrain/weighted/lm: 1, 1"))

    assert found["kd"].value.tolist() == [0.75, 0.75] + 8 * [1.0]


def test_terms_at_different_steps_share_the_common_ones():
    found = shares(parse("steps: 4\ntrain/weighted/a: 3\nsteps: 2, 4, 6\ntrain/weighted/b: 1, 1, 1"))

    assert found["a"].step.tolist() == [2, 4]


def test_a_sum_may_be_that_of_other_batches_where_the_names_say_parts():
    text = "steps: 50\ntrain/loss: 100 ~ 0.4\nloss_mse: 95 ~ 0.4\ntrain/raw/ce: 3\nloss_cos: 2"

    assert shares(parse(text))["mse"].last == pytest.approx(0.95, abs=0.01)
    assert shares(parse(text.replace("95", "90"))) == {}


def test_sums_to_allows_one_step_of_ten():
    run = parse("steps: 20\ntrain/loss: 5\ntrain/weighted/a: 2\ntrain/weighted/b: 3")
    loss = run.columns["train/loss"]
    loss.value[3] = 7

    assert sums_to(run.terms("train/weighted/"), loss)
    loss.value[:5] = 7
    assert not sums_to(run.terms("train/weighted/"), loss)


def test_a_resumed_run_counts_its_last_values():
    run = parse("steps: 1, 2, 3, 2, 3\ntrain/weighted/a: 1, 1, 1, 3, 3\ntrain/weighted/b: 1, 1, 1, 1, 1")

    assert shares(run)["a"].value.tolist() == [0.5, 0.75, 0.75]


@given(
    rows=st.lists(st.lists(st.floats(-100, 100), min_size=2, max_size=3), min_size=1, max_size=12),
    digits=st.integers(0, 9),
    off=st.sampled_from([0.0, 1e-9, 1e-7, 1e-6, 2e-4, 4e-3, 6e-3, 0.1]),
)
def test_sums_are_judged_as_by_the_tolerance_of_each(rows, digits, off):
    width = min(map(len, rows))
    table = np.array([row[:width] for row in rows])
    table = np.concatenate([table, table.sum(axis=1, keepdims=True) * (1 + off)], axis=1).round(digits)
    step = np.arange(len(table), dtype=float)
    columns = [Column(step, values) for values in table.T]
    hits = [abs(float(c[-1] - c[:-1].sum())) <= tolerance(*c.tolist()) for c in table]
    terms = {str(index): column for index, column in enumerate(columns[:-1])}
    assert sums_to(terms, columns[-1]) == (sum(hits) >= 0.9 * len(hits))


def hand_written(weights, seed=0, digits=4, steps=40):
    """A log as most are written by hand: the terms before their weights, and the total."""
    noise = np.random.default_rng(seed)
    step = np.arange(1.0, steps + 1)
    terms = {f"t{i}": (3 + i) * np.exp(-step / (20 + 9 * i)) + 0.1 * noise.random(steps) for i in range(len(weights))}
    total = sum(w * values for w, values in zip(weights, terms.values(), strict=True))
    columns = {f"train/raw/{name}": Column(step, np.round(value, digits)) for name, value in terms.items()}
    return replace(
        parse("steps: 1\ntrain/loss: 1"), columns=columns | {"train/loss": Column(step, np.round(total, digits))}
    )


@given(st.lists(st.floats(0.05, 2) | st.floats(-2, -0.05), min_size=2, max_size=4), st.integers(0, 99))
def test_the_total_tells_the_weights_of_its_terms(weights, seed):
    run = hand_written(weights, seed)
    if abs(float(np.median(run.columns["train/loss"].value))) < 0.2:
        return  # they cancel: nothing is left to tell by
    found = found_weights(run)

    assert list(found.values()) == pytest.approx(weights, abs=0.03)
    assert parts(run).source in ("raw", "raw x weight")


def test_no_weights_are_found_where_none_are_sure():
    run = hand_written([0.9, 0.1])
    total = run.columns["train/loss"]
    noise = 1 + 0.01 * np.random.default_rng(1).random(len(total))
    other = replace(run, columns=run.columns | {"train/loss": Column(total.step, total.value * noise)})
    alike = replace(run, columns=run.columns | {"train/raw/t1": run.columns["train/raw/t0"]})
    told = replace(run, columns=run.columns | {"train/weight/t0": Column(total.step, np.full(len(total), 0.9))})

    assert set(found_weights(run)) == {"t0", "t1"}
    assert [found_weights(one) for one in (other, alike, told, hand_written([0.9, 0.1], steps=9))] == [{}, {}, {}, {}]


@pytest.mark.parametrize("seed", range(8))
def test_a_term_that_is_not_in_the_total_has_no_weight(seed):
    found = found_weights(hand_written([1.3, 0.0], seed))

    assert found["t1"] == 0
    assert found["t0"] == pytest.approx(1.3, abs=1e-3)


def test_the_parts_of_a_run_are_worked_out_once_and_go_with_it():
    column = Column(np.arange(3.0), np.ones(3))
    run = Run("a", "b", Path("a"), {"train/weighted/kd": column, "train/loss": column})
    one, other = parts(run), parts(replace(run, columns={}))
    assert parts(run) is one
    assert other.terms == {}
    gone = weakref.ref(run)
    del run
    assert gone() is None
