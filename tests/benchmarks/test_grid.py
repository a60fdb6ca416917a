"""The grid of faults: its ways do what they say, its cells differ from a healthy run, a coin halves it."""

from __future__ import annotations

import pytest
import torch
from planted import grid_data, grid_terms, grid_weights, training
from planted import grid_ways as ways
from planted.grid import halves
from planted.grid_ways import Memory
from planted.record import Plan
from planted.worlds import GRID, GROUPS, KINDS

from sad_doctor import names

pytestmark = pytest.mark.usefixtures("raw_teacher")
TINY = Plan(vocabulary=100, width=8, teacher_width=8, length=6, batch=4, steps=4, every=1, evaluate_every=2, texts=16)


def through(way: ways.Way, values: list[float], steps: int = 10) -> list[float]:
    """Return what a way makes of one number a step."""
    memory = Memory(steps, torch.Generator().manual_seed(0))
    found = []
    for step, value in enumerate(values, 1):
        memory.step = step
        found.append(round(float(way(torch.tensor(value), memory)), 4))
    return found


@pytest.mark.parametrize(
    ("way", "found"),
    [
        (ways.constant, [1, 1, 1, 1]),
        (ways.stale(2), [1, 2, 2, 4]),
        (ways.delayed, [1, 1, 2, 3]),
        (ways.never_reset, [1, 3, 6, 10]),
        (ways.averaged, [1, 1.5, 2, 2.5]),
        (ways.now_and_then(ways.missing, 3), [1, 2, 0, 4]),
        (ways.in_turn(ways.turned, 2), [1, -2, -3, 4]),
        (ways.until(ways.missing, 0.25), [0, 0, 3, 4]),
        (ways.after(ways.missing, 0.25), [1, 2, 0, 0]),
        (ways.fading, [0.9, 1.6, 2.1, 2.4]),
        (ways.drifting(1e-10), [0.1, 0.02, 0.003, 0.0004]),
        (ways.saturated(2, 3), [2, 2, 3, 3]),
        (ways.wrapped(3), [1, 2, 0, 1]),
    ],
)
def test_a_way_does_what_it_says(way, found):
    assert through(way, [1.0, 2.0, 3.0, 4.0]) == found


def test_ways_of_a_batch():
    ids, memory = torch.arange(6).view(2, 3), Memory(10, torch.Generator().manual_seed(0))

    assert ways.doubled(ids, memory).tolist() == [[0, 0, 1], [3, 3, 4]]
    assert ways.thinned(ids, memory).tolist() == [[0, 2], [3, 5]]
    assert ways.reversed_(ids, memory)[0].tolist() == [2, 1, 0]
    assert ways.viewed(ids, memory).tolist() == [[0, 3, 1], [4, 2, 5]]
    memory.step = 10
    assert set(ways.noisier(1)(ids, memory).flatten().tolist()) == {0}


def test_no_cell_is_a_healthy_run():
    healthy = str(training.Training(TINY).run().rows)

    same = [kind.__name__ for kind in GRID if str(kind(TINY).run().rows) == healthy]

    assert same == []
    assert all(kind.sick and kind.traces and kind.__doc__ for kind in GRID)


def test_a_cell_spoils_its_part_and_the_evaluation_only_if_it_says_so():
    old = grid_data.LABELS[1](TINY)
    old.before(1)
    first = old.labels(old.data[:4])
    assert old.labels(old.data[4:8]).equal(first)
    old.student.eval()
    assert old.labels(old.data[4:8]).equal(old.data[4:8, 1:])
    one_token = grid_data.LABELS[0](TINY)
    one_token.student.eval()
    assert not one_token.labels(one_token.data[:4]).any()


def test_learned_weights_move_and_squared_ones_are_in_the_total():
    moved = grid_weights.WeightsLearned(TINY).run()
    assert moved.column(names.WEIGHT + "kd")[-1] < moved.column(names.WEIGHT + "kd")[0]
    twice = grid_weights.WeightsTwice(TINY).run()
    row = twice.rows[1][2]
    parts = {term: row[names.WEIGHTED + term] * row[names.WEIGHT + term] for term in TINY.weights}
    assert row[names.LOSS] == pytest.approx(sum(parts.values()), rel=1e-5)
    labels = grid_terms.KdToLabels(TINY).run()
    assert labels.column(names.RAW + "kd")[0] > 4 * labels.column(names.RAW + "lm")[0] * 0.9


def test_a_coin_halved_the_grid():
    tuned, judged = halves(GRID)

    assert GROUPS["grid-tuned"] == tuned
    assert GROUPS["grid-judged"] == judged
    assert not set(tuned) & set(judged)
    assert {*tuned, *judged} == set(GRID)
    assert abs(len(tuned) - len(judged)) <= 1
    assert sum(map(len, GROUPS.values())) == len(KINDS)
